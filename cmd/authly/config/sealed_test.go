package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn/secret"
)

const testMasterKey = "a-master-key-that-was-made-for-these-tests"

func seal(t *testing.T, masterKey, value, path string) string {
	t.Helper()
	values, err := secret.NewValues([]byte(masterKey))
	if err != nil {
		t.Fatal(err)
	}
	return values.Seal([]byte(value), path)
}

// A sealed value can stand wherever a single value can, in the file and in the environment, and means what was sealed.
func TestSealedValues(t *testing.T) {
	s := func(value string) string { return seal(t, testMasterKey, value, "") }
	const hash = "$2a$04$Gg91pyMdkpIwT2MRMl7xxObPSOAQpS2Gnt29indH8Q4jxpiSfPupu"
	for i, test := range []struct { // the master key comes from everywhere in the first case, and else from the file
		name string
		file string
		env  []string
		get  func(c *Config) any
		want any
	}{
		{"secret", "tokens: {secret_key: " + s(marked) + "}", nil, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"for its key", "tokens: {secret_key: " + seal(t, testMasterKey, marked, "tokens.secret_key") + "}", nil, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"in quotes", "mail: {from: \"" + s("a@example.com") + "\"}", nil, func(c *Config) any { return c.Mail.From }, "a@example.com"},
		{"URL", "store: {url: " + s("postgres://u:p@h/d?sslmode=verify-full") + "}", nil, func(c *Config) any { return c.Store.URL }, "postgres://u:p@h/d?sslmode=verify-full"},
		{"another URL", "limits: {backend: " + s("rediss://:p@h:6379/0") + "}", nil, func(c *Config) any { return string(c.Limits.Backend) }, "rediss://:p@h:6379/0"},
		{"text that looks like a variable", "tokens: {issuer: " + s("${NOT} a $${VARIABLE}") + "}", nil, func(c *Config) any { return c.Tokens.Issuer }, "${NOT} a $${VARIABLE}"},
		{"number", "passwords: {bcrypt_cost: " + s("5") + "}", nil, func(c *Config) any { return c.Passwords.BcryptCost }, 5},
		{"fraction", "risk: {notify_above: " + s("0.75") + "}", nil, func(c *Config) any { return c.Risk.NotifyAbove }, 0.75},
		{"duration", "tokens: {access_ttl: " + s("7m") + "}", nil, func(c *Config) any { return c.Tokens.AccessTTL }, 7 * time.Minute},
		{"truth", "users: {require_verification: " + s("false") + "}", nil, func(c *Config) any { return c.Users.RequireVerification }, false},
		{"in a list", "cors: {allowed_origins: [https://a.example.com, " + s("https://b.example.com") + "]}", nil, func(c *Config) any { return c.CORS.AllowedOrigins }, []string{"https://a.example.com", "https://b.example.com"}},
		{"for a place in a list", "clients: [{id: a, secret_hash: " + seal(t, testMasterKey, hash, "clients[0].secret_hash") + "}]", nil, func(c *Config) any { return string(c.Clients[0].SecretHash) }, hash},
		{"network in a list", "server: {trusted_proxies: [" + s("10.0.0.7") + "]}", nil, func(c *Config) any { return c.Server.TrustedProxies[0].String() }, "10.0.0.7/32"},
		{"for one of a list", "geo: {database: " + s("a.mmdb") + "}", nil, func(c *Config) any { return c.Geo.Database }, []string{"a.mmdb"}},
		{"in a route", "routes: [{name: a, paths: [" + s("/hidden/*") + "], allow: " + s("nobody") + ", upstream: " + s("http://10.0.0.8") + "}]", nil, func(c *Config) any { return []string{c.Routes[0].Paths[0], c.Routes[0].Upstream[0]} }, []string{"/hidden/*", "http://10.0.0.8"}},
		{"of a variable in the file", "tokens: {secret_key: \"${SEALED}\"}", []string{"SEALED=" + s(marked)}, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"variable", "", []string{"JWT_SECRET_KEY=" + s(marked)}, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"variable for its key", "", []string{"JWT_SECRET_KEY=" + seal(t, testMasterKey, marked, "tokens.secret_key")}, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"variable of its own", "", []string{"AUTHLY_STORE_URL=" + s("postgres://u:p@h/d")}, func(c *Config) any { return c.Store.URL }, "postgres://u:p@h/d"},
		{"file of a variable", "", []string{"JWT_SECRET_KEY_FILE=" + inFile(t, s(marked)+"\n")}, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"structure of a variable", "", []string{"AUTHLY_TOKENS={secret_key: " + s(marked) + "}"}, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"list of a variable", "", []string{"AUTHLY_CORS_ALLOWED_ORIGINS=https://a.example.com, " + s("https://b.example.com")}, func(c *Config) any { return c.CORS.AllowedOrigins[1] }, "https://b.example.com"},
		{"at a provider", "secrets: {provider: file, path: " + inFolder(t, map[string]string{"JWT_SECRET_KEY": s(marked) + "\n"}) + "}", nil, func(c *Config) any { return string(c.Tokens.SecretKey) }, marked},
		{"nothing sealed", "tokens: {issuer: \"seal:v1:x\"}", nil, func(c *Config) any { return c.Tokens.Issuer }, "seal:v1:x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for what, where := range map[string]struct{ file, variable string }{
				"in the file":       {test.file + "\nkeys: {master_key: " + testMasterKey + "}\n", "X="},
				"in a variable":     {test.file, "AUTHLY_MASTER_KEY=" + testMasterKey},
				"of its own":        {test.file, "AUTHLY_KEYS_MASTER_KEY=" + testMasterKey},
				"in its structure":  {test.file, "AUTHLY_KEYS={master_key: " + testMasterKey + "}"},
				"in a file":         {test.file, "AUTHLY_MASTER_KEY_FILE=" + inFile(t, testMasterKey+"\n")},
				"in the key file":   {test.file + "\nkeys: {master_key_file: " + inFile(t, testMasterKey+"\n") + "}\n", "X="},
				"the one of before": {test.file, "AUTHLY_KEYS={master_key: another-master-key-that-was-made-for-these-tests, master_key_previous: " + testMasterKey + "}"},
				"by another's name": {test.file + "\nkeys: {master_key: \"${THE_KEY}\"}\n", "THE_KEY=" + testMasterKey},
			} {
				if i > 0 && what != "in the file" {
					continue
				}
				c, err := load("config.yaml", []byte(where.file), true, append(test.env, where.variable))
				if err != nil {
					t.Fatalf("the master key %s: %v", what, err)
				}
				if diff := cmp.Diff(test.want, test.get(c)); diff != "" {
					t.Errorf("the master key %s: (-want +got):\n%s", what, diff)
				}
			}
		})
	}
}

