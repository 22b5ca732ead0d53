package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// readFirst is how much room reading begins with, in bytes: hardly a secret needs more.
const readFirst = 512

// Read reads material to its end, into its place and nowhere else if the reader keeps nothing, as a file does not. More than so many
// bytes are an error.
func (m *Memory) Read(from io.Reader, most int) (Bytes, error) {
	read, size := m.zeros(min(most+1, readFirst)), 0
	for {
		n := 0
		err := read.Use(func(to []byte) (err error) { n, err = from.Read(to[size:]); return err })
		size += n
		switch {
		case size > most:
			read.Release()
			return Bytes{}, fmt.Errorf("it is longer than %d bytes", most)
		case errors.Is(err, io.EOF):
			return m.moved(read, size)
		case err != nil:
			read.Release()
			return Bytes{}, err
		case size < read.Len():
			continue
		}
		if read, err = m.moved(read, min(most+1, 4*size)); err != nil {
			return Bytes{}, err
		}
	}
}

// ReadFile is Read of a file.
func (m *Memory) ReadFile(path string, most int) (Bytes, error) {
	f, err := os.Open(path) // #nosec G304 -- where the configuration says
	if err != nil {
		return Bytes{}, err
	}
	defer f.Close()
	return m.Read(f, most)
}

func (m *Memory) zeros(n int) Bytes {
	b, _ := m.Make(n, func([]byte) error { return nil })
	return b
}

// moved returns n bytes that begin like others, which it releases.
func (m *Memory) moved(from Bytes, n int) (Bytes, error) {
	defer from.Release()
	return m.Make(n, func(to []byte) error {
		return from.Use(func(all []byte) error { copy(to, all); return nil })
	})
}
