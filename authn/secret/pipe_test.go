//go:build unix

package secret_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/descoped/authly/authn/secret"
)

// A pipe that nobody writes to is refused and not waited for: a server that takes up changed secrets could not stop any more.
func TestPipe(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "JWT_SECRET_KEY")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := secret.ReadFile(pipe)
	complains(t, err, "names something that is no regular file")
	_, err = secret.OpenFiles(folder, wanted, nil)
	complains(t, err, "holds JWT_SECRET_KEY, which is something that is no regular file")
}
