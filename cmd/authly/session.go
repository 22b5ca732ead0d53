package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
)

// sessionCommand looks after logins on the configured store; a running server follows what it ends.
func (c *cli) sessionCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "session", Short: "See where users are signed in, and end it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(c.sessionListCommand(), c.sessionRevokeCommand())
	return root
}

func (c *cli) sessionListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list NAME", Short: "List the sessions of a user", Args: exactArgs("NAME (a username, an email address or an id)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withMind(cmd.Context(), func(m *mind) error {
				user, err := m.accounts.Find(cmd.Context(), authn.Operator(), args[0])
				if err != nil {
					return err
				}
				sessions, err := m.sessions.List(cmd.Context(), authn.Operator(), user.ID)
				if err != nil {
					return err
				}
				return c.printSessions(sessions)
			})
		},
	}
}

func (c *cli) sessionRevokeCommand() *cobra.Command {
	var all, everybody bool
	cmd := &cobra.Command{
		Use: "revoke [NAME [SESSION]]", Short: "End a session of a user, with --all every one, or with --everybody those of all users",
		RunE: func(cmd *cobra.Command, args []string) error {
			if everybody && len(args) == 0 && !all {
				return c.withMind(cmd.Context(), func(m *mind) error { return c.revokeEverybody(cmd.Context(), m) })
			}
			if everybody || len(args) != 1 && len(args) != 2 || (len(args) == 1) != all {
				return usageError{errors.New("expected NAME SESSION, NAME --all, or --everybody")}
			}
			return c.withMind(cmd.Context(), func(m *mind) error { return c.revokeSessions(cmd.Context(), m, args) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end all sessions of the user")
	cmd.Flags().BoolVar(&everybody, "everybody", false, "end all sessions of all users, such as after a backup was restored")
	return cmd
}

// revokeEverybody ends the sessions of one user after the other. Interrupted, it can be called again.
func (c *cli) revokeEverybody(ctx context.Context, m *mind) error {
	const page = 100
	count, tokens := 0, 0
	for cursor := ""; ; {
		users, err := m.accounts.ListAfter(ctx, authn.Operator(), cursor, page)
		if err != nil {
			return err
		}
		for _, user := range users {
			ended, err := m.sessions.EndAll(ctx, authn.Operator(), user.ID)
			if refusal, ok := errors.AsType[*authn.Error](err); ok && refusal.Code == authn.CodeNotFound {
				continue // deleted meanwhile
			}
			if err != nil {
				return err
			}
			count, tokens = count+1, tokens+ended
		}
		if len(users) < page {
			break
		}
		cursor = authn.UserCursor(users[len(users)-1])
	}
	return c.print(map[string]int{"users": count, "invalidated_tokens": tokens}, func(w io.Writer) {
		fmt.Fprintf(w, "all sessions of %d users ended, %d tokens with them\n", count, tokens)
	})
}

func (c *cli) revokeSessions(ctx context.Context, m *mind, args []string) error {
	user, err := m.accounts.Find(ctx, authn.Operator(), args[0])
	if err != nil {
		return err
	}
	tokens := 0
	if len(args) == 1 {
		if tokens, err = m.sessions.EndAll(ctx, authn.Operator(), user.ID); err != nil {
			return err
		}
		return c.print(map[string]int{"invalidated_tokens": tokens}, func(w io.Writer) {
			fmt.Fprintf(w, "all sessions of %s ended, %d tokens with them\n", user.Username, tokens)
		})
	}
	id, err := uuid.Parse(args[1])
	if err != nil {
		return usageError{errors.New("SESSION must be an id as authly session list prints it")}
	}
	if err := m.sessions.End(ctx, authn.Operator(), user.ID, id); err != nil {
		return err
	}
	return c.print(map[string]string{"ended": id.String()}, func(w io.Writer) { fmt.Fprintln(w, "ended", id) })
}

func (c *cli) printSessions(sessions []authn.SessionView) error {
	shown := make([]any, 0, len(sessions))
	for _, s := range sessions {
		shown = append(shown, api.ShowSession(s))
	}
	return c.print(shown, func(w io.Writer) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		defer table.Flush()
		fmt.Fprintln(table, "ID\tDEVICE\tADDRESS\tPLACE\tSIGNED IN\tLAST SEEN")
		for _, s := range sessions {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, authn.DeviceName(s.UserAgent), s.ClientAddress,
				authn.PlaceName(s.City, s.Country), s.CreatedAt.UTC().Format(time.RFC3339), s.LastSeenAt.UTC().Format(time.RFC3339))
		}
	})
}
