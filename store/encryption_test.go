package store

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/descoped/authly/store/storetest"
)

// modes says of each way of a URL, in order, how well it is protected, and whether that is because nobody said anything.
func modes(t *testing.T, raw string) string {
	t.Helper()
	loc, err := parseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	config, implied, err := loc.reach()
	if err != nil {
		t.Fatal(err)
	}
	connect := config.ConnConfig
	ways := append([]*pgconn.FallbackConfig{{Host: connect.Host, TLSConfig: connect.TLSConfig}}, connect.Fallbacks...)
	said := fmt.Sprint(implied)
	for _, way := range ways {
		said += " " + way.Host + "=" + modeOf(way.TLSConfig, way.Host)
	}
	return said
}

func modeOf(c *tls.Config, host string) string {
	switch {
	case c == nil:
		return "open"
	case c.InsecureSkipVerify && c.VerifyPeerCertificate == nil:
		return "unchecked"
	case c.InsecureSkipVerify:
		return "ca"
	case c.ServerName == host:
		return "full"
	}
	return "of another name"
}

// To another machine nothing is left to chance; on this one everything is as before; and who says what they want gets it.
func TestEncryptionOfURLs(t *testing.T) {
	home := t.TempDir()
	clean := map[string]string{
		"HOME": home, "PGHOST": "", "PGSSLMODE": "", "PGSERVICE": "", "PGSERVICEFILE": "", "PGSSLROOTCERT": "", "PGSSLCERT": "", "PGSSLKEY": "",
	}
	ca, err := storetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	services := "[silent]\nhost=db.test\n[weak]\nhost=db.test\nsslmode=prefer\n[near]\nhost=127.0.0.1\n"
	if err := os.WriteFile(filepath.Join(home, ".pg_service.conf"), []byte(services), 0o600); err != nil {
		t.Fatal(err)
	}
	root := storetest.KeepFile(t, "ca.crt", ca.PEM())
	for _, tt := range []struct{ url, env, want string }{
		{"postgres://u:p@db.test/d", "", "true db.test=full"},
		{"postgresql+asyncpg://u:p@db.test/d", "", "true db.test=full"},
		{"postgres://u:p@192.0.2.1/d", "", "true 192.0.2.1=full"},
		{"postgres://u:p@[2001:db8::1]/d", "", "true 2001:db8::1=full"},
		{"postgres://u:p@localhost.example.com/d", "", "true localhost.example.com=full"},
		{"postgres://u:p@127.0.0.1.example.com/d", "", "true 127.0.0.1.example.com=full"},
		{"postgres://u:p@0.0.0.0/d", "", "true 0.0.0.0=full"},
		{"postgres://u:p@db.test/d?sslmode=", "PGSSLMODE=disable", "true db.test=full"},
		{"postgres://u:p@db.test/d?sslmode=disable&sslmode=", "", "true db.test=full"},
		{"postgres://u:p@db.test/d?sslnegotiation=direct", "", "true db.test=full"},
		{"postgres://u:p@db.test/d?application_name=a%20b&options=-c%20jit%3Doff", "", "true db.test=full"},
		{"postgres:///d?host=db.test", "", "true db.test=full"},
		{"postgres://u:p@localhost/d?host=db.test", "", "true db.test=full"},
		{"postgres://u:p@localhost,db.test/d", "", "true localhost=full db.test=full"},
		{"postgres://u:p@db.test,10.0.0.1:5433/d", "", "true db.test=full 10.0.0.1=full"},
		{"postgres:///d?host=/run/postgresql,db.test", "", "true /run/postgresql=open db.test=full"},
		{"postgres:///d", "PGHOST=db.test", "true db.test=full"},
		{"postgres:///d", "PGSERVICE=silent", "true db.test=full"},
		{"postgres:///d?service=silent", "", "true db.test=full"},

		{"postgres://u:p@localhost/d", "", "false localhost=unchecked localhost=open"},
		{"postgres://u:p@LocalHost/d", "", "false LocalHost=unchecked LocalHost=open"},
		{"postgres://u:p@127.0.0.1/d", "", "false 127.0.0.1=unchecked 127.0.0.1=open"},
		{"postgres://u:p@127.8.9.1/d", "", "false 127.8.9.1=unchecked 127.8.9.1=open"},
		{"postgres://u:p@[::1]/d", "", "false ::1=unchecked ::1=open"},
		{"postgres://u:p@[::ffff:127.0.0.1]/d", "", "false ::ffff:127.0.0.1=unchecked ::ffff:127.0.0.1=open"},
		{"postgres:///d?host=/run/postgresql", "", "false /run/postgresql=open"},
		{"postgres:///d?host=/run/postgresql,localhost", "", "false /run/postgresql=open localhost=unchecked localhost=open"},
		{"postgres:///d", "PGSERVICE=near", "false 127.0.0.1=unchecked 127.0.0.1=open"},
		{"postgres://u:p@127.0.0.1/d?sslmode=verify-full", "", "false 127.0.0.1=full"},

		{"postgres://u:p@db.test/d?sslmode=disable", "", "false db.test=open"},
		{"postgres://u:p@db.test/d?sslmode=allow", "", "false db.test=open db.test=unchecked"},
		{"postgres://u:p@db.test/d?sslmode=prefer", "", "false db.test=unchecked db.test=open"},
		{"postgres://u:p@db.test/d?sslmode=require", "", "false db.test=unchecked"},
		{"postgres://u:p@db.test/d?ssl=true", "", "false db.test=unchecked"},
		{"postgresql+asyncpg://u:p@db.test/d?ssl=require", "", "false db.test=unchecked"},
		{"postgres://u:p@db.test/d?sslmode=require&sslrootcert=" + root, "", "false db.test=ca"},
		{"postgres://u:p@db.test/d?sslmode=verify-ca&sslrootcert=" + root, "", "false db.test=ca"},
		{"postgres://u:p@db.test/d?sslmode=verify-full&sslrootcert=" + root, "", "false db.test=full"},
		{"postgres://u:p@db.test/d", "PGSSLMODE=require", "false db.test=unchecked"},
		{"postgres://u:p@db.test/d?sslmode=verify-full", "PGSSLMODE=disable", "false db.test=full"},
		{"postgres:///d?service=weak", "", "false db.test=unchecked db.test=open"},
		{"postgres:///d?service=weak", "PGSSLMODE=verify-full", "false db.test=unchecked db.test=open"}, // the service file is stronger
		{"postgres:///d?service=silent", "PGSSLMODE=disable", "false db.test=open"},
	} {
		for name, value := range clean {
			t.Setenv(name, value)
		}
		if name, value, ok := strings.Cut(tt.env, "="); ok {
			t.Setenv(name, value)
		}
		if got := modes(t, tt.url); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.url, tt.env, got, tt.want)
		}
	}
}