// A master key that a provider has opens the rest.
func TestSealedUnderAMasterKeyOfAProvider(t *testing.T) {
	folder := inFolder(t, map[string]string{"authly-master-key": testMasterKey, "jwt-secret-key": seal(t, testMasterKey, marked, "")})
	c, err := load("config.yaml", []byte("mail: {from: "+seal(t, testMasterKey, "a@example.com", "")+"}\nsecrets: {provider: file, path: "+folder+"}\n"), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Tokens.SecretKey) != marked || c.Mail.From != "a@example.com" {
		t.Errorf("got %q and %q", string(c.Tokens.SecretKey), c.Mail.From)
	}
}

// What is sealed is not shown: somebody thought it worth hiding, whatever it is.
func TestSealedValuesAreNotShown(t *testing.T) {
	s := func(value string) string { return seal(t, testMasterKey, value, "") }
	file := "keys: {master_key: " + testMasterKey + "}\ntokens: {issuer: " + s("hunter2-issuer") + "}\nmail: {from: " + s("hunter2@example.com") + "}\n" +
		"store: {url: " + s("sqlite://hunter2.db") + "}\npasswords: {bcrypt_cost: " + s("13") + "}\n" +
		"routes: [{name: a, paths: [" + s("/hunter2") + "], allow: {roles: [" + s("hunter2") + "]}, upstream: [" + s("http://hunter2") + "]}]\n"
	c, err := load("config.yaml", []byte(file), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"YAML": c.String(), "JSON": string(encoded)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "13") || strings.Count(text, "(sealed)") != 7 {
			t.Errorf("%s: %s", what, text)
		}
	}
	if c.Tokens.Issuer != "hunter2-issuer" {
		t.Error("it is not there at all")
	}
}

// opens reports whether values are of the master key of the tests.
func opens(t *testing.T, values *secret.Values) bool {
	t.Helper()
	if values == nil {
		return false
	}
	got, err := values.Open(seal(t, testMasterKey, marked, ""), "")
	return err == nil && string(got) == marked
}

