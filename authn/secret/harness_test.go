package secret_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

const (
	masterKey  = "a master key of more than thirty-two bytes"
	anotherKey = "another master key, of as many bytes as that"
)

// onBothDatabases runs a test on SQLite and on PostgreSQL. open gives another Store on the same database each time.
func onBothDatabases(t *testing.T, test func(t *testing.T, open func() *store.Store)) {
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "authly.db") },
		"postgres": func(t *testing.T) string { return storetest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			at := url(t)
			test(t, func() *store.Store { return openAt(t, at) })
		})
	}
}

func openAt(t *testing.T, url string) *store.Store {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// clock is the time of a test.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.micros.Store(time.Now().UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// act is what an operator does.
func act() authn.Act {
	return authn.Act{By: authn.Actor{Kind: authn.ActorOperator}, At: time.Now()}
}

// sealing returns what is needed to seal on a database with a master key.
func sealing(t *testing.T, db *store.Store, key string, previous ...string) secret.Config {
	t.Helper()
	cfg := secret.Config{Keys: db, Now: time.Now}
	if key != "" {
		cfg.Current = newMaster(t, key)
	}
	for _, p := range previous {
		cfg.Previous = append(cfg.Previous, newMaster(t, p))
	}
	return cfg
}

// cell is where a test keeps something.
func cell(row string) authn.Cell {
	return authn.Cell{Table: "keys", Column: "material", Row: row, Of: "access EdDSA " + row}
}

func sealed(t *testing.T, s *secret.Sealer, material string, at authn.Cell) ([]byte, string) {
	t.Helper()
	text, sealing, err := s.Seal(t.Context(), []byte(material), at)
	if err != nil {
		t.Fatal(err)
	}
	return text, sealing
}

func opens(t *testing.T, s *secret.Sealer, text []byte, sealing string, at authn.Cell, want string) {
	t.Helper()
	if got, err := s.Open(t.Context(), text, sealing, at); err != nil || string(got) != want {
		t.Errorf("opened: %q, error %v", got, err)
	}
}

// refuses fails unless s does not open the text and says why, in words that help and without a secret.
func refuses(t *testing.T, s *secret.Sealer, text []byte, sealing string, at authn.Cell, why string) {
	t.Helper()
	got, err := s.Open(t.Context(), text, sealing, at)
	if err == nil || len(got) != 0 {
		t.Errorf("got %q, error %v", got, err)
	}
	blames(t, err, why)
}

// blames fails unless the error says why, without a secret.
func blames(t *testing.T, err error, why string) {
	t.Helper()
	switch {
	case err == nil || !strings.Contains(err.Error(), why):
		t.Errorf("error %v; want one with %q", err, why)
	case strings.Contains(err.Error(), masterKey) || strings.Contains(err.Error(), anotherKey):
		t.Errorf("the error repeats a secret: %v", err)
	}
}

// sealedDirectly seals as versions did before there were data keys: with the master key or key file itself.
func sealedDirectly(t *testing.T, prefix, key, material, bound string) ([]byte, string) {
	t.Helper()
	derived, err := hkdf.Key(sha256.New, []byte(key), nil, "authly: seal signing keys", 32)
	if err != nil {
		t.Fatal(err)
	}
	mark, err := hkdf.Key(sha256.New, []byte(key), nil, "authly: name of what seals", 8)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(nil, nil, []byte(material), []byte(bound)), prefix + hex.EncodeToString(mark)
}

// dataKeys returns the data keys of a database.
func dataKeys(t *testing.T, db *store.Store) []authn.DataKey {
	t.Helper()
	keys, err := db.ListDataKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
