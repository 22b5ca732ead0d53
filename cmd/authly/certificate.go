package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/fsnotify/fsnotify"
)

// certificate is a certificate and its key that are read again when their files change.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	watcher           *fsnotify.Watcher
	log               *slog.Logger
	done              chan struct{}
}

// watchCertificate reads the files and watches their folders: tools that renew certificates replace files, and a watch on
// the file itself would stay with the old one.
func watchCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, done: make(chan struct{})}
	if err := c.read(); err != nil {
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

func (c *certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.current.Store(&pair)
	return nil
}

// follow reads the files again whenever anything in their folders changes. While the two files do not fit each other, as in
// the middle of a renewal, the certificate in use stays.
func (c *certificate) follow() {
	defer close(c.done)
	for {
		select {
		case event, ok := <-c.watcher.Events:
			if !ok {
				return
			}
			if event.Op == fsnotify.Chmod {
				continue
			}
			if err := c.read(); err != nil {
				c.log.Warn("certificate not reloaded, the one in use stays", "error", err)
				continue
			}
			c.log.Info("certificate reloaded", "file", c.certFile)
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
