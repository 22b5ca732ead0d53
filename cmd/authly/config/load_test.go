package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// testEnvironment is what the files in testdata may refer to.
func testEnvironment() []string {
	return []string{"WORD=word", "NUMBER=11", "EMPTY=", "TRICK=${WORD}"}
}

// Every kind of mistake is a file NAME.yaml in testdata/bad; NAME.txt holds every line that is said about it, and no other
// line may be.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 100 {
		t.Fatalf("there are only %d files of mistakes (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			config, err := load(filepath.Base(file), data, true, testEnvironment())
			if _, ok := errors.AsType[Mistakes](err); !ok || config != nil {
				t.Fatalf("loaded as %v, %v", config, err)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Good files load, and what would run, written as a file, is read as the same again.
func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("there are only %d good files (%v)", len(files), err)
	}
	for _, file := range append(files, distributed) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			config, err := Load(file, true, testEnvironment())
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := config.WriteYAML(&out); err != nil {
				t.Fatal(err)
			}
			again, err := load("again.yaml", out.Bytes(), true, nil)
			if err != nil {
				t.Fatalf("%v in\n%s", err, &out)
			}
			if diff := differ(config.Redacted(), again); diff != "" {
				t.Errorf("(-loaded +written and read):\n%s", diff)
			}
		})
	}
}

func TestProductionFile(t *testing.T) {
	c, err := Load("testdata/good/production.yaml", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	assets, api := c.Routes[0], c.Routes[1]
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"public_url without its slash", c.Server.PublicURL, "https://login.example.com"},
		{"issuer", c.Issuer(), "https://login.example.com"},
		{"algorithm", c.Algorithm(), "HS512"},
		{"refresh secret", string(c.Tokens.RefreshSecretKey), "$2$ {a: b} is # also * a & secret ! % @ ` of sixty-four bytes and more"},
		{"an absent key", c.Tokens.AccessTTL, 30 * time.Minute},
		{"an address as a network", c.Server.TrustedProxies[1].String(), "192.0.2.7/32"},
		{"identity names", c.Headers.Identity, IdentityHeaders{User: []string{"X-User"}, Email: []string{}, Groups: []string{"X-Groups"}, UserID: []string{}}},
		{"credentials", assets.Credentials, []string{}},
		{"cors", []bool{assets.CORS, api.CORS}, []bool{false, true}},
		{"health check", *assets.HealthCheck, HealthCheck{Path: "/health?full=1", Interval: 10 * time.Second, Timeout: 2 * time.Second}},
		{"encrypted claims", c.Tokens.EncryptedClaims, []string{"roles", "email"}},
		{"audience", c.Rules()[1].Audience, "https://api.example.com/ v2"},
		{"no assertion", c.Rules()[0].Audience, ""},
		{"one upstream", api.Upstream, []string{"https://10.0.0.8"}},
		{"timeouts", api.Timeouts, Timeouts{Connect: 5 * time.Second, Response: 5 * time.Minute}},
		{"limit", api.Limit.Rate(), authn.Limit{Requests: 100, Per: time.Minute}},
		{"no limit", assets.Limit.Rate(), authn.Limit{}},
		{"limits by user", []bool{c.Rules()[0].LimitByUser, c.Rules()[1].LimitByUser}, []bool{false, true}},
		{"a backend", string(c.Limits.Backend), "rediss://authly:s3cr%40t@cache.internal:6379/1"},
		{"locks of before they grew", c.Lockout.MaxDuration, 2 * time.Hour},
		{"headers that are overridden", []string{api.Headers.FrameOptions, api.Headers.ContentSecurityPolicy}, []string{"", "default-src *"}},
		{"headers that are not", api.Headers.ReferrerPolicy, "strict-origin-when-cross-origin"},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", check.what, diff)
		}
	}
}

func TestRules(t *testing.T) {
	c, err := Load("testdata/good/production.yaml", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules := c.Rules()
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"hosts", rules[0].Hosts, []string{"app.example.com", "*.example.net", "2001:db8::1", "127.0.0.1"}},
		{"paths", rules[0].Paths, []string{"/static/*", "/favicon.ico", "/with space", "/"}},
		{"no credential is read", []bool{rules[0].IgnoreBearer, rules[1].IgnoreBearer}, []bool{true, false}},
		{"users", rules[1].Users, []string{"ann", "bob"}},
		{"preflights", rules[1].AllowPreflight, true},
		{"access", []authn.Access{rules[0].Access, rules[1].Access, rules[2].Access, rules[3].Access},
			[]authn.Access{authn.AllowPublic, authn.AllowListed, authn.AllowAuthenticated, authn.AllowNobody}},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", check.what, diff)
		}
	}
}

// What cannot be read as a file is an error, whether the file is required or not.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.yaml")
	if err := os.WriteFile(long, bytes.Repeat([]byte("# long\n"), maxSize/7+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, long, filepath.Join(long, "below.yaml")} {
		if _, err := Load(path, false, nil); err == nil {
			t.Errorf("%s was loaded", filepath.Base(path))
		}
	}
}

// A document that would grow without bounds is refused before it does.
func TestBombs(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'l'; c++ {
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 8) + "x]\n"
	}
	for name, text := range map[string]string{
		"aliases": laughs + "server: {trusted_proxies: *k}\n",
		"depth":   "routes: " + strings.Repeat("[", 100_000),
		"blocks":  strings.Repeat("- ", 100_000),
	} {
		if _, err := load(name, []byte(text), true, nil); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}