// What was added to a URL must not change what else it says.
func TestVerifiedURLKeepsItsParameters(t *testing.T) {
	loc, err := parseURL("postgres://u:p@db.test/d?options=-c%20jit%3Doff&application_name=a+b")
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := loc.reach()
	if err != nil {
		t.Fatal(err)
	}
	if got := config.ConnConfig.RuntimeParams; got["options"] != "-c jit=off" || got["application_name"] != "a+b" {
		t.Errorf("parameters: %v", got)
	}
}

// Each weaker mode is a sentence that names the host and what can happen, and never the password.
func TestRisks(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	ca, err := storetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	root := url.QueryEscape(storetest.KeepFile(t, "ca.crt", ca.PEM()))
	for query, want := range map[string]string{
		"sslmode=disable":                          "not encrypted (sslmode=disable): whoever watches",
		"sslmode=allow":                            "turns encryption off",
		"sslmode=prefer":                           "turns encryption off",
		"sslmode=require":                          "encrypted to whoever answers",
		"ssl=true":                                 "encrypted to whoever answers",
		"sslmode=require&sslrootcert=" + root:      "any server of the CA",
		"sslmode=verify-ca&sslrootcert=" + root:    "any server of the CA",
		"sslmode=verify-full&sslrootcert=" + root:  "",
		"sslmode=require&sslrootcert=system":       "",
		"":                                         "",
		"password=hunter2&sslmode=disable":         "not encrypted",
		"sslpassword=hunter2&sslmode=disable":      "not encrypted",
		"host=127.0.0.1&sslmode=disable":           "",
		"host=/run/postgresql&sslmode=require":     "",
		"host=localhost,other.test&sslmode=prefer": "turns encryption off",
	} {
		risks, err := Risks("postgres://u:hunter2@db.test/d?" + query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		text := strings.Join(risks, "\n")
		if (text == "") != (want == "") || !strings.Contains(text, want) || len(risks) > 1 {
			t.Errorf("%s: said %q, want %q", query, text, want)
		}
		if text != "" && !strings.Contains(text, ".test)") || strings.Contains(text, "hunter2") {
			t.Errorf("%s: the host is not named, or the password is: %s", query, text)
		}
	}
	if risks, err := Risks("postgres://u:p@a.test,b.test/d?sslmode=disable"); len(risks) != 2 || err != nil {
		t.Errorf("two hosts: %q, error %v", risks, err)
	}
	if risks, err := Risks("sqlite://authly.db"); len(risks) != 0 || err != nil {
		t.Errorf("a file: %q, error %v", risks, err)
	}
	for _, query := range []string{"sslmode=sometimes", "sslrootcert=/missing/ca.pem", "sslmode=require&sslcert=/missing"} {
		if _, err := Risks("postgres://u:hunter2@db.test/d?" + query); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", query, err)
		}
	}
}
