package secret_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/secret"
)

const material = "a secret of more than thirty-two bytes, with a # and an = in it"

// wanted are the names that the tests ask providers for.
func wanted(name string) bool { return name == "JWT_SECRET_KEY" || name == "AUTHLY_MASTER_KEY" }

// has demands that a provider has a secret, or with an empty text that it has none.
func has(t *testing.T, p secret.Provider, name, want string) {
	t.Helper()
	found, ok, err := p.Secret(t.Context(), name)
	if err != nil || ok != (want != "") {
		t.Fatalf("%s: found %v, error %v", name, ok, err)
	}
	defer found.Release()
	if err := found.Use(func(got []byte) error {
		if string(got) != want {
			return fmt.Errorf("it is %q, want %q", got, want)
		}
		return nil
	}); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// complains demands an error that says why, and nothing of the secret.
func complains(t *testing.T, err error, why string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("error %v, want one with %q", err, why)
	}
	if err != nil && strings.Contains(err.Error(), "thirty-two") {
		t.Errorf("the error repeats the secret: %v", err)
	}
}

// write writes a file that its owner alone may read and returns its path.
func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every provider gives the same secret as it was given, but for one line end behind it in a file, and has no other.
func TestProviders(t *testing.T) {
	folder := t.TempDir()
	in := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		return write(t, path, content)
	}
	environment := func(variables map[string]string) func() (secret.Provider, error) {
		return func() (secret.Provider, error) { return secret.NewEnvironment(variables, nil, nil), nil }
	}
	files := func(path string) func() (secret.Provider, error) {
		return func() (secret.Provider, error) { return secret.OpenFiles(path, wanted, nil) }
	}
	quoted, err := json.Marshal(map[string]string{"JWT_SECRET_KEY": material})
	if err != nil {
		t.Fatal(err)
	}
	others := filepath.Dir(in("others/JWT_SECRET_KEY", material))
	in("others/ca.crt", "no secret")
	in("others/folder/JWT_SECRET_KEY", "no secret either")
	for name, open := range map[string]func() (secret.Provider, error){
		"environment":              environment(map[string]string{"JWT_SECRET_KEY": material}),
		"file of a variable":       environment(map[string]string{"JWT_SECRET_KEY_FILE": in("plain", material)}),
		"with a line end":          environment(map[string]string{"JWT_SECRET_KEY_FILE": in("line", material+"\n")}),
		"with a line end of two":   environment(map[string]string{"JWT_SECRET_KEY_FILE": in("lines", material+"\r\n")}),
		"folder":                   files(filepath.Dir(in("upper/JWT_SECRET_KEY", material+"\n"))),
		"folder in lower case":     files(filepath.Dir(in("lower/jwt_secret_key", material))),
		"folder with dashes":       files(filepath.Dir(in("dashes/jwt-secret-key", material))),
		"folder with other things": files(others),
		"JSON":                     files(in("secrets.json", string(quoted))),
		"JSON of nothing else":     files(in("more.json", `{"AUTHLY_MASTER_KEY": "x", `+strings.TrimPrefix(string(quoted), "{")+"\n")),
		"static": func() (secret.Provider, error) {
			return secret.NewStatic(map[string]string{"JWT_SECRET_KEY": material}, nil), nil
		},
		"JSON behind a symbolic link": files(link(t, in("real.json", string(quoted)), filepath.Join(folder, "linked.json"))),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := open()
			if err != nil {
				t.Fatal(err)
			}
			has(t, p, "JWT_SECRET_KEY", material)
			has(t, p, "JWT_SECRET_KEY", material) // what was released was a copy
			has(t, p, "JWT_REFRESH_SECRET_KEY", "")
			has(t, p, "", "")
		})
	}
}

func link(t *testing.T, target, path string) string {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// A secret that is given and empty is one that is empty, not none: what to make of it is for the rules to say.
func TestEmptySecrets(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "JWT_SECRET_KEY"), "\n")
	files, err := secret.OpenFiles(folder, wanted, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]secret.Provider{
		"environment": secret.NewEnvironment(map[string]string{"JWT_SECRET_KEY": ""}, nil, nil),
		"folder":      files,
		"static":      secret.NewStatic(map[string]string{"JWT_SECRET_KEY": ""}, nil),
	} {
		got, ok, err := p.Secret(t.Context(), "JWT_SECRET_KEY")
		if !ok || err != nil || got.Len() != 0 {
			t.Errorf("%s: found %v of %d bytes, error %v", name, ok, got.Len(), err)
		}
	}
}

func TestEnvironmentSource(t *testing.T) {
	p := secret.NewEnvironment(map[string]string{"A": "1", "B_FILE": "/b", "C_FILE": "c.pem", "D": "1", "D_FILE": "/d"}, map[string]bool{"C_FILE": true}, nil)
	for name, want := range map[string][2]string{"A": {"A", ""}, "B": {"B_FILE", "/b"}, "C": {"C", ""}, "C_FILE": {"C_FILE", ""}, "E": {"E", ""}} {
		if variable, path := p.Source(name); variable != want[0] || path != want[1] {
			t.Errorf("%s comes from %s, %s", name, variable, path)
		}
	}
	has(t, p, "C_FILE", "c.pem") // a variable that is called so
	_, _, err := p.Secret(t.Context(), "D")
	complains(t, err, "is given beside D, expected only one of them")
}

