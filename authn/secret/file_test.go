package secret_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/store"
)

// withFile returns what is needed to seal with a key file that Authly has chosen the path of.
func withFile(db *store.Store, path string) secret.Config {
	return secret.Config{Keys: db, File: secret.NewKeyFile(path, true, nil), Now: time.Now}
}

func sqliteStore(t *testing.T) *store.Store {
	return openAt(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db"))
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	db, file := sqliteStore(t), filepath.Join(t.TempDir(), "key")
	s := secret.NewSealer(withFile(db, file))
	if s.Current("file:0000") {
		t.Error("a file that does not exist is current")
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file was made before it was needed")
	}
	text, sealing := sealed(t, s, "material", cell("1"))
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 45 {
		t.Fatalf("the file: %v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("beside it: %v, %v", left, err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func() error
		why    string
	}{
		"readable by others": {func() error { return os.Chmod(file, 0o604) }, "chmod 600"},
		"too short":          {func() error { return os.WriteFile(file, good[:31], 0o600) }, "32 random bytes"},
		"binary and long":    {func() error { return os.WriteFile(file, bytes.Repeat([]byte{7}, 40), 0o600) }, "32 random bytes"},
		"enormous":           {func() error { return os.WriteFile(file, bytes.Repeat(good, 100), 0o600) }, "is not one"},
		"another":            {func() error { return os.WriteFile(file, bytes.Repeat([]byte{7}, 32), 0o600) }, "is not the one"},
		"cut":                {func() error { return os.WriteFile(file, good[:40], 0o600) }, "is not the one"},
		"missing":            {func() error { return os.Remove(file) }, "missing"},
		"a folder":           {func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, "is not one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				if err := errors.Join(os.RemoveAll(file), os.WriteFile(file, good, 0o600)); err != nil {
					t.Fatal(err)
				}
			})
			if err := c.change(); err != nil {
				t.Fatal(err)
			}
			refuses(t, secret.NewSealer(withFile(db, file)), text, sealing, cell("1"), c.why)
			blames(t, secret.NewSealer(withFile(db, file)).Load(t.Context()), c.why)
		})
	}
	opens(t, secret.NewSealer(withFile(db, file)), text, sealing, cell("1"), "material")

	nowhere := secret.NewSealer(withFile(sqliteStore(t), filepath.Join(t.TempDir(), "no", "key")))
	if _, _, err := nowhere.Seal(t.Context(), []byte("material"), cell("1")); err == nil {
		t.Error("a file was made in a folder that does not exist")
	}
}

// What mounts secrets into containers lets everybody read them. That is told, with the mode, where the path is configured.
func TestKeyFileOfOthers(t *testing.T) {
	t.Parallel()
	db, file := sqliteStore(t), filepath.Join(t.TempDir(), "key")
	text, sealing := sealed(t, secret.NewSealer(withFile(db, file)), "material", cell("1"))
	for mode, c := range map[os.FileMode]struct{ own, refused, told bool }{
		0o600: {true, false, false}, 0o660: {true, false, true}, 0o644: {false, false, true}, 0o604: {true, true, false},
	} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		cfg := withFile(db, file)
		cfg.File = secret.NewKeyFile(file, c.own, slog.New(slog.NewTextHandler(&log, nil)))
		got, err := secret.NewSealer(cfg).Open(t.Context(), text, sealing, cell("1"))
		if (err != nil) != c.refused || !c.refused && string(got) != "material" {
			t.Errorf("mode %o: %v", mode, err)
		}
		if strings.Contains(log.String(), "mode=0") != c.told {
			t.Errorf("mode %o, the log: %q", mode, log.String())
		}
	}
}

// The text in a file and the same text in the configuration are one master key, and so are 32 bytes as an earlier version made
// them.
func TestKeyFileIsTheKey(t *testing.T) {
	t.Parallel()
	for content, key := range map[string]string{
		masterKey + "\n": masterKey, masterKey + "\r\n": masterKey, masterKey: masterKey,
		strings.Repeat("\x00\n", 16): strings.Repeat("\x00\n", 16),
	} {
		db, file := sqliteStore(t), filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		text, name := sealed(t, secret.NewSealer(withFile(db, file)), "material", cell("1"))
		opens(t, secret.NewSealer(sealing(t, db, key)), text, name, cell("1"), "material")
	}
}

// Processes that start at once agree on one file.
func TestKeyFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	db, file := sqliteStore(t), filepath.Join(t.TempDir(), "key")
	names := make([]string, 20)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range names {
		s := secret.NewSealer(withFile(db, file))
		all.Go(func() {
			<-begin
			if _, name, err := s.Seal(t.Context(), []byte("material"), cell("1")); err == nil {
				names[i] = name
			}
		})
	}
	close(begin)
	all.Wait()
	for _, name := range names {
		if name == "" || name != names[0] {
			t.Fatalf("sealed with %q and %q", name, names[0])
		}
	}
}
