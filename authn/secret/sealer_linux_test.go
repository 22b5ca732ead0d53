package secret_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

// Who seals with a key file has nothing of it in memory: what is derived is enough.
func TestMasterKeyIsNowhere(t *testing.T) {
	folder := t.TempDir()
	if isChild := os.Getenv(childVariable); isChild == "" {
		for _, name := range []string{"master", "kept"} {
			writeSecret(t, folder, name)
		}
	}
	out := child(t, folder, searchAfterSealing)
	var found map[string]int
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	if found["master"] != 0 || found["kept"] == 0 {
		t.Errorf("pieces that were found: %v", found)
	}
}

// searchAfterSealing seals and opens, and searches while it still could.
func searchAfterSealing(folder string, out io.Writer) error {
	m := secret.NewMemory(nil)
	db, err := store.Open(context.Background(), "sqlite://"+filepath.Join(folder, "authly.db"), store.Options{MaxConnections: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	s := secret.NewSealer(secret.Config{
		Keys: db, File: secret.NewKeyFile(filepath.Join(folder, "master"), true, nil), Memory: m, Now: time.Now,
	})
	at := authn.Cell{Table: "keys", Column: "material", Row: "1"}
	sealed, name, sealErr := s.Seal(context.Background(), []byte("material"), at)
	_, openErr := s.Open(context.Background(), sealed, name, at)
	kept, readErr := m.ReadFile(filepath.Join(folder, "kept"), 100)
	found := map[string]int{}
	errs := []error{sealErr, openErr, readErr}
	for range 3 { // what runtime/secret erases
		runtime.GC()
	}
	for _, name := range []string{"master", "kept"} {
		errs = append(errs, searchFor(folder, name, found))
	}
	again, err := s.Open(context.Background(), sealed, name, at)
	if string(again) != "material" {
		errs = append(errs, err, errors.New("it does not open any more"))
	}
	kept.Release()
	return errors.Join(append(errs, json.NewEncoder(out).Encode(found))...)
}
