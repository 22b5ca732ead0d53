package main

import (
	"io"
	"sync"
	"time"
)

// How long lines of the access log may wait to be written together, and how many bytes of them. To write each by itself costs
// more than all else that is done for a checked request.
const (
	spoolFor   = 10 * time.Millisecond
	spoolBytes = 32 << 10
)

// spool writes a log. What is written with Write is out when that returns; lines given to later may take a moment, in which a
// program that is killed loses them. All come out in the order in which they were given, and what cannot be written in time
// makes whoever logs wait.
type spool struct {
	w io.Writer

	mu    sync.Mutex
	lines []byte
	timer *time.Timer // nil: there was nothing yet
}

func newSpool(w io.Writer) *spool { return &spool{w: w} }

// Write writes at once.
func (s *spool) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	return s.w.Write(p)
}

// later has add append a line to those that wait.
func (s *spool) later(add func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.lines) == 0
	s.lines = add(s.lines)
	switch {
	case len(s.lines) >= spoolBytes:
		s.flush()
	case !first:
	case s.timer == nil:
		s.timer = time.AfterFunc(spoolFor, s.Flush)
	default:
		s.timer.Reset(spoolFor)
	}
}

// Flush writes what waits.
func (s *spool) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
}

func (s *spool) flush() {
	if len(s.lines) > 0 {
		_, _ = s.w.Write(s.lines) // there is nowhere to tell that the log cannot be written
		s.lines = s.lines[:0]
	}
}
