package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/cmd/authly/config"
)

// recordConfiguration notes in the audit trail what this server goes by from now on. That it cannot be noted keeps nobody out.
func (m *mind) recordConfiguration(ctx context.Context, cfg *config.Config) {
	m.trail.Record(ctx, authn.ConfigurationEvent(time.Now(), version, digestOf(cfg)))
}

// digestOf names a configuration without its secrets.
func digestOf(cfg *config.Config) string {
	digest := sha256.New()
	_ = cfg.WriteYAML(digest) // secrets are only said to be set
	return hex.EncodeToString(digest.Sum(nil)[:8])
}

// auditFlags are the conditions of authly audit, by the names of authn.EventFilter.
type auditFlags struct {
	conditions map[string]*string
	limit      int
}

// auditCommand reads the audit trail of the configured store.
func (c *cli) auditCommand() *cobra.Command {
	flags := auditFlags{conditions: map[string]*string{}}
	cmd := &cobra.Command{
		Use: "audit", Short: "Read the audit trail, the newest first; with --output json one event in a line", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.limit < 0 {
				return usageError{errors.New("--limit must be 0 (all) or more")}
			}
			return c.withTrail(cmd.Context(), func(m *mind) error { return c.printTrail(cmd.Context(), m, flags) })
		},
	}
	for name, help := range map[string]string{
		"kind":       "a kind of event, or several with commas between",
		"actor":      "who did it: operator, system, anonymous, user, client, user:ID or client:ID",
		"user":       "whom it is about: a username, an email address or an id",
		"session":    "a session's id",
		"client":     "a client address, or a network such as 192.0.2.0/24",
		"country":    "the country of the client address, such as NO",
		"outcome":    "success or failure",
		"request_id": "as the access log tells it",
		"since":      "from this time on, such as 2026-01-31T12:00:00Z, or so long ago, such as 24h",
		"until":      "before this time, likewise",
	} {
		flags.conditions[name] = cmd.Flags().String(strings.ReplaceAll(name, "_", "-"), "", help)
	}
	cmd.Flags().IntVar(&flags.limit, "limit", 100, "events to print at most; 0: all")
	return cmd
}

// withTrail runs a function on the trail and the accounts of the configured store. No key is opened: where they are lost, what has
// happened must still be readable.
func (c *cli) withTrail(ctx context.Context, do func(m *mind) error) error {
	_, disk, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer disk.Close()
	log := slog.New(slog.DiscardHandler)
	logins := authn.NewLogins(authn.LoginsConfig{Store: disk, Now: time.Now, Log: log})
	return do(&mind{
		store: disk, logins: logins, trail: authn.NewTrail(authn.TrailConfig{Store: disk, Now: time.Now, Log: log}),
		accounts: authn.NewAccounts(authn.AccountsConfig{Store: disk, Logins: logins, Now: time.Now, Log: log}),
	})
}

// query makes a query of what was given.
func (f *auditFlags) query(ctx context.Context, m *mind) (q authn.EventQuery, err error) {
	q.Limit = f.limit
	for _, name := range authn.EventFilterNames() {
		text := *f.conditions[name]
		if text == "" {
			continue
		}
		switch name {
		case "user":
			text, err = m.subject(ctx, text)
		case "since", "until":
			if ago, parseErr := time.ParseDuration(text); parseErr == nil {
				text = time.Now().Add(-ago).Format(time.RFC3339Nano)
			}
		}
		if err == nil {
			err = q.Set(name, text)
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

// subject returns the id of the user of a name. An id need not be anybody's: the trail knows users who are gone.
func (m *mind) subject(ctx context.Context, name string) (string, error) {
	if _, err := uuid.Parse(name); err == nil {
		return name, nil
	}
	user, err := m.accounts.Find(ctx, authn.Operator(), name)
	return user.ID.String(), err
}

func (c *cli) printTrail(ctx context.Context, m *mind, flags auditFlags) error {
	q, err := flags.query(ctx, m)
	if refusal, ok := errors.AsType[*authn.Error](err); ok && refusal.Code == authn.CodeInvalidRequest {
		return usageError{err}
	} else if err != nil {
		return err
	}
	write, end := c.eventWriter()
	for e, err := range m.trail.All(ctx, authn.Operator(), q) {
		if err != nil {
			return err
		}
		if err := write(e); err != nil {
			return err
		}
	}
	return end()
}

// eventWriter returns what writes events as --output says, one after the other: a trail may be long.
func (c *cli) eventWriter() (write func(authn.Event) error, end func() error) {
	if c.output == "json" {
		encoder := json.NewEncoder(c.stdout)
		encoder.SetEscapeHTML(false)
		return func(e authn.Event) error { return encoder.Encode(api.ShowEvent(e)) }, func() error { return nil }
	}
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TIME\tEVENT\tOUTCOME\tACTOR\tUSER\tADDRESS\tPLACE\tDETAILS") // an error comes again with the next line
	rows := 0
	return func(e authn.Event) error {
		if rows++; rows%1000 == 0 { // columns that fit a thousand rows fit; the whole need not be in memory
			_ = table.Flush()
		}
		return printEvent(table, e)
	}, table.Flush
}

func printEvent(w io.Writer, e authn.Event) error {
	actor, user, address := string(e.Actor.Kind), "-", "-"
	if e.Actor.ID != "" {
		actor += ":" + e.Actor.ID
	}
	if e.Subject != uuid.Nil {
		if user = e.Subject.String(); e.Actor.ID == user {
			actor = "self"
		}
	}
	if e.From.Address.IsValid() {
		address = e.From.Address.String()
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.At.UTC().Format(time.RFC3339), e.Kind, e.Outcome, printable(actor), user,
		address, printable(cmp.Or(authn.PlaceName(e.City, e.Country), "-")), printable(detailsText(e)))
	return err
}

// detailsText is what else there is to say in a line.
func detailsText(e authn.Event) string {
	var words []string
	if e.Reason != "" {
		words = append(words, e.Reason)
	}
	if e.Count > 1 {
		words = append(words, fmt.Sprintf("%d times", e.Count))
	}
	for _, name := range e.Details.Names() {
		words = append(words, string(name)+"="+e.Details[name])
	}
	return strings.Join(words, " ")
}

// printable replaces what a terminal could take for a command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
