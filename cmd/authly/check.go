package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn/geo"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/cmd/authly/config"
)

// checkReport is what authly check prints as JSON.
type checkReport struct {
	Valid    bool          `json:"valid"`
	Mistakes []checkRemark `json:"mistakes"`
	Warnings []checkRemark `json:"warnings"`
	Advice   []checkRemark `json:"advice"`

	Configuration *config.Config `json:"configuration,omitempty"` // as it would run, its secrets hidden
}

type checkRemark struct {
	Place string `json:"place,omitempty"`
	Key   string `json:"key"`
	Text  string `json:"text"`
}

func (c *cli) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Check the configuration: print what would run, and what is risky", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return c.check() },
	}
}

// check prints the configuration as it would run, its secrets hidden, and the warnings behind it.
func (c *cli) check() error {
	cfg, err := c.load()
	if err != nil {
		if mistakes, ok := errors.AsType[config.Mistakes](err); ok && c.output == "json" {
			_ = c.print(reportMistakes(mistakes), nil)
		}
		return err
	}
	if err := checkFiles(cfg); err != nil {
		return err
	}
	warnings, err := warningsOf(cfg)
	if err != nil {
		return err
	}
	report := checkReport{Valid: true, Mistakes: []checkRemark{}, Warnings: []checkRemark{}, Advice: []checkRemark{}, Configuration: cfg}
	for _, w := range warnings {
		report.Warnings = append(report.Warnings, checkRemark{Key: w.Key, Text: w.Text})
	}
	for _, w := range cfg.Advice() {
		report.Advice = append(report.Advice, checkRemark{Key: w.Key, Text: w.Text})
	}
	var writeErr error
	err = c.print(report, func(w io.Writer) {
		writeErr = cfg.WriteYAML(w)
		for _, remark := range report.Warnings {
			fmt.Fprintf(w, "warning: %s: %s\n", remark.Key, remark.Text)
		}
		for _, remark := range report.Advice {
			fmt.Fprintf(w, "advice: %s: %s\n", remark.Key, remark.Text)
		}
		fmt.Fprintf(w, "The configuration is valid; warnings: %d.\n", len(report.Warnings))
	})
	if err != nil {
		return err
	}
	return writeErr
}

// checkFiles opens what the configuration names and the start would stop at.
func checkFiles(cfg *config.Config) error {
	if err := needsMasterKey(cfg); err != nil {
		return err
	}
	if _, err := newMailer(cfg, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := web.CheckFolder(cfg.Pages.Folder); err != nil {
		return fmt.Errorf("pages.folder: %w", err)
	}
	if _, err := brandOf(cfg.Pages, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	for _, file := range cfg.Geo.Database {
		if _, err := geo.Open(file); err != nil {
			return fmt.Errorf("geo.database: %w", err)
		}
	}
	if cfg.HasHSM() {
		return checkHSM(cfg)
	}
	return nil
}

func reportMistakes(mistakes config.Mistakes) checkReport {
	report := checkReport{Mistakes: []checkRemark{}, Warnings: []checkRemark{}, Advice: []checkRemark{}}
	for _, m := range mistakes {
		report.Mistakes = append(report.Mistakes, checkRemark{Place: m.Place.String(), Key: m.Key, Text: m.Problem})
	}
	return report
}
