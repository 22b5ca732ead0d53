package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// mostInFile is the most bytes of a file that holds a secret, or several.
const mostInFile = 1 << 20

// errNotRegular is what is wrong with a folder, a pipe or a device.
var errNotRegular = errors.New("names something that is no regular file, expected one that can be read again, and so no pipe")

// ReadFile returns what a file of secrets holds. It follows symbolic links, which is how orchestrators mount secrets. The error is
// in words that follow the name of what names the file, and holds neither its path nor its content.
func ReadFile(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("names no file, expected the path of one")
	}
	content, err := readAtMost(path, mostInFile+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("names a file that does not exist")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("names a file that may not be read")
	case errors.Is(err, errNotRegular):
		return nil, errNotRegular
	case err != nil:
		return nil, errors.New("names something that is no readable file")
	case len(content) > mostInFile:
		clear(content)
		return nil, fmt.Errorf("names a file that is too long, expected at most %d bytes", mostInFile)
	}
	return content, nil
}

func readAtMost(path string, most int64) ([]byte, error) {
	// A pipe gives what it holds once, and to open one that nobody writes to would never end.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path) // #nosec G304 -- named by whoever configures Authly
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// withoutLineEnd takes one line end off, which is all that belongs to the file and not to the secret.
func withoutLineEnd(content []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
}

// Exposure returns the permissions of a file that others than its owner may read or write, as in -rw-r--r--; empty if nobody else
// may, or there is no such file. Of a symbolic link those of the file that it leads to count.
func Exposure(path string) string {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o066 == 0 {
		return ""
	}
	return info.Mode().Perm().String()
}
