package secret

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// fileBytes is the length of a key file: random bytes, as they are.
const fileBytes = 32

// ErrFileMode is the refusal of a key file that every user of the machine may read or write.
var ErrFileMode = errors.New("is accessible to every user of this machine: chmod 600 it")

// readFile returns what the key file holds. One that everybody on this machine may read is refused: it protects nothing. That a
// group may is only worth a warning, since what mounts volumes into containers can do that to every file.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the key file %s is missing (%w): bring it back from where you keep backups", path, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("the key file: %w", err)
	case !info.Mode().IsRegular() || info.Size() != fileBytes:
		return nil, fmt.Errorf("the key file %s is not one: it must hold %d bytes", path, fileBytes)
	case info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("the key file %s %w", path, ErrFileMode)
	}
	key, err := os.ReadFile(path) // #nosec G304 -- the key file
	if err == nil && len(key) != fileBytes {
		err = errors.New("its length changed while it was read")
	}
	if err != nil {
		return nil, fmt.Errorf("the key file: %w", err)
	}
	return key, nil
}

// isShared reports whether others than the owner may read or write a file.
func isShared(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// readOrMake returns what the key file holds, after making it if there is none. That it was made is told: from then on a copy of
// the database alone is no backup.
func (s *Sealer) readOrMake(path string) ([]byte, error) {
	key, err := readFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("the key file %s cannot be made: %w", path, err)
	}
	if s.cfg.Log != nil {
		s.cfg.Log.Warn("made a key file, without which Authly does not start again: keep a copy, apart from those of the database",
			"path", path)
	}
	return readFile(path)
}

// makeFile makes a key file that is on disk, whole, before it has its name: of processes that do so at once one succeeds, and
// the others find what it has made.
func makeFile(path string) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".authly-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	key := make([]byte, fileBytes)
	rand.Read(key) // never fails
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(folder) // #nosec G304 -- the folder of the key file
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