// The master key alone can be read from a configuration whose sealed values nobody has sealed yet, or in which all else is wrong.
func TestValues(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	folder := inFolder(t, map[string]string{"AUTHLY_MASTER_KEY": testMasterKey})
	for _, test := range []struct {
		name string
		file string
		env  []string
		want string // or the mistake
	}{
		{"in the file", "keys: {master_key: " + testMasterKey + "}", nil, testMasterKey},
		{"in a variable", "", []string{"AUTHLY_MASTER_KEY=" + testMasterKey}, testMasterKey},
		{"at a provider", "secrets: {provider: file, path: " + folder + "}", nil, testMasterKey},
		{"none", "log: {level: warn}", nil, ""},
		{"beside mistakes", "log: {level: loud}\ntokens: {secret_key: sealed:v1:x}\nkeys: {master_key: " + testMasterKey + "}", nil, testMasterKey},
		{"too short", "keys: {master_key: short}", nil, ":1:20: keys.master_key: is too short, expected a random secret of at least 32 bytes"},
		{"sealed", "keys: {master_key: sealed:v1:x}", nil, ":1:20: keys.master_key: is sealed, and is what sealed values are opened with, expected the master key itself"},
		{"no file of a variable", "", []string{"AUTHLY_MASTER_KEY_FILE=/nowhere/at/all", "JWT_SECRET_KEY_FILE=/nowhere/else"}, "AUTHLY_MASTER_KEY_FILE: names a file that does not exist"},
		{"no YAML", "keys: {master_key: " + testMasterKey, nil, "is not good YAML: did not find expected ',' or '}' while parsing a flow mapping that begins at line 1"},
		{"no provider", "secrets: {provider: file, path: /nowhere/at/all}", []string{"AUTHLY_MASTER_KEY=" + testMasterKey}, ":1:33: secrets.path: names a file that does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			values, err := Values(write(test.file), true, test.env)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if opened := opens(t, values); opened != (test.want == testMasterKey) {
				t.Errorf("it opens what the master key has sealed: %v", opened)
			} else if opened {
				return
			}
			if !strings.HasSuffix(got, test.want) || test.want == "" && got != "" || err != nil && strings.Contains(got, testMasterKey) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if _, err := Values(t.TempDir()+"/nowhere.yaml", true, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}

// What is read again is what the files hold by then; the file of the configuration itself is left as it was.
func TestAgain(t *testing.T) {
	path, variable := filepath.Join(t.TempDir(), "config.yaml"), inFile(t, fromVariable)
	folder := inFolder(t, map[string]string{"JWT_REFRESH_SECRET_KEY": fromProvider})
	write := func(path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "log: {level: warn}\nsecrets: {provider: file, path: "+folder+"}\n")
	c, err := Load(path, true, []string{"JWT_SECRET_KEY_FILE=" + variable})
	if err != nil {
		t.Fatal(err)
	}
	if files := c.Files(); !slices.Contains(files, variable) || !slices.Contains(files, folder+"/JWT_REFRESH_SECRET_KEY") || slices.Contains(files, path) {
		t.Errorf("the files: %v", files)
	}
	write(path, "log: {level: loud}\n")
	again, err := c.Again()
	if err != nil || len(c.Differences(again)) > 0 {
		t.Fatalf("unchanged: %v, %v", err, c.Differences(again))
	}
	write(variable, fromVariable+"2")
	write(folder+"/JWT_REFRESH_SECRET_KEY", fromProvider+"2")
	write(folder+"/JWT_SECRET_KEY_PREVIOUS", fromVariable)
	if again, err = c.Again(); err != nil {
		t.Fatal(err)
	}
	want := []string{"tokens.secret_key", "tokens.refresh_secret_key", "tokens.secret_key_previous"}
	if got := c.Differences(again); !slices.Equal(got, want) || string(again.Tokens.SecretKey) != fromVariable+"2" {
		t.Errorf("changed: %v", got)
	}
	write(variable, "")
	if _, err := c.Again(); err == nil || !strings.Contains(err.Error(), "JWT_SECRET_KEY_FILE: tokens.secret_key: is empty") {
		t.Errorf("with an empty file: %v", err)
	}
}

func TestIsKey(t *testing.T) {
	for path, want := range map[string]string{
		"tokens.secret_key": "", "clients[0].secret_hash": "", "routes[12].paths[0]": "", "AUTHLY_ADMIN_PASSWORD": "", "store.url": "",
		"tokens.secret_kye": "tokens.secret_key", "clients.secrethash": "clients.secret_hash",
	} {
		known, near := IsKey(path)
		if known != (want == "") || want != "" && near != want {
			t.Errorf("%s: known %v, near %q", path, known, near)
		}
	}
	if known, near := IsKey("nothing of that kind at all"); known || near != "" {
		t.Errorf("known %v, near %q", known, near)
	}
}
