package hasher

import (
	"encoding/gob"
	"errors"
	"io"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

// Serve is what the second process does: it hashes what it reads, so much at a time, until there is no more to read. The signals
// that end a program it leaves to the one that started it, which may have answers to give before it ends.
func Serve(in io.Reader, out io.Writer, workers int) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	runtime.GOMAXPROCS(workers + 1) // one more reads and writes
	questions := make(chan question)
	var writing sync.Mutex
	to := gob.NewEncoder(out)
	if err := to.Encode(answer{Failed: lowerPriority() != nil}); err != nil { // it says that it is ready
		return err
	}
	for range workers {
		go func() {
			for q := range questions {
				result, err := q.Work.Do(giveWay)
				writing.Lock()
				_ = to.Encode(answer{q.ID, result, err != nil}) // who does not read it any more has ended
				writing.Unlock()
			}
		}()
	}
	from := gob.NewDecoder(in)
	for {
		var q question
		if err := from.Decode(&q); errors.Is(err, io.EOF) {
			return nil // what is being hashed is for nobody
		} else if err != nil {
			return err
		}
		questions <- q
	}
}
