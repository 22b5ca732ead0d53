// Package secret is where key material comes from and how it is sealed at rest: who has a copy of the database, but neither the
// master key nor the key file, has no signing key.
//
// What is sealed names what it was sealed with, by a fingerprint that does not help to guess the key. So a wrong master key is
// told from a damaged database, and a key file that is lost from a master key that is not set, before anything is made anew that
// would log everybody out.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/descoped/authly/authn"
)

// Config says what to seal with.
type Config struct {
	MasterKey string       // at least 32 random bytes; empty: the key file
	KeyFile   string       // a path; the file is made when it is first needed. Empty, and no MasterKey: nothing is sealed
	Log       *slog.Logger // nil: nothing is logged
}

// Sealer seals with the master key, else with the key file, and opens what either has sealed: who sets a master key later need
// not do anything else. It is safe for concurrent use.
type Sealer struct {
	cfg    Config
	master *box

	mu   sync.Mutex
	file *box // nil: the file was not needed yet
}

var _ authn.Sealer = (*Sealer)(nil)

// NewSealer returns a Sealer. Nothing is read yet.
func NewSealer(cfg Config) (*Sealer, error) {
	s := &Sealer{cfg: cfg}
	if cfg.MasterKey == "" {
		return s, nil
	}
	master, err := newBox(masterPrefix, []byte(cfg.MasterKey))
	s.master = master
	return s, err
}

// The names of what was sealed begin with where its key comes from.
const filePrefix = "file:"

// Seal encrypts with AES-256-GCM under a random nonce, which stands before the result.
func (s *Sealer) Seal(material []byte, bound string) (sealed []byte, sealing string, err error) {
	by := s.master
	if by == nil && s.cfg.KeyFile == "" {
		return material, "", nil
	}
	if by == nil {
		if by, err = s.fileBox(s.readOrMake); err != nil {
			return nil, "", err
		}
	}
	return by.aead.Seal(nil, nil, material, []byte(bound)), by.name, nil // #nosec G407 -- the nonce is random, and made by the AEAD
}

// Open decrypts what Seal has made.
func (s *Sealer) Open(sealed []byte, sealing, bound string) ([]byte, error) {
	by, err := s.boxOf(sealing)
	if err != nil {
		return nil, err
	}
	material, err := by.aead.Open(nil, nil, sealed, []byte(bound))
	if err != nil {
		return nil, errors.New("it was damaged or exchanged in the database")
	}
	return material, nil
}

// boxOf returns what something was sealed with, or says what is missing.
func (s *Sealer) boxOf(sealing string) (*box, error) {
	switch {
	case strings.HasPrefix(sealing, masterPrefix) && s.master == nil:
		return nil, fmt.Errorf("it is %w: keys.master_key (AUTHLY_MASTER_KEY) is not set, set it to the one that was used", authn.ErrNoMasterKey)
	case strings.HasPrefix(sealing, masterPrefix) && s.master.name != sealing:
		return nil, fmt.Errorf("it is %w: keys.master_key (AUTHLY_MASTER_KEY) is not the master key that was used", authn.ErrNoMasterKey)
	case strings.HasPrefix(sealing, masterPrefix):
		return s.master, nil
	case !strings.HasPrefix(sealing, filePrefix):
		return nil, errors.New("it is sealed in a way that this version does not know")
	case s.cfg.KeyFile == "":
		return nil, errors.New("it is sealed with a key file, which only a SQLite database has")
	}
	by, err := s.fileBox(readFile)
	if err == nil && by.name != sealing { // another file may have been put in its place
		s.forgetFile()
		by, err = s.fileBox(readFile)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is sealed with a key file: %w", err)
	case by.name != sealing:
		return nil, fmt.Errorf("the key file %s is not the one that it was sealed with: bring that one back", s.cfg.KeyFile)
	}
	return by, nil
}

// Current reports whether sealing is what Seal would use. It makes no file.
func (s *Sealer) Current(sealing string) bool {
	switch {
	case s.master != nil:
		return sealing == s.master.name
	case s.cfg.KeyFile == "":
		return sealing == ""
	}
	by, err := s.fileBox(readFile)
	return err == nil && by.name == sealing
}

// fileBox returns what the key file opens, having read it once.
func (s *Sealer) fileBox(read func(path string) ([]byte, error)) (*box, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		return s.file, nil
	}
	key, err := read(s.cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	if s.cfg.Log != nil && isShared(s.cfg.KeyFile) {
		s.cfg.Log.Warn("the key file is accessible to other users of this machine; chmod 600 it", "path", s.cfg.KeyFile)
	}
	s.file, err = newBox(filePrefix, key)
	return s.file, err
}

func (s *Sealer) forgetFile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file = nil
}

// box is a key that seals, and its name.
type box struct {
	name string
	aead cipher.AEAD
}

// newBox derives the key and its fingerprint from a secret, by HKDF (RFC 5869) with different words.
func newBox(prefix string, secret []byte) (*box, error) {
	key, keyErr := hkdf.Key(sha256.New, secret, nil, "authly: seal signing keys", 32)
	mark, markErr := hkdf.Key(sha256.New, secret, nil, "authly: name of what seals", 8)
	if err := errors.Join(keyErr, markErr); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &box{name: prefix + hex.EncodeToString(mark), aead: aead}, err
}
