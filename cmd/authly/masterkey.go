package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

// newSealer builds what everything secret in the store is sealed with. Here, and nowhere else, it is said where the master key comes
// from: an HSM holds it unless another one is configured, and then unwraps what it has wrapped before. token is the HSM; nil: there is
// none.
func newSealer(cfg *config.Config, disk *store.Store, token hsmToken, memory *secret.Memory, log *slog.Logger) (*secret.Sealer, error) {
	if err := needsMasterKey(cfg); err != nil {
		return nil, err
	}
	current, err := masterOf(memory, cfg.Keys.MasterKey)
	if err != nil {
		return nil, err
	}
	sealing := secret.Config{
		Keys: disk, Current: current, File: keyFile(cfg, disk, log), Memory: memory,
		RotateEvery: cfg.Keys.RotateDataKeysEvery, Now: time.Now, Log: log,
	}
	switch {
	case token != nil && current == nil:
		sealing.Current = token
	case token != nil:
		sealing.Previous = append(sealing.Previous, token)
	}
	previous, err := masterOf(memory, cfg.Keys.MasterKeyPrevious)
	if previous != nil {
		sealing.Previous = append(sealing.Previous, previous)
	}
	return secret.NewSealer(sealing), err
}

// reseal has what is sealed otherwise sealed as it would be now, before anything is served. A master key that is configured takes the
// place of the key file first.
func (m *mind) reseal(ctx context.Context) error {
	if err := m.sealer.Adopt(ctx); err != nil {
		return err
	}
	if err := m.sealer.TellPrevious(ctx); err != nil {
		return err
	}
	return m.sealer.Tend(ctx, m.keys.Reseal, m.mails.Reseal)
}

// masterOf is the master key that a text of the configuration is; nil if there is none.
func masterOf(memory *secret.Memory, text config.Secret) (secret.Wrapper, error) {
	if text == "" {
		return nil, nil
	}
	key := []byte(text)
	defer clear(key)
	return memory.Master(key)
}

// keyFile is the file that holds the master key: the one that is configured, or one beside a SQLite database. That is looked at also
// where a master key is configured, which takes its place. Replicas on several machines have no place for a file that all of them
// see.
func keyFile(cfg *config.Config, disk *store.Store, log *slog.Logger) *secret.KeyFile {
	switch {
	case cfg.Keys.MasterKeyFile != "":
		return secret.NewKeyFile(cfg.Keys.MasterKeyFile, false, log)
	case disk.File() != "":
		return secret.NewKeyFile(disk.File()+".key", true, log)
	}
	return nil
}

// needsMasterKey refuses PostgreSQL without a master key: its backups and replicas are in many hands.
func needsMasterKey(cfg *config.Config) error {
	if !cfg.IsPostgres() || cfg.HasHSM() || cfg.Keys.MasterKey != "" || cfg.Keys.MasterKeyFile != "" {
		return nil
	}
	return usageError{errors.New("keys.master_key: is not set, and everything secret in PostgreSQL is sealed with it. Make one " +
		"(openssl rand -base64 32), keep a copy of it apart from the database, and give it to every replica and to the command line as " +
		"AUTHLY_MASTER_KEY, or in a file that AUTHLY_MASTER_KEY_FILE names. What is not sealed yet is sealed at the next start")}
}
