package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

func (c *cli) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the schema of the database up to date, as the user who owns its tables",
		Long: "Brings the schema of the database in store.url up to date, whatever store.migrate says. With store.migrate: false nothing else\n" +
			"does, and the server's own user of the database needs to read and write rows and no more; see examples/postgres.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.migrate(cmd.Context()) },
	}
}

// migration is what authly migrate prints as JSON.
type migration struct {
	From int64 `json:"from"` // the version before; 0 of an empty database
	To   int64 `json:"to"`
}

func (c *cli) migrate(ctx context.Context) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	risks, err := storeWarnings(cfg)
	if err != nil {
		return err
	}
	log, _, spool := newLog(c.stderr, cfg.Log)
	defer spool.Flush()
	warn(log, risks)
	found, err := store.Migrate(ctx, cfg.Store.URL, store.Options{Log: log})
	if err != nil {
		return fmt.Errorf("store.url: %w", err)
	}
	return c.print(migration{From: found, To: store.SchemaVersion}, func(w io.Writer) {
		if found == store.SchemaVersion {
			fmt.Fprintf(w, "the schema is at version %d already\n", found)
			return
		}
		fmt.Fprintf(w, "the schema was at version %d and is at %d now\n", found, store.SchemaVersion)
	})
}

// warningsOf says what is allowed but risky in a configuration, and on the way to the database that it names.
func warningsOf(cfg *config.Config) ([]config.Warning, error) {
	risks, err := storeWarnings(cfg)
	return append(risks, cfg.Warnings()...), err
}

func storeWarnings(cfg *config.Config) (list []config.Warning, err error) {
	risks, err := store.Risks(cfg.Store.URL)
	if err != nil {
		return nil, fmt.Errorf("store.url: %w", err)
	}
	for _, risk := range risks {
		list = append(list, config.Warning{Key: "store.url", Text: risk})
	}
	return list, nil
}

func warn(log *slog.Logger, warnings []config.Warning) {
	for _, w := range warnings {
		log.Warn("configuration", "key", w.Key, "warning", w.Text)
	}
}
