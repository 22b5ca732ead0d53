package main

import (
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
)

// certificate is a certificate and its key that are read again when their files change.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	loaded            [sha256.Size]byte // of the files as they were when current was made
	watch             *watchedFiles
}

// watchCertificate reads the files, and follows them.
func watchCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	var err error
	c.watch, err = watchFiles("certificate", []string{certFile, keyFile}, c.read, log)
	return c, err
}

// read reads the files and reports whether they hold another certificate or key than before. While the two do not fit each
// other, as in the middle of a renewal, the certificate in use stays.
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

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

func (c *certificate) close() { c.watch.close() }
