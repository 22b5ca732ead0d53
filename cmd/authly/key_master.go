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
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

func (c *cli) keyRotateMasterCommand() *cobra.Command {
	var lost bool
	cmd := &cobra.Command{
		Use: "rotate-master", Short: "Put another master key in the place of the one that the store is sealed with", Args: noArgs,
		Long: `Put another master key in the place of the one that the store is sealed with, while servers run.

Where the master key is in a file that Authly has made, or that keys.master_key_file names, another file is made in its place; the
one of before is kept with ".previous" added to its name. Elsewhere put the new one into keys.master_key (AUTHLY_MASTER_KEY) and the one of
before into keys.master_key_previous (AUTHLY_MASTER_KEY_PREVIOUS), start every replica anew, call this, and take the previous one out again. An HSM (keys.pkcs11) holds the master key where no other
one is configured, and unwraps what it has wrapped where one is.

It can be called again whenever it was interrupted.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, disk, err := c.openStore(cmd.Context())
			if err != nil {
				return err
			}
			defer disk.Close()
			token, err := hsmOf(cfg, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer closeHSM(token)
			sealer, err := newSealer(cfg, disk, token, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			if lost {
				return c.abandonMaster(cmd.Context(), sealer)
			}
			return c.replaceMaster(cmd.Context(), cfg, disk, sealer)
		},
	}
	cmd.Flags().BoolVar(&lost, "lost", false, "the one of before is lost for good, and all signing keys are revoked: begin with another one; mails that wait are lost")
	return cmd
}

// replacedMaster is what authly key rotate-master prints as JSON.
type replacedMaster struct {
	Before   string `json:"before"`             // fingerprints
	After    string `json:"after"`              // the same as before if there was nothing to replace
	DataKeys int    `json:"data_keys"`          // that were wrapped anew
	KeyFile  string `json:"key_file,omitempty"` // that another one has taken the place of
}

// replaceMaster replaces the master key and seals everything with the data key that comes with it.
func (c *cli) replaceMaster(ctx context.Context, cfg *config.Config, disk *store.Store, sealer *secret.Sealer) error {
	done, err := sealer.ReplaceMaster(ctx, byOperator())
	same := errors.Is(err, secret.ErrSameMaster)
	if err != nil && !same {
		return lostKeys(err)
	}
	if err := c.sealAnew(ctx, cfg, disk, sealer); err != nil {
		return fmt.Errorf("the master key is replaced, but not everything is sealed anew yet; servers go on with it: %w", err)
	}
	return c.print(replacedMaster{done.Before, done.After, done.DataKeys, done.File}, func(w io.Writer) {
		switch {
		case same:
			fmt.Fprintln(w, "the configured master key is in use: for another one, put that into keys.master_key and this one into "+
				"keys.master_key_previous, start every replica anew, and call this again")
		case done.File != "":
			fmt.Fprintf(w, "%s has taken the place of %s and is in %s\n", done.After, done.Before, done.File)
			fmt.Fprintf(w, "back that file up, apart from the database; only backups of before need %s.previous, which the next call replaces\n", done.File)
		default:
			fmt.Fprintf(w, "%s has taken the place of %s\n", done.After, done.Before)
			fmt.Fprintln(w, "now take keys.master_key_previous out, and keep it with the backups of before")
		}
	})
}

// sealAnew seals what earlier data keys have sealed, and has the database forget how they were wrapped.
func (c *cli) sealAnew(ctx context.Context, cfg *config.Config, disk *store.Store, sealer *secret.Sealer) error {
	log := slog.New(slog.DiscardHandler)
	keys, err := authn.NewManagedKeys(keysConfig(cfg, disk, sealer, nil, log))
	if err != nil {
		return err
	}
	mails := authn.NewMails(mailsConfig(cfg, disk, sealer, nil, log))
	if err := sealer.Tend(ctx, keys.Reseal, mails.Reseal); err != nil {
		return err
	}
	return disk.Scrub(ctx, false)
}

// abandonMaster begins with another master key where the one of before is lost.
func (c *cli) abandonMaster(ctx context.Context, sealer *secret.Sealer) error {
	err := sealer.Abandon(ctx, byOperator())
	switch {
	case errors.Is(err, secret.ErrSameMaster):
		return errors.New("the master key that the database is sealed with is at hand: nothing is lost")
	case errors.Is(err, authn.ErrKeySealed):
		return errors.New("signing keys are sealed with what is lost: authly key list, and authly key revoke for each key first, which ends all tokens")
	case err != nil:
		return err
	}
	return c.print(map[string]bool{"abandoned": true}, func(w io.Writer) {
		fmt.Fprintln(w, "the database is sealed with another master key; servers make new signing keys when they start")
	})
}

// byOperator is what somebody does by a command.
func byOperator() authn.Act {
	return authn.Act{By: authn.Actor{Kind: authn.ActorOperator}, At: time.Now()}
}
