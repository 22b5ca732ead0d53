package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
)

// userCommand works on the configured store, whether a server is running on it or not: every change is one transaction of
// the store, which a running server hears of.
func (c *cli) userCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "user", Short: "Look after users", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	yes, no := true, false
	root.AddCommand(
		c.userCreateCommand(), c.userListCommand(), c.userSetPasswordCommand(),
		c.userShowCommand(),
		c.userUpdateCommand("verify", "Mark a user's email address as verified", authn.AccountUpdate{Verified: &yes}),
		c.userUpdateCommand("disable", "Disable a user and end their sessions", authn.AccountUpdate{Active: &no}),
		c.userUpdateCommand("enable", "Enable a disabled user", authn.AccountUpdate{Active: &yes}),
		c.userActionCommand("unlock", "Forget a user's failed logins and their lock",
			func(ctx context.Context, m *mind, u authn.User) error {
				_, err := m.accounts.Unlock(ctx, authn.Operator(), u.ID)
				return err
			}),
		c.userDeleteCommand(),
	)
	return root
}

// withMind runs a function on the configured store.
func (c *cli) withMind(ctx context.Context, do func(m *mind) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	m, err := newMind(ctx, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer m.close()
	return do(m)
}

// onUser makes a command that works on the user whom its argument names, and prints what the function leaves of them.
func (c *cli) onUser(use, short string, do func(context.Context, *mind, authn.User) (authn.User, error)) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME", Short: short, Args: exactArgs("NAME (a username, an email address or an id)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withMind(cmd.Context(), func(m *mind) error {
				user, err := m.accounts.Find(cmd.Context(), authn.Operator(), args[0])
				if err != nil {
					return err
				}
				if user, err = do(cmd.Context(), m, user); err != nil {
					return err
				}
				return c.printUser(user)
			})
		},
	}
}

func (c *cli) userActionCommand(use, short string, act func(context.Context, *mind, authn.User) error) *cobra.Command {
	return c.onUser(use, short, func(ctx context.Context, m *mind, user authn.User) (authn.User, error) {
		return user, act(ctx, m, user)
	})
}

func (c *cli) userUpdateCommand(use, short string, update authn.AccountUpdate) *cobra.Command {
	return c.onUser(use, short, func(ctx context.Context, m *mind, user authn.User) (authn.User, error) {
		return m.accounts.Update(ctx, authn.Operator(), user.ID, update, authn.Client{})
	})
}

func (c *cli) userSetPasswordCommand() *cobra.Command {
	return c.onUser("set-password", "Read a new password without echo, set it, and end the user's sessions",
		func(ctx context.Context, m *mind, user authn.User) (authn.User, error) {
			password, err := c.readPassword(ctx, "New password")
			if err != nil {
				return user, err
			}
			return m.accounts.Update(ctx, authn.Operator(), user.ID, authn.AccountUpdate{Password: &password}, authn.Client{})
		})
}

func (c *cli) userCreateCommand() *cobra.Command {
	var account authn.NewAccount
	var unverified bool
	cmd := &cobra.Command{
		Use:   "create USERNAME --email ADDRESS",
		Short: "Make a user; the password is read without echo, or is a hash made elsewhere",
		Args:  exactArgs("USERNAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			account.Username, account.Verified = args[0], !unverified
			return c.withMind(cmd.Context(), func(m *mind) (err error) {
				if !cmd.Flags().Changed("password-hash") {
					if account.Password, err = c.readPassword(cmd.Context(), "Password"); err != nil {
						return err
					}
				} else if account.PasswordHash == "" {
					return usageError{errors.New("--password-hash is empty")}
				}
				user, err := m.accounts.Create(cmd.Context(), authn.Operator(), account)
				if err != nil {
					return err
				}
				return c.printUser(user)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&account.Email, "email", "", "email address (required)")
	flags.StringVar(&account.PasswordHash, "password-hash", "", "bcrypt ($2a$, $2b$, $2y$) or argon2id hash, instead of a password")
	flags.StringSliceVar(&account.Roles, "role", nil, "a role; may be given several times")
	flags.BoolVar(&account.Admin, "admin", false, "make the user an administrator")
	flags.BoolVar(&unverified, "unverified", false, "leave the email address unverified")
	return cmd
}

func (c *cli) userDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a user and their tokens", Args: exactArgs("NAME (a username, an email address or an id)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withMind(cmd.Context(), func(m *mind) error {
				user, err := m.accounts.Find(cmd.Context(), authn.Operator(), args[0])
				if err != nil {
					return err
				}
				if err := m.accounts.Delete(cmd.Context(), authn.Operator(), user.ID); err != nil {
					return err
				}
				deleted := map[string]string{"deleted": user.ID.String()}
				return c.print(deleted, func(w io.Writer) { fmt.Fprintln(w, "deleted", user.Username) })
			})
		},
	}
}

func (c *cli) printUsers(users []authn.User) error {
	shown := make([]any, 0, len(users))
	for _, user := range users {
		shown = append(shown, api.Show(user))
	}
	return c.print(shown, func(w io.Writer) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		defer table.Flush()
		fmt.Fprintln(table, "USERNAME\tEMAIL\tSTATE\tROLES\tLAST LOGIN\tID")
		for _, u := range users {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n",
				u.Username, u.Email, userState(u), strings.Join(u.Roles, ","), lastLogin(u), u.ID)
		}
	})
}

func (c *cli) printUser(u authn.User) error {
	return c.print(api.Show(u), func(w io.Writer) { writeUser(w, u) })
}

func writeUser(w io.Writer, u authn.User) {
	fmt.Fprintf(w, "id          %s\nusername    %s\nemail       %s\nstate       %s\nroles       %s\ncreated     %s\nlast login  %s\n",
		u.ID, u.Username, u.Email, userState(u), strings.Join(u.Roles, ","), u.CreatedAt.UTC().Format(time.RFC3339), lastLogin(u))
}

// userState says in words what the flags say.
func userState(u authn.User) string {
	words := []string{"active"}
	if !u.Active {
		words[0] = "disabled"
	}
	if !u.Verified {
		words = append(words, "unverified")
	}
	if u.Admin {
		words = append(words, "administrator")
	}
	return strings.Join(words, ",")
}

func lastLogin(u authn.User) string {
	if u.LastLogin.IsZero() {
		return "never"
	}
	return u.LastLogin.UTC().Format(time.RFC3339)
}
