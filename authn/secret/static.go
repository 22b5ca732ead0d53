package secret

import "context"

// Static gives secrets that somebody has written down, by their names. It is for tests and trying things out: whoever can read
// the source or the configuration knows them. Who builds a server from a configuration refuses it unless that says loudly that it
// is meant.
type Static struct {
	secrets map[string]string
	memory  *Memory
}

var _ Provider = (*Static)(nil)

// NewStatic returns a Static.
func NewStatic(secrets map[string]string, memory *Memory) *Static {
	return &Static{secrets: secrets, memory: memory}
}

// Secret returns the secret that was written down.
func (s *Static) Secret(_ context.Context, name string) (Bytes, bool, error) {
	value, ok := s.secrets[name]
	return text(s.memory, value), ok, nil
}
