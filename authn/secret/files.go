package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files gives what lies in files, as orchestrators mount secrets: a folder with one file for each, named like the secret
// (JWT_SECRET_KEY, jwt_secret_key or jwt-secret-key), or one file with a JSON object of names and secrets. It is read when it is
// opened, as a whole, so that secrets that belong together are of one version; open it again for the next.
type Files struct {
	path    string
	secrets map[string]filed // by name
	unknown []string         // names of other files of the folder, as secrets would be called
	memory  *Memory
}

// filed is a secret and the file that it lies in.
type filed struct {
	content string
	file    string
}

var _ Provider = (*Files)(nil)

// OpenFiles reads a folder or a JSON file. wanted says which names there are; files of a folder that are called anything else are
// not read, but in a JSON file every name must be one that is wanted. The error is in words that follow the name of what names
// the path.
func OpenFiles(path string, wanted func(name string) bool, memory *Memory) (*Files, error) {
	f := &Files{path: path, secrets: map[string]filed{}, memory: memory}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return f, f.readFolder(wanted)
	}
	content, err := ReadFile(path)
	if err != nil {
		return f, err
	}
	defer clear(content)
	return f, f.readJSON(content, wanted)
}

// readFolder reads the files that are called like a secret. Others may lie there, such as Kubernetes' ..data, which is where its
// files really are.
func (f *Files) readFolder(wanted func(string) bool) error {
	folder := f.path
	if data, err := filepath.EvalSymlinks(filepath.Join(folder, "..data")); err == nil {
		folder = data // of one version, whatever is put in its place while they are read
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return errors.New("names a folder that may not be read")
	}
	for _, entry := range entries {
		name := nameOf(entry.Name())
		if !wanted(name) {
			f.unknown = append(f.unknown, name)
			continue
		}
		if _, twice := f.secrets[name]; twice {
			return fmt.Errorf("holds %s twice, in another spelling, expected only one of them", name)
		}
		content, err := ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return fmt.Errorf("holds %s, which %s", name, strings.Replace(err.Error(), "names", "is", 1))
		}
		f.secrets[name] = filed{string(withoutLineEnd(content)), filepath.Join(f.path, entry.Name())}
		clear(content)
	}
	return nil
}

// nameOf is the name of the secret in a file that is called so.
func nameOf(file string) string {
	if file == strings.ToUpper(file) {
		return file
	}
	if file != strings.ToLower(file) {
		return "" // as Jwt_Secret_Key: nobody calls it that
	}
	return strings.ToUpper(strings.ReplaceAll(file, "-", "_"))
}

// Secret returns the secret as it was when it was read.
func (f *Files) Secret(_ context.Context, name string) (Bytes, bool, error) {
	found, ok := f.secrets[name]
	return text(f.memory, found.content), ok, nil
}

// File returns the path of the file that a secret lies in.
func (f *Files) File(name string) string { return f.secrets[name].file }

// Watched returns the paths of files that change when the secrets do, or others are put beside them.
func (f *Files) Watched() []string {
	watched := []string{f.path}
	if info, err := os.Stat(f.path); err == nil && info.IsDir() {
		watched = []string{filepath.Join(f.path, "..data")}
	}
	for _, name := range f.Names() {
		if file := f.secrets[name].file; file != f.path {
			watched = append(watched, file)
		}
	}
	return watched
}

// Unknown returns the names of the folder's other files, spelt as a secret's would be: one may be a slip.
func (f *Files) Unknown() []string { return f.unknown }

// Names returns the names of the secrets that there are, in order.
func (f *Files) Names() []string {
	names := make([]string, 0, len(f.secrets))
	for name := range f.secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
