package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

// keyCommand looks after signing keys in the configured store; running servers follow.
func (c *cli) keyCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "key", Short: "See, replace and revoke the keys that sign tokens", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(c.keyListCommand(), c.keyRotateCommand(), c.keyRevokeCommand(), c.keyRotateMasterCommand())
	return root
}

// withKeys runs a function on the keys of the configured store. Unlike withMind it opens none of them: where the key file or the
// master key is lost, keys must still be revoked.
func (c *cli) withKeys(ctx context.Context, do func(keys *authn.ManagedKeys) error) error {
	cfg, disk, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	defer disk.Close()
	log := slog.New(slog.DiscardHandler)
	token, err := hsmOf(cfg, nil, log)
	if err != nil {
		return err
	}
	defer closeHSM(token)
	sealer, err := newSealer(cfg, disk, token, nil, log)
	if err != nil {
		return err
	}
	keys, err := authn.NewManagedKeys(keysConfig(cfg, disk, sealer, token, log))
	if err != nil {
		return err
	}
	return lostKeys(do(keys))
}

// openStore opens the configured store for a command that needs no more. The caller closes it.
func (c *cli) openStore(ctx context.Context) (*config.Config, *store.Store, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	disk, err := store.Open(ctx, cfg.Store.URL, store.Options{MaxConnections: cfg.Store.MaxConnections, KeepSchema: !cfg.Store.Migrate})
	if err != nil {
		return nil, nil, fmt.Errorf("store.url: %w", err)
	}
	return cfg, disk, nil
}

func (c *cli) keyListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys, in the order in which they sign", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withKeys(cmd.Context(), func(keys *authn.ManagedKeys) error {
				views, err := keys.List(cmd.Context(), authn.Operator())
				if err != nil {
					return err
				}
				return c.printKeys(views)
			})
		},
	}
}

func (c *cli) keyRotateCommand() *cobra.Command {
	var purpose string
	var now bool
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make the next key, which signs when everybody has had the time to learn of it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withKeys(cmd.Context(), func(keys *authn.ManagedKeys) error {
				next, err := keys.Rotate(cmd.Context(), authn.Operator(), authn.KeyPurpose(purpose), now)
				if err != nil {
					return err
				}
				return c.print(showKey(next), func(w io.Writer) {
					does, _ := usesOf(next.Purpose)
					fmt.Fprintf(w, "key %s %s from %s\n", next.ID, does, next.ActiveFrom.UTC().Format(time.RFC3339))
				})
			})
		},
	}
	cmd.Flags().StringVar(&purpose, "purpose", string(authn.SignAccess), "access, refresh, assertion, claims or handover")
	cmd.Flags().BoolVar(&now, "now", false, "sign with it at once; who checks tokens by the public keys may not know it for five minutes")
	return cmd
}

func (c *cli) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke KEY", Short: "End all tokens that a key has signed, and erase it", Args: exactArgs("KEY (an id as authly key list prints it)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withKeys(cmd.Context(), func(keys *authn.ManagedKeys) error {
				return c.revokeKey(cmd.Context(), keys, args[0])
			})
		},
	}
}

// revokeKey revokes a key, and says what signs in its place if it was the one that signed.
func (c *cli) revokeKey(ctx context.Context, keys *authn.ManagedKeys, id string) error {
	before, err := keys.List(ctx, authn.Operator())
	if err != nil {
		return err
	}
	revoked, successor, err := keys.Revoke(ctx, authn.Operator(), id)
	if err != nil {
		return err
	}
	signs := active(before, revoked.Purpose)
	signed := signs != nil && signs.ID == revoked.ID
	if signed && successor == nil { // none was made; an older one may sign again
		after, err := keys.List(ctx, authn.Operator())
		if err != nil {
			return fmt.Errorf("key %s is revoked; what takes its place is not known: %w", id, err)
		}
		successor = active(after, revoked.Purpose)
	}
	return c.printRevoked(revoked, successor, signed)
}

// active returns the key that signs for a purpose; nil if there is none.
func active(views []authn.KeyView, purpose authn.KeyPurpose) *authn.KeyView {
	for _, v := range views {
		if v.Purpose == purpose && v.State == authn.KeyActive {
			return &v
		}
	}
	return nil
}

