package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/descoped/authly/store/pgserver"
)

// stage is where a measurement takes place: what it has built and started, and how all of that ends.
type stage struct {
	binary string // the program under measurement; "" until it is built
	folder string // of this measurement alone
	pace   pace
	log    io.Writer
	ends   []func() error // run backwards
}

func newStage(binary string, pace pace, log io.Writer) (*stage, error) {
	if binary != "" {
		absolute, err := filepath.Abs(binary)
		if err != nil {
			return nil, err
		}
		binary = absolute
	}
	folder, err := os.MkdirTemp("", "authly-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{binary: binary, folder: folder, pace: pace, log: log}
	s.atEnd(func() error { return os.RemoveAll(folder) })
	return s, nil
}

func (s *stage) atEnd(end func() error) { s.ends = append(s.ends, end) }

// close ends everything, the latest first.
func (s *stage) close() error {
	var err error
	for len(s.ends) > 0 {
		last := len(s.ends) - 1
		err = errors.Join(err, s.ends[last]())
		s.ends = s.ends[:last]
	}
	return err
}

// scene is a stage within the stage: what is started there ends with it.
func (s *stage) scene(act func(*stage) error) (err error) {
	inner := &stage{binary: s.binary, folder: s.folder, pace: s.pace, log: s.log}
	defer func() { err = errors.Join(err, inner.close()) }()
	return act(inner)
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.log, format+"\n", args...) }

// program returns the path of the program under measurement, built on first use.
func (s *stage) program(ctx context.Context) (string, error) {
	if s.binary != "" {
		return s.binary, nil
	}
	path := filepath.Join(s.folder, "authly")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/descoped/authly/cmd/authly") // #nosec G204 -- in a temporary folder
	s.say("building authly")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building authly (this command must run within its source tree): %w\n%s", err, out)
	}
	s.binary = path
	return path, nil
}

// postgres starts a PostgreSQL server, which writes to the disk as one in production does, and returns an empty database.
func (s *stage) postgres(ctx context.Context) (*url.URL, error) {
	server, err := s.postgresServer(pgserver.Config{Durable: true})
	if err != nil {
		return nil, err
	}
	database, _, err := pgserver.CreateDatabase(ctx, server.Admin(), server.Owner())
	return database, err
}

func (s *stage) postgresServer(cfg pgserver.Config) (*pgserver.Server, error) {
	s.say("starting PostgreSQL")
	server, err := pgserver.Start(cfg)
	if err != nil {
		return nil, err
	}
	s.atEnd(server.Close)
	return server, nil
}