func TestFilesMistakes(t *testing.T) {
	folder := t.TempDir()
	in := func(content string) string { return write(t, filepath.Join(t.TempDir(), "secrets.json"), content) }
	twice := t.TempDir()
	write(t, filepath.Join(twice, "JWT_SECRET_KEY"), material)
	write(t, filepath.Join(twice, "jwt-secret-key"), material)
	inside := t.TempDir()
	if err := os.Mkdir(filepath.Join(inside, "JWT_SECRET_KEY"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, path, why string }{
		{"no path", "", "names no file"},
		{"nothing there", filepath.Join(folder, "nothing"), "names a file that does not exist"},
		{"two spellings", twice, "holds JWT_SECRET_KEY twice, in another spelling"},
		{"a folder for a secret", inside, "holds JWT_SECRET_KEY, which is something that is no regular file"},
		{"too long", in(`{"JWT_SECRET_KEY": "` + strings.Repeat("x", 1<<20) + `"}`), "is too long"},
		{"empty", in(""), "holds no JSON object"},
		{"cut", in(`{"JWT_SECRET_KEY": "` + material), "holds no JSON object"},
		{"cut behind a secret", in(`{"JWT_SECRET_KEY": "` + material + `"`), "holds no JSON object"},
		{"a list", in(`["` + material + `"]`), "holds no JSON object"},
		{"two objects", in(`{"JWT_SECRET_KEY": "` + material + `"}{}`), "holds no JSON object"},
		{"no JSON", in("JWT_SECRET_KEY=" + material), "holds no JSON object"},
		{"an unknown name", in("{\n\"" + material + "\": \"x\"}"), "in line 2, a name that is no secret's"},
		{"a number", in("{\n\n\"JWT_SECRET_KEY\": 12}"), "in which JWT_SECRET_KEY, in line 3, is no text"},
		{"an object", in(`{"JWT_SECRET_KEY": {"value": "` + material + `"}}`), "in which JWT_SECRET_KEY, in line 1, is no text"},
		{"twice", in("{\"JWT_SECRET_KEY\": \"" + material + "\",\n\"JWT_SECRET_KEY\": \"x\"}"), "holds JWT_SECRET_KEY twice, again in line 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := secret.OpenFiles(test.path, wanted, nil)
			complains(t, err, test.why)
		})
	}
}

// Kubernetes puts the files of a secret into a folder of their own, to which a link leads that is replaced as a whole.
func TestMountedFolder(t *testing.T) {
	folder := t.TempDir()
	mount(t, folder, map[string]string{"JWT_SECRET_KEY": material, "AUTHLY_MASTER_KEY": "of the first version"})
	for range 2 {
		p, err := secret.OpenFiles(folder, wanted, nil)
		if err != nil {
			t.Fatal(err)
		}
		has(t, p, "JWT_SECRET_KEY", material)
		if file := p.File("JWT_SECRET_KEY"); file != filepath.Join(folder, "JWT_SECRET_KEY") {
			t.Errorf("it is said to lie in %s", file)
		}
		if watched := p.Watched(); len(watched) < 2 || filepath.Dir(watched[0]) != folder {
			t.Errorf("what is watched: %v", watched)
		}
		mount(t, folder, map[string]string{"JWT_SECRET_KEY": "another", "AUTHLY_MASTER_KEY": "of the second version"})
		has(t, p, "AUTHLY_MASTER_KEY", "of the first version") // as it was when it was opened
		mount(t, folder, map[string]string{"JWT_SECRET_KEY": material, "AUTHLY_MASTER_KEY": "of the first version"})
	}
}

// mount puts files into a folder as Kubernetes does.
func mount(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	of, err := os.MkdirTemp(folder, "..version-")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		write(t, filepath.Join(of, name), content)
		if _, err := os.Lstat(filepath.Join(folder, name)); err != nil {
			link(t, filepath.Join("..data", name), filepath.Join(folder, name))
		}
	}
	link(t, filepath.Base(of), filepath.Join(folder, "..data_tmp"))
	if err := os.Rename(filepath.Join(folder, "..data_tmp"), filepath.Join(folder, "..data")); err != nil {
		t.Fatal(err)
	}
}

// What others may read is told with its permissions; that a link is in between does not matter.
func TestExposure(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "secret"), material)
	linked := link(t, path, filepath.Join(t.TempDir(), "link"))
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o700: "", 0o640: "-rw-r-----", 0o604: "-rw----r--", 0o644: "-rw-r--r--", 0o620: "-rw--w----", 0o666: "-rw-rw-rw-",
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got, behind := secret.Exposure(path), secret.Exposure(linked); got != want || behind != want {
			t.Errorf("%v: %q, behind a link %q, want %q", mode, got, behind, want)
		}
	}
	if got := secret.Exposure(filepath.Join(t.TempDir(), "nothing")); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
