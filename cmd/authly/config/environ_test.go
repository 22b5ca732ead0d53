package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inFile writes a file for a variable that ends in _FILE and returns its path.
func inFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const strong = "0123456789abcdef0123456789abcdef"

func TestEnvironment(t *testing.T) {
	secretFile := inFile(t, strong+"\n")
	for _, test := range []struct {
		name string
		file string
		env  []string
		get  func(c *Config) any
		want any
	}{
		{"text", "", []string{"AUTHLY_STORE_URL=sqlite://a.db"}, func(c *Config) any { return c.Store.URL }, "sqlite://a.db"},
		{"over the file", "store: {url: \"sqlite://f.db\"}", []string{"AUTHLY_STORE_URL=sqlite://a.db"}, func(c *Config) any { return c.Store.URL }, "sqlite://a.db"},
		{"the last one counts", "", []string{"AUTHLY_STORE_URL=sqlite://a.db", "AUTHLY_STORE_URL=sqlite://b.db"}, func(c *Config) any { return c.Store.URL }, "sqlite://b.db"},
		{"text that YAML takes for a number", "", []string{"AUTHLY_TOKENS_AUDIENCE=42"}, func(c *Config) any { return c.Tokens.Audience }, "42"},
		{"text is not expanded", "", []string{"AUTHLY_TOKENS_ISSUER=${HOME}"}, func(c *Config) any { return c.Tokens.Issuer }, "${HOME}"},
		{"an empty text", "", []string{"AUTHLY_SERVER_OPS_ADDRESS="}, func(c *Config) any { return c.Server.OpsAddress }, ""},
		{"number", "", []string{"AUTHLY_PASSWORDS_BCRYPT_COST= 11 "}, func(c *Config) any { return c.Passwords.BcryptCost }, 11},
		{"an empty number", "passwords: {bcrypt_cost: 13}", []string{"AUTHLY_PASSWORDS_BCRYPT_COST="}, func(c *Config) any { return c.Passwords.BcryptCost }, 13},
		{"truth", "", []string{"AUTHLY_USERS_REQUIRE_VERIFICATION=false"}, func(c *Config) any { return c.Users.RequireVerification }, false},
		{"an empty truth", "", []string{"AUTHLY_USERS_REQUIRE_VERIFICATION="}, func(c *Config) any { return c.Users.RequireVerification }, true},
		{"duration", "", []string{"AUTHLY_TOKENS_ACCESS_TTL=90s"}, func(c *Config) any { return c.Tokens.AccessTTL }, 90 * time.Second},
		{"within a structure", "", []string{"AUTHLY_LIMITS_LOGIN_REQUESTS=9"}, func(c *Config) any { return c.Limits.Login }, Limit{9, time.Minute}},
		{"of an embedded structure", "", []string{"AUTHLY_HEADERS_FRAME_OPTIONS="}, func(c *Config) any { return c.Headers.FrameOptions }, ""},
		{"list with commas", "", []string{"AUTHLY_CORS_ALLOWED_ORIGINS=https://a.example.com, https://b.example.com"}, func(c *Config) any { return c.CORS.AllowedOrigins }, []string{"https://a.example.com", "https://b.example.com"}},
		{"list in YAML", "", []string{`AUTHLY_HEADERS_IDENTITY_USER=["X-A", X-B]`}, func(c *Config) any { return c.Headers.Identity.User }, []string{"X-A", "X-B"}},
		{"an empty list is not set", "cors: {allowed_origins: [https://a.example.com]}", []string{"AUTHLY_CORS_ALLOWED_ORIGINS="}, func(c *Config) any { return c.CORS.AllowedOrigins }, []string{"https://a.example.com"}},
		{"a list emptied", "cors: {allowed_origins: [https://a.example.com]}", []string{"AUTHLY_CORS_ALLOWED_ORIGINS=[]"}, func(c *Config) any { return c.CORS.AllowedOrigins }, []string{}},
		{"networks", "", []string{"AUTHLY_SERVER_TRUSTED_PROXIES=10.0.0.0/8,::1"}, func(c *Config) any { return len(c.Server.TrustedProxies) }, 2},
		{"routes", "routes: [{name: file, paths: [/*], allow: public}]", []string{"AUTHLY_ROUTES=[{name: env, paths: [/a/*], allow: {roles: [x]}}]"}, func(c *Config) any { return c.Routes[0].Name + c.Routes[0].Allow.Roles[0] }, "envx"},
		{"routes without a file", "-", []string{"AUTHLY_ROUTES=[]"}, func(c *Config) any { return len(c.Routes) }, 0},
		{"routes know the common headers", "-", []string{"AUTHLY_ROUTES=[{name: a, paths: [/*], allow: public, headers: {frame_options: DENY}}]", "AUTHLY_HEADERS_XSS_PROTECTION=0"}, func(c *Config) any { return c.Routes[0].Headers.XSSProtection }, "0"},
		{"a structure", "", []string{"AUTHLY_LOG={level: warn, format: json}"}, func(c *Config) any { return c.Log }, Log{"warn", "json"}},
		{"the special is stronger", "", []string{"AUTHLY_LOG_LEVEL=error", "AUTHLY_LOG={level: warn, format: json}"}, func(c *Config) any { return c.Log }, Log{"error", "json"}},
		{"file", "", []string{"AUTHLY_TOKENS_SECRET_KEY_FILE=" + secretFile}, func(c *Config) any { return string(c.Tokens.SecretKey) }, strong},
		{"file with one of two line ends", "", []string{"AUTHLY_TOKENS_SECRET_KEY_FILE=" + inFile(t, strong+"\r\n")}, func(c *Config) any { return string(c.Tokens.SecretKey) }, strong},
		{"file with spaces", "", []string{"AUTHLY_TOKENS_SECRET_KEY_FILE=" + inFile(t, " "+strong+" \n\n")}, func(c *Config) any { return string(c.Tokens.SecretKey) }, " " + strong + " \n"},
		{"file with a number", "", []string{"AUTHLY_PASSWORDS_BCRYPT_COST_FILE=" + inFile(t, "10\n")}, func(c *Config) any { return c.Passwords.BcryptCost }, 10},
		{"file with routes", "", []string{"AUTHLY_ROUTES_FILE=" + inFile(t, "- name: a\n  paths: [/*]\n  allow: public\n")}, func(c *Config) any { return c.Routes[0].Name }, "a"},
		{"a key that ends in _file", "", []string{"AUTHLY_SERVER_TLS_CERT_FILE=a.pem", "AUTHLY_SERVER_TLS_KEY_FILE=b.pem"}, func(c *Config) any { return c.Server.TLS }, TLS{"a.pem", "b.pem"}},
		{"the file of such a key", "", []string{"AUTHLY_SERVER_TLS_CERT_FILE_FILE=" + inFile(t, "a.pem\n"), "AUTHLY_SERVER_TLS_KEY_FILE=b.pem"}, func(c *Config) any { return c.Server.TLS }, TLS{"a.pem", "b.pem"}},

		{"a key of the same name", "", []string{"AUTHLY_KEYS_MASTER_KEY_FILE=" + secretFile}, func(c *Config) any { return c.Keys }, Keys{
			RotateEvery: 720 * time.Hour, RotateDataKeysEvery: 2160 * time.Hour, MasterKeyFile: secretFile}},
		{"what is in such a file", "", []string{"AUTHLY_MASTER_KEY_FILE=" + secretFile}, func(c *Config) any { return string(c.Keys.MasterKey) }, strong},
		{"what was in one before", "", []string{"AUTHLY_MASTER_KEY=x" + strong, "AUTHLY_MASTER_KEY_PREVIOUS_FILE=" + secretFile},
			func(c *Config) any { return string(c.Keys.MasterKeyPrevious) }, strong},

		{"JWT_SECRET_KEY", "", []string{"JWT_SECRET_KEY=" + strong}, func(c *Config) any { return []string{string(c.Tokens.SecretKey), c.Algorithm()} }, []string{strong, "HS256"}},
		{"JWT_SECRET_KEY_FILE", "", []string{"JWT_SECRET_KEY_FILE=" + secretFile}, func(c *Config) any { return string(c.Tokens.SecretKey) }, strong},
		{"JWT_REFRESH_SECRET_KEY", "", []string{"JWT_REFRESH_SECRET_KEY=" + strong}, func(c *Config) any { return []string{string(c.Tokens.RefreshSecretKey), c.Algorithm()} }, []string{strong, "EdDSA"}},
		{"JWT_ALGORITHM", "", []string{"JWT_ALGORITHM=ES256"}, func(c *Config) any { return c.Algorithm() }, "ES256"},
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "", []string{"ACCESS_TOKEN_EXPIRE_MINUTES=15"}, func(c *Config) any { return c.Tokens.AccessTTL }, 15 * time.Minute},
		{"REFRESH_TOKEN_EXPIRE_DAYS", "", []string{"REFRESH_TOKEN_EXPIRE_DAYS=30"}, func(c *Config) any { return c.Tokens.RefreshTTL }, 720 * time.Hour},
		{"an empty REFRESH_TOKEN_EXPIRE_DAYS", "", []string{"REFRESH_TOKEN_EXPIRE_DAYS="}, func(c *Config) any { return c.Tokens.RefreshTTL }, 168 * time.Hour},
		{"DATABASE_URL", "store: {url: \"sqlite://f.db\"}", []string{"DATABASE_URL=postgres://a@b/c"}, func(c *Config) any { return c.Store.URL }, "postgres://a@b/c"},
		{"AUTHLY_API_VERSION_PREFIX", "", []string{"AUTHLY_API_VERSION_PREFIX=/api/v1"}, func(c *Config) any { return c.Server.APIPrefix }, "/api/v1"},
		{"its own name is stronger than an alias", "", []string{"DATABASE_URL=postgres://a@b/c", "AUTHLY_STORE_URL=sqlite://a.db"}, func(c *Config) any { return c.Store.URL }, "sqlite://a.db"},
		{"as a file too", "", []string{"JWT_SECRET_KEY=another", "AUTHLY_TOKENS_SECRET_KEY_FILE=" + secretFile}, func(c *Config) any { return string(c.Tokens.SecretKey) }, strong},
		{"and its structure", "", []string{"JWT_ALGORITHM=ES256", "AUTHLY_TOKENS={algorithm: RS256}"}, func(c *Config) any { return c.Algorithm() }, "RS256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load("config.yaml", []byte(test.file), test.file != "-", test.env)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, test.get(c)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, w := range c.Warnings() {
				if strings.HasPrefix(w.Key, "AUTHLY_") {
					t.Errorf("warned of %s", w)
				}
			}
		})
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	secretFile := inFile(t, strong)
	for _, test := range []struct {
		name string
		env  []string
		want string
	}{
		{"number", []string{"AUTHLY_PASSWORDS_BCRYPT_COST=many"}, "AUTHLY_PASSWORDS_BCRYPT_COST: passwords.bcrypt_cost: is no plain whole number, expected a whole number from 4 to 15"},
		{"duration", []string{"AUTHLY_TOKENS_ACCESS_TTL=30"}, "AUTHLY_TOKENS_ACCESS_TTL: tokens.access_ttl: is no duration, expected a duration such as 30s, 15m or 168h"},
		{"truth", []string{"AUTHLY_USERS_REQUIRE_VERIFICATION=no"}, "AUTHLY_USERS_REQUIRE_VERIFICATION: users.require_verification: is neither of them, expected true or false, without quotes"},
		{"empty where it makes no sense", []string{"AUTHLY_SERVER_ADDRESS="}, "AUTHLY_SERVER_ADDRESS: server.address: is empty, expected host:port such as :8080"},
		{"empty secret", []string{"JWT_SECRET_KEY="}, "JWT_SECRET_KEY: tokens.secret_key: is empty, expected a secret; leave the variable out if there is to be none"},
		{"empty secret by its own name", []string{"AUTHLY_TOKENS_REFRESH_SECRET_KEY="}, "AUTHLY_TOKENS_REFRESH_SECRET_KEY: tokens.refresh_secret_key: is empty, expected a secret; leave the variable out if there is to be none"},
		{"empty secret in a file", []string{"JWT_SECRET_KEY_FILE=" + inFile(t, "\n")}, "JWT_SECRET_KEY_FILE: tokens.secret_key: is empty, expected a secret; leave the variable out if there is to be none"},
		{"published secret", []string{"JWT_SECRET_KEY=your-secret-key-here"}, "JWT_SECRET_KEY: tokens.secret_key: is a published example, expected a random secret of at least 32 bytes"},
		{"both", []string{"JWT_SECRET_KEY=" + strong, "JWT_SECRET_KEY_FILE=" + secretFile}, "JWT_SECRET_KEY_FILE: is given beside JWT_SECRET_KEY, expected only one of them"},
		{"a master key and its file", []string{"AUTHLY_MASTER_KEY=" + strong, "AUTHLY_KEYS_MASTER_KEY_FILE=master.key"}, "AUTHLY_KEYS_MASTER_KEY_FILE: keys.master_key_file: is given beside keys.master_key, expected only one of them"},
		{"both by its own name", []string{"AUTHLY_STORE_URL=sqlite://a.db", "AUTHLY_STORE_URL_FILE=" + secretFile}, "AUTHLY_STORE_URL_FILE: is given beside AUTHLY_STORE_URL, expected only one of them"},
		{"no such file", []string{"AUTHLY_TOKENS_SECRET_KEY_FILE=/nowhere/at/all"}, "AUTHLY_TOKENS_SECRET_KEY_FILE: names a file that does not exist"},
		{"no file", []string{"AUTHLY_TOKENS_SECRET_KEY_FILE="}, "AUTHLY_TOKENS_SECRET_KEY_FILE: names no file, expected the path of one"},
		{"a folder", []string{"AUTHLY_TOKENS_SECRET_KEY_FILE=" + t.TempDir()}, "AUTHLY_TOKENS_SECRET_KEY_FILE: names something that is no regular file, expected one that can be read again, and so no pipe"},
		{"minutes", []string{"ACCESS_TOKEN_EXPIRE_MINUTES=30m"}, "ACCESS_TOKEN_EXPIRE_MINUTES: tokens.access_ttl: is no whole number, expected one of minutes"},
		{"no minutes", []string{"ACCESS_TOKEN_EXPIRE_MINUTES=0"}, "ACCESS_TOKEN_EXPIRE_MINUTES: tokens.access_ttl: is out of range, expected a duration from 1s to 744h"},
		{"days", []string{"REFRESH_TOKEN_EXPIRE_DAYS=-1"}, "REFRESH_TOKEN_EXPIRE_DAYS: tokens.refresh_ttl: is no whole number, expected one of days"},
		{"algorithm", []string{"JWT_ALGORITHM=none"}, `JWT_ALGORITHM: tokens.algorithm: is none of the possible values, expected HS256, HS384, HS512, RS256, PS256, ES256, EdDSA or ""`},
		{"database", []string{"DATABASE_URL=mysql://root:hunter2@db/x"}, "DATABASE_URL: store.url: is no address of a database, expected sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE"},
		{"an element of a list", []string{"AUTHLY_SERVER_TRUSTED_PROXIES=10.0.0.0/8,,::1"}, "AUTHLY_SERVER_TRUSTED_PROXIES: server.trusted_proxies[1]: is no address and no network, expected one such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"},
		{"bad YAML", []string{"AUTHLY_ROUTES=[{name: a"}, "AUTHLY_ROUTES: routes: is not good YAML: did not find expected ',' or '}' while parsing a flow mapping that begins at line 1"},
		{"unknown key", []string{"AUTHLY_ROUTES=[{name: a, path: /, paths: [/*], allow: public}]"}, "AUTHLY_ROUTES: routes[0].path: unknown key, did you mean paths?"},
		{"a structure that is none", []string{"AUTHLY_SERVER=:8080"}, "AUTHLY_SERVER: server: is text, expected a mapping of address, authz_address, ops_address, public_url, api_prefix, trusted_proxies, unencrypted_http2, shutdown_timeout, read_header_timeout, idle_timeout, max_header_bytes and tls"},
		{"half a certificate", []string{"AUTHLY_SERVER_TLS_CERT_FILE=a.pem"}, "AUTHLY_SERVER_TLS_CERT_FILE: server.tls.cert_file: is given without server.tls.key_file, expected both or none"},
		{"not UTF-8", []string{"AUTHLY_TOKENS_AUDIENCE=\xff"}, "AUTHLY_TOKENS_AUDIENCE: tokens.audience: holds a control character or is not UTF-8, expected plain text on one line"},
		{"several", []string{"JWT_ALGORITHM=x", "AUTHLY_LOG_LEVEL=loud"}, "AUTHLY_LOG_LEVEL: log.level: is none of the possible values, expected debug, info, warn or error\nJWT_ALGORITHM: tokens.algorithm: is none of the possible values, expected HS256, HS384, HS512, RS256, PS256, ES256, EdDSA or \"\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load("config.yaml", nil, true, test.env)
			if err == nil {
				t.Fatal("nothing is wrong with it")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Mistakes of the file and of the environment are told together, those of the file first.
func TestMistakesOfBoth(t *testing.T) {
	_, err := load("config.yaml", []byte("log:\n  level: loud\n"), true, []string{"JWT_ALGORITHM=x"})
	if err == nil || !strings.HasPrefix(err.Error(), "config.yaml:2:10: ") || !strings.Contains(err.Error(), "\nJWT_ALGORITHM: ") {
		t.Errorf("got %v", err)
	}
}

// Every key outside of lists has one variable, and no two keys the same.
func TestVariablesAreUnambiguous(t *testing.T) {
	seen := map[string]string{}
	walk(reflect.TypeFor[Config](), func(path []string, _ key) {
		variable, joined := variableOf(path), strings.Join(path, ".")
		if other, ok := seen[variable]; ok {
			t.Errorf("%s is the variable of %s and %s", variable, joined, other)
		}
		seen[variable] = joined
	})
	if len(seen) < 60 {
		t.Errorf("there are only %d variables", len(seen))
	}
	for _, a := range aliases() {
		if keyAt(a.path).name == "" {
			t.Errorf("%s is an alias of nothing", a.variable)
		}
	}
}
