package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// explanation is what authly explain prints as JSON.
type explanation struct {
	Verdict string            `json:"verdict"` // allow, challenge or deny
	Reason  string            `json:"reason,omitempty"`
	Detail  string            `json:"detail,omitempty"`
	Route   string            `json:"route,omitempty"`
	User    string            `json:"user,omitempty"`
	Missed  []explanationMiss `json:"missed"`
}

type explanationMiss struct {
	Route string `json:"route"`
	Why   string `json:"why"`
}

func (c *cli) explainCommand() *cobra.Command {
	var user, client string
	cmd := &cobra.Command{
		Use:   "explain METHOD URL",
		Short: "Say which route decides about a request, and how",
		Example: `  authly explain GET https://app.example.com/admin --user alice
  authly explain POST /public/form --client 192.0.2.7`,
		Args: exactArgs("METHOD", "URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.explain(cmd.Context(), args[0], args[1], user, client)
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "the caller's username, email address or id; none: anonymous")
	cmd.Flags().StringVar(&client, "client", "127.0.0.1", "the client's address")
	return cmd
}

// explain asks the gate that a server would ask. The store is needed for users alone.
func (c *cli) explain(ctx context.Context, method, url, user, client string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	request, err := headers.Question(method, url, client, cfg.Server.PublicURL)
	if e, ok := errors.AsType[*authn.Error](err); ok {
		return usageError{asked(e)}
	}
	var accounts *authn.Accounts
	if user != "" {
		m, err := newMind(ctx, cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			return err
		}
		defer m.close()
		accounts = m.accounts
	}
	gate := authn.NewGate(authn.GateConfig{Routes: cfg.Rules(), Now: time.Now})
	decision, err := authn.NewExplainer(gate, accounts).Explain(ctx, authn.Operator(), request, user)
	if err != nil {
		return err
	}
	return c.printExplanation(decision)
}

// asked says what is wrong with what was asked, in the words of the command line.
func asked(e *authn.Error) error {
	switch e.Field {
	case "client":
		return errors.New("--client must be an address")
	case "url":
		return errors.New("URL must be absolute or start with /")
	}
	return fmt.Errorf("URL: %w", e)
}

func (c *cli) printExplanation(d authn.Decision) error {
	e := explanation{Verdict: d.Verdict.String(), Missed: []explanationMiss{}}
	for _, miss := range d.Misses {
		e.Missed = append(e.Missed, explanationMiss{Route: miss.Route.Name, Why: miss.Why})
	}
	if d.Route != nil {
		e.Route = d.Route.Name
	}
	if d.Identity != nil {
		e.User = d.Identity.Username
	}
	if d.Refusal != nil {
		e.Reason, e.Detail = string(d.Refusal.Code), d.Refusal.Detail
	}
	return c.print(e, func(w io.Writer) {
		for _, miss := range e.Missed {
			fmt.Fprintf(w, "route %s does not match: %s\n", miss.Route, miss.Why)
		}
		if e.Route != "" {
			fmt.Fprintf(w, "route %s matches\n", e.Route)
		}
		if e.User != "" {
			fmt.Fprintf(w, "caller is %s\n", e.User)
		}
		fmt.Fprintf(w, "verdict: %s", e.Verdict)
		if e.Reason != "" {
			fmt.Fprintf(w, " (%s: %s)", e.Reason, e.Detail)
		}
		fmt.Fprintln(w)
	})
}
