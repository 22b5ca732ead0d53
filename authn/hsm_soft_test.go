package authn_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/descoped/authly/authn"
)

// softHSM is an HSM of which a test can say that it is away, and when it answers. Package hsm is tested with the real thing.
type softHSM struct {
	mu   sync.Mutex
	keys map[string]crypto.Signer

	away    atomic.Bool
	answers sync.RWMutex // who holds it keeps the HSM from answering
	asked   atomic.Int32 // how often it was, for a signature
}

func newSoftHSM() *softHSM { return &softHSM{keys: map[string]crypto.Signer{}} }

// answer waits until the HSM answers.
func (h *softHSM) answer() error {
	h.answers.RLock()
	defer h.answers.RUnlock()
	if h.away.Load() {
		return &authn.HSMAway{Why: "it was pulled out"}
	}
	return nil
}

func (h *softHSM) Makes(algorithm string) bool {
	return slices.Contains([]string{"ES256", "RS256", "PS256"}, algorithm)
}

func (h *softHSM) MakeKey(_ context.Context, id, algorithm string) (crypto.PublicKey, error) {
	if err := h.answer(); err != nil {
		return nil, err
	}
	var key crypto.Signer
	var err error
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); algorithm != "ES256" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[id] = key
	return key.Public(), err
}

func (h *softHSM) RemoveKey(_ context.Context, id string) error {
	if err := h.answer(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.keys, id)
	return nil
}

func (h *softHSM) Signer(id string, public crypto.PublicKey) crypto.Signer {
	return &softSigner{h, id, public}
}

// holds returns the ids of the keys, in order.
func (h *softHSM) holds() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for id := range h.keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

type softSigner struct {
	hsm    *softHSM
	id     string
	public crypto.PublicKey
}

func (s *softSigner) Public() crypto.PublicKey { return s.public }

func (s *softSigner) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	s.hsm.asked.Add(1)
	if err := s.hsm.answer(); err != nil {
		return nil, err
	}
	s.hsm.mu.Lock()
	defer s.hsm.mu.Unlock()
	if key := s.hsm.keys[s.id]; key != nil {
		return key.Sign(random, digest, options)
	}
	return nil, &authn.HSMAway{Why: "no such key", Missing: true}
}
