package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
)

// userShowCommand tells all that decides whether a user can log in, for whoever is asked why somebody cannot.
func (c *cli) userShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Print a user, and whether wrong passwords keep them out",
		Args: exactArgs("NAME (a username, an email address or an id)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withMind(cmd.Context(), func(m *mind) error {
				user, err := m.accounts.Find(cmd.Context(), authn.Operator(), args[0])
				if err != nil {
					return err
				}
				standing, err := m.logins.Guard().Standing(cmd.Context(), user.ID)
				if err != nil {
					return err
				}
				return c.printStanding(user, standing)
			})
		},
	}
}

func (c *cli) printStanding(user authn.User, s authn.Standing) error {
	return c.print(api.ShowStanding(user, s), func(w io.Writer) {
		writeUser(w, user)
		if s.Failures > 0 {
			fmt.Fprintf(w, "failures    %d in a row, the last at %s\n", s.Failures, s.LastFailure.UTC().Format(time.RFC3339))
		}
		if !s.LockedUntil.IsZero() {
			fmt.Fprintf(w, "locked      until %s\n", s.LockedUntil.UTC().Format(time.RFC3339))
		}
	})
}
