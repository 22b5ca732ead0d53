package store

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/store/storetest"
)

// toLoopback stands for a name server that leads every name to this machine: the rule goes by the name.
func toLoopback(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }

// atHost is a database URL with another host and other parameters.
func atHost(t *testing.T, database, host, query string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort(host, u.Port())
	u.RawQuery = query
	return u.String()
}

// openAs opens a database as somebody who finds all names on this machine, and reports how.
func openAs(t *testing.T, database string) (*Store, error) {
	t.Helper()
	s, err := Open(t.Context(), database, Options{MaxConnections: 4, Timeout: 20 * time.Second, lookup: toLoopback})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// refusedFor fails unless the database is not opened, for the reason and without the password.
func refusedFor(t *testing.T, what, database, reason string) {
	t.Helper()
	_, err := openAs(t, database)
	u, parseErr := url.Parse(database)
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	password, _ := u.User.Password()
	switch {
	case err == nil:
		t.Errorf("%s: it was opened", what)
	case !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), password):
		t.Errorf("%s: refused with %v, want %q and no password", what, err, reason)
	}
}

// To another machine the server must prove its name, and the way must be encrypted, although nothing in the URL says so.
func TestPostgresElsewhere(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	secure := storetest.SecurePostgres(t)
	owner, _ := secure.Database(t)
	stranger, err := storetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	root := "sslrootcert=" + storetest.KeepFile(t, "ca.crt", secure.CA.PEM())
	other := "sslrootcert=" + storetest.KeepFile(t, "other.crt", stranger.PEM())
	plain := storetest.PostgresURL(t) // a server without TLS

	if _, err := openAs(t, atHost(t, owner, storetest.SecureName, root)); err != nil {
		t.Errorf("the right CA and name: %v", err)
	}
	implied := "without an sslmode"
	refusedFor(t, "another CA", atHost(t, owner, storetest.SecureName, other), implied)
	refusedFor(t, "no CA", atHost(t, owner, storetest.SecureName, ""), implied)
	refusedFor(t, "another name", atHost(t, owner, "other.test", root), implied)
	refusedFor(t, "no TLS", atHost(t, plain, storetest.SecureName, root), implied)
	if _, err := openAs(t, plain); err != nil {
		t.Errorf("no TLS on this machine: %v", err)
	}
	if _, err := openAs(t, atHost(t, plain, storetest.SecureName, "sslmode=prefer")); err != nil {
		t.Errorf("no TLS where that is said: %v", err)
	}
	for _, mode := range []string{"&sslmode=require", "&sslmode=verify-ca"} { // what the warnings warn of
		if _, err := openAs(t, atHost(t, owner, "other.test", root+mode)); err != nil {
			t.Errorf("another name with %s: %v", mode, err)
		}
		refusedFor(t, "another CA with "+mode, atHost(t, owner, storetest.SecureName, other+mode), "unknown authority")
	}
	if _, err := openAs(t, atHost(t, owner, "other.test", "sslmode=require")); err != nil {
		t.Errorf("any server with sslmode=require: %v", err)
	}
	testExpired(t, secure, atHost(t, owner, storetest.SecureName, root))
}

// testExpired has the server show a certificate that is no longer valid, and then another one that is.
func testExpired(t *testing.T, secure *storetest.Secure, database string) {
	for _, tt := range []struct {
		until time.Time
		want  string
	}{{time.Now().Add(-time.Hour), "expired"}, {time.Now().Add(time.Hour), ""}} {
		identity := storetest.SecureIdentity()
		identity.NotAfter = tt.until
		secure.Identify(t, identity)
		awaitOutcome(t, database, tt.want)
	}
}

// awaitOutcome opens a database until it is refused for the reason, or not refused if that is "": a server reads its new
// certificate soon after it was told to.
func awaitOutcome(t *testing.T, database, reason string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		_, err := openAs(t, database)
		if reason == "" && err == nil || reason != "" && err != nil && strings.Contains(err.Error(), reason) {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("the outcome is %v, want %q", err, reason)
		}
	}
}

// A client is known by its certificate, and without one it is not.
func TestPostgresClientCertificate(t *testing.T) {
	secure := storetest.SecurePostgres(t)
	owner, _ := secure.Database(t)
	if _, err := openAs(t, owner); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	secure.Execute(t, `CREATE ROLE authly_by_certificate LOGIN IN ROLE authly_owner`)
	t.Cleanup(func() { secure.Execute(t, `DROP ROLE authly_by_certificate`) })
	secure.Execute(t, `GRANT CONNECT ON DATABASE `+strings.TrimPrefix(u.Path, "/")+` TO authly_by_certificate`)
	t.Cleanup(func() {
		secure.Execute(t, `REVOKE ALL ON DATABASE `+strings.TrimPrefix(u.Path, "/")+` FROM authly_by_certificate`)
	})
	u.User = url.User("authly_by_certificate")
	named := func(ca *storetest.Authority, name string) string {
		certificate, key, err := ca.Issue(x509.Certificate{Subject: pkix.Name{CommonName: name}})
		if err != nil {
			t.Fatal(err)
		}
		return atHost(t, u.String(), storetest.SecureName, u.RawQuery+"&search_path=authly&sslcert="+storetest.KeepFile(t, "client.crt", certificate)+
			"&sslkey="+storetest.KeepFile(t, "client.key", key))
	}
	stranger, err := storetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	s, err := openAs(t, named(secure.CA, "authly_by_certificate"))
	if err != nil {
		t.Fatalf("the right certificate: %v", err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for what, database := range map[string]string{
		"a certificate of another role": named(secure.CA, "authly_app"),
		"a certificate of another CA":   named(stranger, "authly_by_certificate"),
		"no certificate":                atHost(t, u.String(), storetest.SecureName, u.RawQuery),
	} {
		if _, err := openAs(t, database); err == nil {
			t.Errorf("%s: let in", what)
		}
	}
}

// All that a Store keeps open is encrypted: what reads and writes, and what listens.
func TestPostgresEncryptsEverything(t *testing.T) {
	secure := storetest.SecurePostgres(t)
	owner, app := secure.Database(t)
	if _, err := Migrate(t.Context(), owner, Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), app, Options{MaxConnections: 4, Timeout: 5 * time.Second, KeepSchema: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	listening, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- s.Wake(listening, func() {
			select {
			case ready <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("it does not listen: %v", err)
	}
	held, err := s.engine.reads.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all, encrypted int
	// Of others' sessions a role sees who they are and nothing of their state, which is enough.
	err = held.QueryRowContext(t.Context(), `SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
		WHERE a.datname = current_database() AND a.usename = current_user`).Scan(&all, &encrypted)
	if err != nil || all < 3 || encrypted != all {
		t.Errorf("%d of %d sessions are encrypted, error %v; want all of at least 3", encrypted, all, err)
	}
	stop()
	<-ended
	refusedFor(t, "the same role without encryption", atHost(t, app, "127.0.0.1", "sslmode=disable"), "no encryption")
}
