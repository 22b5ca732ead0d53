package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func (c *cli) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask the running server on this machine whether it is ready; exit 0 if it is",
		Long:  "Asks /readyz on server.ops_address, for health checks in places where there is no curl.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.health(cmd.Context()) },
	}
}

func (c *cli) health(ctx context.Context) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if cfg.Server.OpsAddress == "" {
		return usageError{errors.New("health needs server.ops_address, which is empty")}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(cfg.Server.OpsAddress)+"/readyz", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{}} // never through a proxy of the environment
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", body)
	}
	return c.print(map[string]string{"status": "ready"}, func(w io.Writer) { fmt.Fprintln(w, "ready") })
}
