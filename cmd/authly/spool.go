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
// program that is killed loses them. All come out in the order in which they were given. Who logs does not wait for lines that
// are being written, unless so many wait already that they cannot be written in time.
type spool struct {
	w io.Writer

	writing sync.Mutex // held by who writes, one after the other
	spare   []byte     // room of the lines that were written last

	mu    sync.Mutex // of what follows; nothing is written while it is held
	lines []byte
	timer *time.Timer // nil: there was nothing yet
}

func newSpool(w io.Writer) *spool { return &spool{w: w} }

// Write writes at once.
func (s *spool) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.write()
	return s.w.Write(p)
}

// later adds a line, which may be used again, to those that wait.
func (s *spool) later(line []byte) {
	if s.add(line) >= spoolBytes {
		s.Flush()
	}
}

// add returns how many bytes wait.
func (s *spool) add(line []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := len(s.lines) == 0
	s.lines = append(s.lines, line...)
	switch {
	case !first:
	case s.timer == nil:
		s.timer = time.AfterFunc(spoolFor, s.Flush)
	default:
		s.timer.Reset(spoolFor)
	}
	return len(s.lines)
}

// Flush writes what waits.
func (s *spool) Flush() {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.write()
}

func (s *spool) write() {
	s.mu.Lock()
	lines := s.lines
	s.lines = s.spare[:0]
	s.mu.Unlock()
	if len(lines) > 0 {
		_, _ = s.w.Write(lines) // there is nowhere to tell that the log cannot be written
	}
	s.spare = lines
}