// revokedKey is what authly key revoke prints as JSON.
type revokedKey struct {
	Revoked   keyRow  `json:"revoked"`
	Successor *keyRow `json:"successor,omitempty"`
}

// printRevoked tells of a revoked key, and whether it was the one that signed.
func (c *cli) printRevoked(revoked authn.KeyView, successor *authn.KeyView, signed bool) error {
	shown := revokedKey{Revoked: showKey(revoked)}
	if successor != nil {
		row := showKey(*successor)
		shown.Successor = &row
	}
	return c.print(shown, func(w io.Writer) {
		_, dead := usesOf(revoked.Purpose)
		fmt.Fprintf(w, "revoked %s: the %s are dead\n", revoked.ID, dead)
		switch {
		case successor != nil:
			fmt.Fprintf(w, "key %s takes its place\n", successor.ID)
		case signed:
			fmt.Fprintln(w, "no key takes its place yet: a server that needs one makes it, when it hears of this or at its start")
		}
	})
}

// usesOf says what keys of a purpose do, and what is dead when one is revoked.
func usesOf(purpose authn.KeyPurpose) (does, dead string) {
	switch purpose {
	case authn.SignAssertion:
		return "signs assertions", "assertions that it has signed"
	case authn.SealClaims:
		return "encrypts claims", "tokens whose claims it has encrypted"
	case authn.SignHandover:
		return "signs hand-overs", "hand-overs that it has signed"
	}
	return "signs " + string(purpose) + " tokens", string(purpose) + " tokens that it has signed"
}

// keyRow is a key as it is printed. It has nothing of what the key is made of.
type keyRow struct {
	ID            string     `json:"id"`
	Purpose       string     `json:"purpose"`
	Algorithm     string     `json:"algorithm"`
	State         string     `json:"state"`
	Configured    bool       `json:"configured"` // a secret of the configuration
	CreatedAt     *time.Time `json:"created_at"`
	ActiveFrom    *time.Time `json:"active_from"`
	VerifiesUntil *time.Time `json:"verifies_until"`
	RevokedAt     *time.Time `json:"revoked_at"`
}

func showKey(v authn.KeyView) keyRow {
	return keyRow{
		ID: v.ID, Purpose: string(v.Purpose), Algorithm: v.Algorithm, State: string(v.State), Configured: v.Configured,
		CreatedAt: shownTime(v.CreatedAt), ActiveFrom: shownTime(v.ActiveFrom), VerifiesUntil: shownTime(v.VerifiesUntil),
		RevokedAt: shownTime(v.RevokedAt),
	}
}

// shownTime is null for a time that is not known.
func shownTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (c *cli) printKeys(views []authn.KeyView) error {
	shown := make([]keyRow, 0, len(views))
	for _, v := range views {
		shown = append(shown, showKey(v))
	}
	return c.print(shown, func(w io.Writer) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		defer table.Flush()
		fmt.Fprintln(table, "ID\tPURPOSE\tALGORITHM\tSTATE\tCREATED\tACTIVE FROM\tVERIFIES UNTIL")
		for _, row := range shown {
			state := row.State
			if row.Configured {
				state += ",configured"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.ID, row.Purpose, row.Algorithm, state,
				timeOrDash(row.CreatedAt), timeOrDash(row.ActiveFrom), timeOrDash(row.VerifiesUntil))
		}
	})
}

func timeOrDash(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.RFC3339)
}

// lostKeys says what can be done where keys cannot be opened and what is missing is gone for good. Of a key file that is there,
// and only has the wrong mode or owner, it says no such thing.
func lostKeys(err error) error {
	switch {
	case errors.Is(err, secret.ErrFileMode) || errors.Is(err, fs.ErrPermission):
		return err
	case errors.Is(err, authn.ErrNoMasterKey):
	case errors.Is(err, authn.ErrKeySealed):
		return fmt.Errorf("%w; put a backup back, or authly key revoke it, which ends what it has signed", err)
	default:
		return err
	}
	return fmt.Errorf("%w; if that is lost for good: authly key list, authly key revoke for each key, which ends all tokens, "+
		"authly key rotate-master --lost, and authly session revoke --everybody", err)
}
