package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	fileBytes = 32   // of a key file that holds random bytes as they are, and the least of one that holds text
	fileMost  = 1024 // bytes
)

// ErrFileMode is the refusal of a key file that every user of the machine may read or write.
var ErrFileMode = errors.New("is accessible to every user of this machine: chmod 600 it")

// KeyFile is a master key in a file: a line of text, or 32 bytes as they are. While it is being replaced there are two: beside it,
// with ".next" added to its name, lies the one that is to follow, and then takes its name. The one of before is kept with
// ".previous" added, for backups of the database that were made before.
type KeyFile struct {
	path string
	own  bool // Authly has chosen the path
	log  *slog.Logger

	memory *Memory // where the master key lies
}

// NewKeyFile returns the key file at a path. Nothing is read or made yet. One that Authly has chosen the path of is refused if every
// user of the machine may read it. Of another one that is told: what mounts secrets into containers does that to all of them.
func NewKeyFile(path string, own bool, log *slog.Logger) *KeyFile {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &KeyFile{path: path, own: own, log: log}
}

// in returns the same file, whose master key lies in a memory.
func (f *KeyFile) in(memory *Memory) *KeyFile {
	there := *f
	there.memory = memory
	return &there
}

// Path is where the file is.
func (f *KeyFile) Path() string { return f.path }

func (f *KeyFile) nextPath() string { return f.path + ".next" }

// read returns the master key in the file, and the next one if there is one. That is looked for first: so none of the two is
// missed when it takes its place at this moment.
func (f *KeyFile) read() (present, next *Master, err error) {
	next, err = f.master(f.nextPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	present, err = f.master(f.path)
	return present, next, err
}

// master returns the master key in one of the two files.
func (f *KeyFile) master(path string) (*Master, error) {
	if err := f.check(path); err != nil {
		return nil, err
	}
	content, err := f.memory.ReadFile(path, fileMost)
	if err != nil {
		return nil, fmt.Errorf("the key file: %w", err)
	}
	defer content.Release()
	var master *Master
	err = content.Use(func(content []byte) (err error) {
		key := keyIn(content)
		if key == nil {
			return fmt.Errorf("the key file %s is not one: it must hold a line of at least %d characters, or %d random bytes", path, fileBytes, fileBytes)
		}
		master, err = f.memory.Master(key)
		return err
	})
	return master, err
}

// check refuses what cannot be a key file or what everybody may read.
func (f *KeyFile) check(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the key file %s is missing (%w): bring it back from where you keep backups", path, fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("the key file: %w", err)
	case !info.Mode().IsRegular() || info.Size() > fileMost:
		return fmt.Errorf("the key file %s is not one", path)
	case info.Mode().Perm()&0o007 != 0 && f.own:
		return fmt.Errorf("the key file %s %w", path, ErrFileMode)
	case info.Mode().Perm()&0o077 != 0:
		f.log.Warn("the key file is accessible to other users of this machine; chmod 600 it", "path", path,
			"mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	return nil
}

// keyIn returns the master key that a file holds: 32 bytes as they are, or a line of text, which is the same master key as that text
// in the configuration. nil if it is neither.
func keyIn(content []byte) []byte {
	if len(content) == fileBytes {
		return content
	}
	key := bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
	if len(key) < fileBytes || !isText(key) {
		return nil
	}
	return key
}

// KeysInFile returns the master key in a key file, and the one of before it if that was kept; nil what is not there or is no key.
func KeysInFile(path string) (key, before []byte) {
	read := func(path string) []byte {
		content, err := readAtMost(path, fileMost)
		if err != nil {
			return nil
		}
		return keyIn(content)
	}
	return read(path), read(path + ".previous")
}

// isText reports whether a key is of printable ASCII alone.
func isText(key []byte) bool {
	return !bytes.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
}

// readOrMake returns the master key in the file, after making the file if there is none. That it was made is told: from then on a
// copy of the database alone is no backup.
func (f *KeyFile) readOrMake() (*Master, error) {
	present, err := f.master(f.path)
	if !errors.Is(err, fs.ErrNotExist) {
		return present, err
	}
	if err := makeFile(f.path); err != nil {
		return nil, fmt.Errorf("the key file %s cannot be made: %w", f.path, err)
	}
	f.log.Warn("made a key file, without which Authly does not start again: keep a copy, apart from those of the database", "path", f.path)
	return f.master(f.path)
}

// readOrMakeNext is readOrMake for the one that is to follow.
func (f *KeyFile) readOrMakeNext() (*Master, error) {
	next, err := f.master(f.nextPath())
	if !errors.Is(err, fs.ErrNotExist) {
		return next, err
	}
	if err := makeFile(f.nextPath()); err != nil {
		return nil, fmt.Errorf("the key file %s cannot be made: %w", f.nextPath(), err)
	}
	return f.master(f.nextPath())
}

// settle gives the next key file the name of the present one, which is kept under another. Killed in between it can be called
// again; if it has been done meanwhile there is nothing to do.
func (f *KeyFile) settle() error {
	if _, err := os.Stat(f.nextPath()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	previous := f.path + ".previous"
	if err := os.Remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the key file: %w", err)
	}
	if err := os.Link(f.path, previous); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the key file: %w", err)
	}
	if err := os.Rename(f.nextPath(), f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the key file: %w", err)
	}
	return syncFolder(filepath.Dir(f.path))
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
	_, err = f.WriteString(newKeyText() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(folder)
}

// newKeyText is 32 random bytes in base64, as openssl rand -base64 32 makes them.
func newKeyText() string {
	key := make([]byte, fileBytes)
	rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

func syncFolder(folder string) error {
	d, err := os.Open(folder) // #nosec G304 -- the folder of the key file
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
