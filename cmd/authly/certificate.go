package main

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// certificate is a certificate and its key that are read again when their files change.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	loaded            [sha256.Size]byte // of the files as they were when current was made
	watcher           *fsnotify.Watcher
	log               *slog.Logger
	done              chan struct{}
}

// watchCertificate reads the files and watches their folders: tools that renew certificates replace files, and a watch on
// the file itself would stay with the old one.
func watchCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, done: make(chan struct{})}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching the certificate: %w", err)
	}
	for _, folder := range []string{filepath.Dir(certFile), filepath.Dir(keyFile)} {
		if err := watcher.Add(folder); err != nil {
			watcher.Close()
			return nil, fmt.Errorf("watching the certificate: %w", err)
		}
	}
	c.watcher = watcher
	go c.follow()
	return c, nil
}

// read reads the files and reports whether they hold another certificate or key than before.
func (c *certificate) read() (changed bool, err error) {
	certPEM, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, err
	}
	keyPEM, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(slices.Concat(certPEM, keyPEM))
	if c.current.Load() != nil && sum == c.loaded {
		return false, nil
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return false, err
	}
	c.current.Store(&pair)
	c.loaded = sum
	return true, nil
}

// settle is how long after a change the files are read: a renewal writes several.
const settle = 200 * time.Millisecond

// follow reads the files again after anything in their folders has changed. Much else may change there, a database or this
// program's own log, and so nothing is said unless the certificate is another one, or what is wrong with it is. While the two
// files do not fit each other, as in the middle of a renewal, the certificate in use stays.
func (c *certificate) follow() {
	defer close(c.done)
	quiet := time.NewTimer(settle)
	quiet.Stop()
	defer quiet.Stop()
	pending, complaint := false, ""
	for {
		select {
		case event, ok := <-c.watcher.Events:
			if !ok {
				return
			}
			if event.Op != fsnotify.Chmod && !pending {
				pending = true // not put off by further events: a folder may never be quiet
				quiet.Reset(settle)
			}
		case <-quiet.C:
			pending = false
			changed, err := c.read()
			said := complaint
			if complaint = ""; err != nil {
				complaint = err.Error()
			}
			switch {
			case err != nil && complaint != said:
				c.log.Warn("certificate not reloaded, the one in use stays", "error", err)
			case changed:
				c.log.Info("certificate reloaded", "file", c.certFile)
			}
		case err, ok := <-c.watcher.Errors:
			if !ok {
				return
			}
			c.log.Warn("watching the certificate", "error", err)
		}
	}
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

func (c *certificate) close() {
	c.watcher.Close()
	<-c.done
}
