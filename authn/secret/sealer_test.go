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

	"github.com/descoped/authly/authn/secret"
)

const (
	masterKey  = "a master key of more than thirty-two bytes"
	anotherKey = "another master key, of as many bytes as that"
)

func newSealer(t *testing.T, cfg secret.Config) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealed(t *testing.T, s *secret.Sealer, material, bound string) ([]byte, string) {
	t.Helper()
	text, sealing, err := s.Seal([]byte(material), bound)
	if err != nil {
		t.Fatal(err)
	}
	return text, sealing
}

func opens(t *testing.T, s *secret.Sealer, text []byte, sealing, bound, want string) {
	t.Helper()
	if got, err := s.Open(text, sealing, bound); err != nil || string(got) != want {
		t.Errorf("opened: %q, error %v", got, err)
	}
}

// refuses fails unless s does not open the text and says why, in words that help and without a secret.
func refuses(t *testing.T, s *secret.Sealer, text []byte, sealing, bound, why string) {
	t.Helper()
	got, err := s.Open(text, sealing, bound)
	if err == nil || len(got) != 0 || !strings.Contains(err.Error(), why) {
		t.Errorf("got %q, error %v; want an error with %q", got, err, why)
	}
	if err != nil && (strings.Contains(err.Error(), masterKey) || strings.Contains(err.Error(), anotherKey)) {
		t.Errorf("the error repeats a secret: %v", err)
	}
}

func TestSealer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "authly.db.key")
	for name, cfg := range map[string]secret.Config{"master key": {MasterKey: masterKey}, "key file": {KeyFile: file}} {
		t.Run(name, func(t *testing.T) {
			s := newSealer(t, cfg)
			text, sealing := sealed(t, s, "material", "access EdDSA 1")
			if bytes.Contains(text, []byte("material")) || sealing == "" {
				t.Errorf("sealed as %q with %q", text, sealing)
			}
			if other, _ := sealed(t, s, "material", "access EdDSA 1"); bytes.Equal(other, text) {
				t.Error("the same text is sealed to the same")
			}
			opens(t, s, text, sealing, "access EdDSA 1", "material")
			opens(t, newSealer(t, cfg), text, sealing, "access EdDSA 1", "material") // after a restart
			if !s.Current(sealing) || s.Current("") || s.Current("file:0000") || s.Current("master:0000") {
				t.Error("Current is not about what Seal uses")
			}
			refuses(t, s, text, sealing, "access EdDSA 2", "exchanged")
			refuses(t, s, text, sealing, "refresh EdDSA 1", "exchanged")
			for i := range text {
				damaged := bytes.Clone(text)
				damaged[i] ^= 1
				refuses(t, s, damaged, sealing, "access EdDSA 1", "damaged")
			}
			refuses(t, s, nil, sealing, "access EdDSA 1", "damaged")
			refuses(t, s, text, "vault:1", "access EdDSA 1", "does not know")
		})
	}
}

func TestNothingToSealWith(t *testing.T) {
	s := newSealer(t, secret.Config{})
	text, sealing := sealed(t, s, "material", "x")
	if string(text) != "material" || sealing != "" || !s.Current("") {
		t.Errorf("%q, %q", text, sealing)
	}
	text, sealing = sealed(t, newSealer(t, secret.Config{MasterKey: masterKey}), "material", "x")
	refuses(t, s, text, sealing, "x", "keys.master_key (AUTHLY_MASTER_KEY) is not set")
	text, sealing = sealed(t, newSealer(t, secret.Config{KeyFile: filepath.Join(t.TempDir(), "key")}), "material", "x")
	refuses(t, s, text, sealing, "x", "a key file")
}

func TestWrongMasterKey(t *testing.T) {
	text, sealing := sealed(t, newSealer(t, secret.Config{MasterKey: masterKey}), "material", "x")
	wrong := newSealer(t, secret.Config{MasterKey: anotherKey})
	refuses(t, wrong, text, sealing, "x", "keys.master_key (AUTHLY_MASTER_KEY) is not the master key")
	if wrong.Current(sealing) {
		t.Error("it takes another key's for its own")
	}
	if strings.Contains(sealing, masterKey) {
		t.Error("the name holds the key")
	}
}

// Whoever sets a master key later still opens what the key file has sealed.
func TestMasterKeyAfterKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	text, sealing := sealed(t, newSealer(t, secret.Config{KeyFile: file}), "material", "x")
	both := newSealer(t, secret.Config{KeyFile: file, MasterKey: masterKey})
	opens(t, both, text, sealing, "x", "material")
	if both.Current(sealing) {
		t.Error("what the file has sealed counts as sealed with the master key")
	}
	if _, sealing := sealed(t, both, "material", "x"); !both.Current(sealing) || !strings.HasPrefix(sealing, "master:") {
		t.Errorf("sealed with %q", sealing)
	}
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	s := newSealer(t, secret.Config{KeyFile: file})
	if s.Current("file:0000") {
		t.Error("a file that does not exist is current")
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file was made before it was needed")
	}
	text, sealing := sealed(t, s, "material", "x")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
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
		"too short":          {func() error { return os.WriteFile(file, good[:31], 0o600) }, "32 bytes"},
		"another":            {func() error { return os.WriteFile(file, bytes.Repeat([]byte{7}, 32), 0o600) }, "not the one"},
		"missing":            {func() error { return os.Remove(file) }, "missing"},
		"a folder":           {func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, "not one"},
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
			refuses(t, newSealer(t, secret.Config{KeyFile: file}), text, sealing, "x", c.why)
		})
	}
	opens(t, newSealer(t, secret.Config{KeyFile: file}), text, sealing, "x", "material")
	if err := os.Chmod(file, 0o660); err != nil { // as volumes of containers have it
		t.Fatal(err)
	}
	var log strings.Builder
	opens(t, newSealer(t, secret.Config{KeyFile: file, Log: slog.New(slog.NewTextHandler(&log, nil))}), text, sealing, "x", "material")
	if !strings.Contains(log.String(), "chmod 600") {
		t.Errorf("the log: %q", log.String())
	}
	nowhere := newSealer(t, secret.Config{KeyFile: filepath.Join(t.TempDir(), "no", "key")})
	if _, _, err := nowhere.Seal([]byte("material"), "x"); err == nil {
		t.Error("a file was made in a folder that does not exist")
	}
}

// Processes that start at once agree on one file.
func TestKeyFileIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	names := make([]string, 20)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range names {
		s := newSealer(t, secret.Config{KeyFile: file})
		all.Go(func() {
			<-begin
			if _, name, err := s.Seal([]byte("material"), "x"); err == nil {
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
