package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSQLiteURL(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for url, path := range map[string]string{
		"sqlite://authly.db":                     here + "/authly.db",
		"sqlite:authly.db":                       here + "/authly.db",
		"SQLite://authly.db":                     here + "/authly.db",
		"sqlite://./data/authly.db":              here + "/data/authly.db",
		"sqlite://data/authly.db":                here + "/data/authly.db",
		"sqlite://../authly.db":                  filepath.Dir(here) + "/authly.db",
		"sqlite:///var/lib/authly/authly.db":     "/var/lib/authly/authly.db",
		"sqlite:/var/lib/authly/authly.db":       "/var/lib/authly/authly.db",
		"sqlite:////var/lib/authly/authly.db":    "/var/lib/authly/authly.db",
		"sqlite3:///var/lib/authly/authly.db":    "/var/lib/authly/authly.db",
		"sqlite:///./authly.db":                  here + "/authly.db",
		"sqlite+aiosqlite:///authly.db":          here + "/authly.db",
		"sqlite+aiosqlite:///./authly.db":        here + "/authly.db",
		"sqlite+aiosqlite:////var/lib/authly.db": "/var/lib/authly.db",
		"sqlite:///a%20b/%3F%23%25.db":           "/a b/?#%.db",
	} {
		loc, err := parseURL(url)
		if err != nil || !loc.sqlite || loc.path != path {
			t.Errorf("%s: path %q, error %v; want %q", url, loc.path, err, path)
		}
	}
}

func TestParsePostgresURL(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:p@h:5433/d?sslmode=verify-full": "postgres://u:p@h:5433/d?sslmode=verify-full",
		"postgresql://u:p@h/d":                        "postgres://u:p@h/d",
		"postgresql+asyncpg://u:p@h/d":                "postgres://u:p@h/d",
		"postgresql+asyncpg://u:p@h/d?ssl=require":    "postgres://u:p@h/d?sslmode=require",
		"postgresql+psycopg2://u:p%40%2F@h/d":         "postgres://u:p%40%2F@h/d",
		"postgres:///d?host=/run/postgresql":          "postgres:///d?host=/run/postgresql",
		"postgres://h1,h2/d":                          "postgres://h1,h2/d",
	} {
		loc, err := parseURL(url)
		if err != nil || loc.sqlite || loc.url != want {
			t.Errorf("%s: url %q, error %v; want %q", url, loc.url, err, want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, url := range []string{
		"", "authly.db", "/var/lib/authly.db", "sqlite:", "sqlite://", "sqlite:///", "sqlite://:memory:", "sqlite:///:memory:",
		"sqlite+aiosqlite:///:memory:", "sqlite://authly.db?mode=ro", "sqlite://a%00b", "sqlite://a%zz", "sqlite://a.db#x",
		"mysql://u:hunter2@h/d", "postgres:u:hunter2@h/d", "postgres://u:hunter2#x@h/d", "postgres://u:hunter2%zz@h/d",
		"postgres://u:hunter2@h:port/d", "://hunter2", "host=h user=u password=hunter2", "postgres://u:hunter2@h/d?a=%zz",
	} {
		loc, err := parseURL(url)
		if url == "sqlite:///" && err == nil && loc.path == "/" {
			continue // refused when it is opened: not a regular file
		}
		if err == nil {
			t.Errorf("%q was accepted", url)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats the password: %v", url, err)
		}
	}
}
