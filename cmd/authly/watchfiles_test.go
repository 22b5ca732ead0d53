package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file that could not be read is read again when its owner or its permissions are set right.
func TestPermissionsAreHeeded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("x"), 0o400); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{}, 16)
	watch, err := watchFiles("secrets", []string{file}, func() (bool, error) { read <- struct{}{}; return false, nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer watch.close()
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-read:
	case <-time.After(10 * time.Second):
		t.Error("it was not read again")
	}
}
