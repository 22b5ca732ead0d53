package pgserver

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// StartPGlite starts a PostgreSQL that has pgvector, and returns the URL of its superuser and what ends it. It is PGlite, a
// PostgreSQL for JavaScript, which .ci/setup installs beside this file. It serves one connection at a time, and while that is
// in a transaction every other waits: more than a pool of one connection locks itself out.
//
// It lives at most as long as this process. To start it takes seconds.
func StartPGlite() (database *url.URL, stop func() error, err error) {
	_, here, _, _ := runtime.Caller(0)
	program := filepath.Join(filepath.Dir(here), "pglite", "node_modules", "@electric-sql", "pglite-socket", "dist", "scripts", "server.js")
	if _, err := os.Stat(program); err != nil {
		return nil, nil, fmt.Errorf("PGlite is not installed (run .ci/setup): %w", err)
	}
	folder, err := os.MkdirTemp("", "authly-pglite-")
	if err != nil {
		return nil, nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	defer log.Close()
	watched, lifeline, err := os.Pipe() // as in Server.start
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	// Liftoff, the compiler that is quick and whose code is not, halves the time until it serves.
	supervisor := exec.Command("/bin/sh", "-c", supervise, "KILL", "node", "--liftoff-only", program, "--port=0", "--max-connections=4",
		"--extensions=@electric-sql/pglite-pgvector:vector")
	supervisor.Dir, supervisor.ExtraFiles, supervisor.Stdout, supervisor.Stderr = folder, []*os.File{watched}, log, log
	supervisor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = errors.Join(supervisor.Start(), watched.Close())
	if err != nil {
		return nil, nil, errors.Join(err, lifeline.Close(), os.RemoveAll(folder))
	}
	exited := make(chan struct{})
	go func() {
		_ = supervisor.Wait() // however it ended
		close(exited)
	}()
	stop = func() error {
		err := lifeline.Close()
		<-exited
		return errors.Join(err, os.RemoveAll(folder))
	}
	port, err := awaitPGlite(log.Name(), exited)
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", "any"), Host: "127.0.0.1:" + port, Path: "/postgres", RawQuery: "sslmode=disable",
	}, stop, nil
}

// awaitPGlite returns the port when the log says that it listens.
func awaitPGlite(log string, exited <-chan struct{}) (port string, err error) {
	listening := regexp.MustCompile(`listening on .*"port":(\d+)`)
	deadline := time.After(time.Minute)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		said, _ := os.ReadFile(log) // it is gone when the program has exited
		if found := listening.FindSubmatch(said); found != nil {
			return string(found[1]), nil
		}
		select {
		case <-poll.C:
		case <-exited:
			return "", fmt.Errorf("PGlite ended by itself: %s", strings.TrimSpace(string(bytes.ToValidUTF8(said, nil))))
		case <-deadline:
			return "", errors.New("PGlite does not start")
		}
	}
}
