package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/secret"
)

const (
	fromFile     = "the secret of the file that is long enough"
	fromProvider = "the secret of the provider is long enough"
	fromVariable = "the secret of a variable as long as others"
)

// inFolder makes a folder of secrets and returns its path.
func inFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// Which of several places a secret is taken from: the environment, by Authly's own name before an alias; else the provider, likewise;
// else the file. The same secret in the environment and at the provider is a mistake, and so is a variable beside its file.
func TestWhereSecretsComeFrom(t *testing.T) {
	folder := inFolder(t, map[string]string{"JWT_SECRET_KEY": fromProvider + "\n"})
	both := inFolder(t, map[string]string{"jwt-secret-key": fromVariable, "authly-tokens-secret-key": fromProvider})
	object := inFile(t, `{"JWT_SECRET_KEY": "`+fromProvider+`"}`)
	const inYAML = "tokens: {secret_key: " + fromFile + "}\n"
	provider := func(path string) []string {
		return []string{"AUTHLY_SECRETS_PROVIDER=file", "AUTHLY_SECRETS_PATH=" + path}
	}
	for _, test := range []struct {
		name string
		file string
		env  []string
		want string // or the mistake
	}{
		{"the file", inYAML, nil, fromFile},
		{"a variable over the file", inYAML, []string{"JWT_SECRET_KEY=" + fromVariable}, fromVariable},
		{"its file over the file", inYAML, []string{"JWT_SECRET_KEY_FILE=" + inFile(t, fromVariable)}, fromVariable},
		{"a folder over the file", inYAML, provider(folder), fromProvider},
		{"an object over the file", inYAML, provider(object), fromProvider},
		{"a folder named by the file", inYAML + "secrets: {provider: file, path: " + folder + "}\n", nil, fromProvider},
		{"a folder named by a variable in the file", "secrets: {provider: file, path: \"${FOLDER}\"}\n", []string{"FOLDER=" + folder}, fromProvider},
		{"a folder that has none", inYAML, provider(inFolder(t, nil)), fromFile},
		{"its own name over an alias", "", provider(both), fromProvider},
		{"a path that is not asked for", inYAML, []string{"AUTHLY_SECRETS_PATH=" + folder}, fromFile},
		{"a static one", inYAML + "secrets: {provider: static, dangerously_allow_static: true, static: [{name: JWT_SECRET_KEY, value: " + fromProvider + "}]}\n", nil, fromProvider},
		{"a variable of another secret", inYAML, append(provider(folder), "JWT_REFRESH_SECRET_KEY="+fromVariable), fromProvider},
		{"a variable of the structure", "", append(provider(folder), "AUTHLY_TOKENS={secret_key: "+fromVariable+"}"), fromVariable},

		{"a folder and a variable", "", append(provider(folder), "JWT_SECRET_KEY="+fromVariable), folder + "/JWT_SECRET_KEY: tokens.secret_key: is given beside JWT_SECRET_KEY, expected only one of them"},
		{"a folder and its own variable", "", append(provider(folder), "AUTHLY_TOKENS_SECRET_KEY="+fromVariable), folder + "/JWT_SECRET_KEY: tokens.secret_key: is given beside AUTHLY_TOKENS_SECRET_KEY, expected only one of them"},
		{"an object and a variable's file", "", append(provider(object), "JWT_SECRET_KEY_FILE="+inFile(t, fromVariable)), object + ": tokens.secret_key: is given beside JWT_SECRET_KEY_FILE, expected only one of them"},
		{"an empty one", "", provider(inFolder(t, map[string]string{"JWT_SECRET_KEY": "\n"})), "/JWT_SECRET_KEY: tokens.secret_key: is empty, expected a secret; leave the variable out if there is to be none"},
		{"a published one", "", provider(inFolder(t, map[string]string{"JWT_SECRET_KEY": "changeme\n"})), "/JWT_SECRET_KEY: tokens.secret_key: is a published example, expected a random secret of at least 32 bytes"},
		{"no object", "", provider(inFile(t, fromProvider)), "AUTHLY_SECRETS_PATH: secrets.path: names a file that holds no JSON object, expected one such as {\"JWT_SECRET_KEY\": \"…\"}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load("config.yaml", []byte(test.file), true, test.env)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = string(c.Tokens.SecretKey)
			}
			if !strings.HasSuffix(got, test.want) || err != nil && strings.Contains(got, "the secret of") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Every secret that there is can come from a provider, and means the same as a variable of that name.
func TestProvidersKnowEverySecret(t *testing.T) {
	values := map[string]string{
		"JWT_SECRET_KEY": fromProvider, "JWT_REFRESH_SECRET_KEY": fromProvider + "2", "JWT_SECRET_KEY_PREVIOUS": fromProvider + "3",
		"JWT_REFRESH_SECRET_KEY_PREVIOUS": fromProvider + "4", "AUTHLY_MASTER_KEY": fromProvider + "5", "AUTHLY_ADMIN_PASSWORD": fromProvider + "6",
		"DATABASE_URL": "postgres://u:p@h/d", "AUTHLY_MAIL_URL": "smtp://u:p@h", "AUTHLY_LIMITS_BACKEND": "redis://:p@h:1",
	}
	var env []string
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	const file = "mail: {from: a@example.com}\n"
	want, err := load("config.yaml", []byte(file), true, env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := load("config.yaml", []byte(file+"secrets: {provider: file, path: "+inFolder(t, values)+"}\n"), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if different := want.Differences(got); !slices.Equal(different, []string{"secrets.provider", "secrets.path"}) {
		t.Errorf("they differ in %v", different)
	}
	password, err := got.AdminPassword()
	if err != nil || string(password) != values["AUTHLY_ADMIN_PASSWORD"] {
		t.Errorf("the administrator's password: %q, %v", string(password), err)
	}
	for _, s := range secretNames() {
		if s.path != "" && keyAt(s.path).secret == "" {
			t.Errorf("%s is no secret", s.name)
		}
	}
}

func TestAdminPassword(t *testing.T) {
	sealed := seal(t, testMasterKey, "the password", "AUTHLY_ADMIN_PASSWORD")
	for _, test := range []struct {
		name string
		env  []string
		want string // or the mistake
	}{
		{"none", nil, ""},
		{"a variable", []string{"AUTHLY_ADMIN_PASSWORD=the password"}, "the password"},
		{"a file", []string{"AUTHLY_ADMIN_PASSWORD_FILE=" + inFile(t, "the password\r\n\n")}, "the password"},
		{"sealed", []string{"AUTHLY_ADMIN_PASSWORD=" + sealed, "AUTHLY_MASTER_KEY=" + testMasterKey}, "the password"},
		{"sealed in a folder", []string{"AUTHLY_SECRETS={provider: file, path: " + inFolder(t, map[string]string{"authly_admin_password": sealed + "\n", "AUTHLY_MASTER_KEY": testMasterKey}) + "}"}, "the password"},
		{"both", []string{"AUTHLY_ADMIN_PASSWORD=the password", "AUTHLY_ADMIN_PASSWORD_FILE=/x"}, "AUTHLY_ADMIN_PASSWORD_FILE: is given beside AUTHLY_ADMIN_PASSWORD, expected only one of them"},
		{"no file", []string{"AUTHLY_ADMIN_PASSWORD_FILE=/nowhere/at/all"}, "AUTHLY_ADMIN_PASSWORD_FILE: names a file that does not exist"},
		{"sealed without a master key", []string{"AUTHLY_ADMIN_PASSWORD=" + sealed}, "AUTHLY_ADMIN_PASSWORD: AUTHLY_ADMIN_PASSWORD: is sealed, and there is no master key to open it with, expected keys.master_key (AUTHLY_MASTER_KEY) to be set"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load("config.yaml", nil, true, test.env)
			if err != nil {
				t.Fatal(err) // it is of interest at the first start alone
			}
			password, err := c.AdminPassword()
			got := string(password)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Who else may read a file of secrets is told with its name and its permissions; of other files it is nobody's business.
func TestExposedFiles(t *testing.T) {
	open := func(path string, mode os.FileMode) string {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	folder := inFolder(t, map[string]string{"JWT_SECRET_KEY": fromProvider, "ca.crt": "x"})
	open(filepath.Join(folder, "JWT_SECRET_KEY"), 0o640)
	open(filepath.Join(folder, "ca.crt"), 0o644)
	object := open(inFile(t, `{"JWT_SECRET_KEY": "`+fromProvider+`", "JWT_REFRESH_SECRET_KEY": "`+fromVariable+`"}`), 0o604)
	variable := open(inFile(t, fromVariable), 0o644)
	linked := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(inFile(t, fromVariable), linked); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		env  []string
		want string
	}{
		{"a folder", []string{"AUTHLY_SECRETS={provider: file, path: " + folder + "}"}, "secrets.path: Others than its owner may read or write the file " + folder + "/JWT_SECRET_KEY (-rw-r-----)"},
		{"an object", []string{"AUTHLY_SECRETS={provider: file, path: " + object + "}"}, "secrets.path: Others than its owner may read or write the file " + object + " (-rw----r--)"},
		{"a variable's", []string{"JWT_SECRET_KEY_FILE=" + variable}, "JWT_SECRET_KEY_FILE: Others than its owner may read or write the file " + variable + " (-rw-r--r--)"},
		{"the administrator's", []string{"AUTHLY_ADMIN_PASSWORD_FILE=" + variable}, "AUTHLY_ADMIN_PASSWORD_FILE: Others than its owner may read or write the file " + variable + " (-rw-r--r--)"},
		{"of a structure", []string{"AUTHLY_TOKENS_FILE=" + open(inFile(t, "{audience: x}"), 0o644)}, "AUTHLY_TOKENS_FILE: Others than"},
		{"of its owner alone", []string{"JWT_SECRET_KEY_FILE=" + inFile(t, fromVariable)}, ""},
		{"behind a link", []string{"JWT_SECRET_KEY_FILE=" + linked}, ""},
		{"no secret", []string{"AUTHLY_TOKENS_AUDIENCE_FILE=" + open(inFile(t, "x"), 0o644)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load("config.yaml", []byte(quiet+quietRoutes), true, test.env)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, w := range c.Warnings() {
				said = append(said, w.String())
			}
			got := strings.Join(said, "\n")
			if !strings.HasPrefix(got, test.want) || test.want == "" && got != "" || len(said) > 1 || strings.Contains(got, "the secret of") {
				t.Errorf("warned of %q, want %q", got, test.want)
			}
		})
	}
}

// The file of the configuration itself is told of where a secret stands in it as it is, and not for what is sealed, named, or nobody
// can log in with.
func TestExposedConfiguration(t *testing.T) {
	const hash = "$2a$04$Gg91pyMdkpIwT2MRMl7xxObPSOAQpS2Gnt29indH8Q4jxpiSfPupu"
	for _, test := range []struct {
		name, more string
		mode       os.FileMode
		want       string
	}{
		{"as it is", "tokens: {secret_key: \"" + fromVariable + "\"}", 0o644, "tokens.secret_key: Others than its owner may read or write the file "},
		{"of its owner alone", "tokens: {secret_key: \"" + fromVariable + "\"}", 0o600, ""},
		{"sealed", "tokens: {secret_key: " + seal(t, testMasterKey, fromVariable, "") + "}", 0o644, ""},
		{"named", "tokens: {secret_key: \"${NAMED}\"}", 0o644, ""},
		{"a hash", "clients: [{id: a, secret_hash: " + hash + "}]", 0o644, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := inFile(t, quiet+test.more+"\n"+quietRoutes)
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, true, []string{"AUTHLY_MASTER_KEY=" + testMasterKey, "NAMED=" + fromVariable})
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, w := range c.Warnings() {
				said = append(said, w.String())
			}
			if got := strings.Join(said, "\n"); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" || len(said) > 1 {
				t.Errorf("warned of %q, want %q", got, test.want)
			}
		})
	}
}

// Warnings of where secrets come from.
func TestProviderWarnings(t *testing.T) {
	static := "static: [{name: JWT_SECRET_KEY, value: " + strong + "}]"
	for _, test := range []struct{ name, secrets, want string }{
		{"static", "{provider: static, dangerously_allow_static: true, " + static + "}", "secrets.provider: IS STATIC"},
		{"static without a use", "{" + static + "}", "secrets.static: Is not used"},
		{"a path without a use", "{path: /run/secrets}", "secrets.path: Is not used"},
		{"a slip", "{provider: file, path: " + inFolder(t, map[string]string{"JWT_SECRET_KEYS": "x", "tls.crt": "x", "postgres-password": "x"}) + "}", "secrets.path: Holds a file that is called nearly like a secret, and has no effect; did you mean JWT_SECRET_KEY?"},
		{"another slip", "{provider: file, path: " + inFolder(t, map[string]string{"authly-colour": "x"}) + "}", "secrets.path: Holds a file that is called nearly like a secret, and has no effect."},
		{"other files", "{provider: file, path: " + inFolder(t, map[string]string{"tls.crt": "x", "postgres-password": "x", "README.md": "x"}) + "}", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load("config.yaml", []byte(quiet+quietRoutes+"secrets: "+test.secrets+"\n"), true, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := c.Warnings()
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0].String(), test.want)) {
				t.Errorf("warned of %v, want %q", got, test.want)
			}
		})
	}
}

// Which variables hold secrets, and so are taken out of the environment of the process.
func TestSecretVariables(t *testing.T) {
	env := []string{
		"JWT_SECRET_KEY=" + fromVariable, "AUTHLY_MASTER_KEY=" + fromVariable + "2", "DATABASE_URL=postgres://u:p@h/d", "AUTHLY_ADMIN_PASSWORD=x",
		"AUTHLY_STORE_URL=postgres://u:p@h/e", // which is stronger
		"AUTHLY_TOKENS={audience: x}", "AUTHLY_CLIENTS=[]", "REFRESH=" + fromVariable + "3", "PASSWORD=p",
		"AUTHLY_LOG_LEVEL=warn", "AUTHLY_LIMITS_LOGIN_REQUESTS=9", "HOST=h", "PATH=/bin", "AUTHLY_TOKENS_AUDIENCE=y",
		"JWT_SECRET_KEY_PREVIOUS_FILE=" + inFile(t, fromVariable+"4"),
	}
	const file = "tokens: {refresh_secret_key: \"${REFRESH}\"}\nmail: {url: \"smtp://u:${PASSWORD}@example.com\", from: \"a@${HOST}.example.com\"}\n"
	c, err := load("config.yaml", []byte(file), true, env)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Compact(slices.Sorted(slices.Values(c.SecretVariables())))
	want := []string{"AUTHLY_ADMIN_PASSWORD", "AUTHLY_CLIENTS", "AUTHLY_MASTER_KEY", "AUTHLY_STORE_URL", "AUTHLY_TOKENS", "DATABASE_URL", "JWT_SECRET_KEY", "PASSWORD", "REFRESH"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What is shown as an example is no secret that could be used as it stands: whoever copies it is told so at the start. The catalogues of
// the pages show none: what stands behind the name of a key there is a word.
func TestNoExampleIsASecret(t *testing.T) {
	shown := regexp.MustCompile(`(?:JWT_SECRET_KEY|JWT_REFRESH_SECRET_KEY|AUTHLY_MASTER_KEY|secret_key|master_key)(?:_PREVIOUS|_previous)?["']? *[:=] *["']?([^ "',}\n` + "`" + `]+)`)
	found := 0
	err := filepath.WalkDir("../../..", func(path string, entry fs.DirEntry, err error) error {
		switch extension := filepath.Ext(path); {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "languages" || entry.Name() == "node_modules" || entry.Name() == "testdata" || entry.Name() == ".git"):
			return filepath.SkipDir
		case entry.IsDir() || !slices.Contains([]string{".md", ".yaml", ".yml", ".json", ".env", ".sh"}, extension):
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range shown.FindAllStringSubmatch(string(content), -1) {
			found++
			value := match[1]
			stands := strings.HasPrefix(value, "$") || strings.HasPrefix(value, "%s") || value == "…" || value == "..." || strings.HasPrefix(value, "sealed:v1:")
			if !stands && !secret.Judge([]byte(value), leastMaster).Stops() {
				t.Errorf("%s shows a secret that would be taken", path)
			}
		}
		return nil
	})
	if err != nil || found < 3 {
		t.Fatalf("%d examples were found, error %v", found, err)
	}
}
