package main

import (
	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
)

func (c *cli) userListCommand() *cobra.Command {
	var q authn.UserQuery
	var active, verified, admin, locked bool
	cmd := &cobra.Command{
		Use: "list", Short: "List users in the order of their creation, all or those who are searched for", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, one := range []struct {
				name  string
				value *bool
				into  **bool
			}{{"active", &active, &q.Active}, {"verified", &verified, &q.Verified}, {"admin", &admin, &q.Admin}, {"locked", &locked, &q.Locked}} {
				if cmd.Flags().Changed(one.name) {
					*one.into = one.value
				}
			}
			return c.withMind(cmd.Context(), func(m *mind) error {
				page, err := m.accounts.Search(cmd.Context(), authn.Operator(), q)
				if err != nil {
					return err
				}
				users := make([]authn.User, 0, len(page.Users))
				for _, found := range page.Users {
					users = append(users, found.User)
				}
				return c.printUsers(users)
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&q.Skip, "skip", 0, "users to pass over")
	flags.IntVar(&q.Limit, "limit", 100, "users to print, 1 to 100")
	flags.StringVar(&q.Text, "search", "", "those with this in their username or email address")
	flags.StringVar(&q.Role, "role", "", "those who have this role")
	flags.BoolVar(&active, "active", false, "those who may log in; --active=false: those who are disabled")
	flags.BoolVar(&verified, "verified", false, "those whose email address is verified; --verified=false: whose is not")
	flags.BoolVar(&admin, "admin", false, "administrators; --admin=false: all others")
	flags.BoolVar(&locked, "locked", false, "those whom wrong passwords keep out; --locked=false: all others")
	return cmd
}
