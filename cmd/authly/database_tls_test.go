package main_test

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// A database that is elsewhere by its address must prove itself to the program, and one that is here need not.
func TestDatabaseElsewhere(t *testing.T) {
	t.Parallel()
	secure := storetest.SecurePostgres(t)
	owner, app := secure.Database(t)
	elsewhere := func(database, query string) string {
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		u.Host, u.RawQuery = net.JoinHostPort(storetest.SecureAddress, u.Port()), query
		return u.String()
	}
	stranger, err := storetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	root := "sslrootcert=" + storetest.KeepFile(t, "ca.crt", secure.CA.PEM())
	authlyMigrate(t, 0, elsewhere(owner, root))
	a := start(t, elsewhere(app, root), protectedEcho, "AUTHLY_STORE_MIGRATE=false", "PGSSLMODE=")
	a.isIn(t, "by TLS", a.login(t, "admin", adminPassword), true)
	if said := a.stderr.String(); strings.Contains(said, "store.url") {
		t.Errorf("it warns of the best there is: %s", said)
	}
	a.kill(t)

	plain := storetest.PostgresURL(t)
	for what, c := range map[string]struct{ database, said string }{
		"a server of another CA": {elsewhere(app, "sslrootcert="+storetest.KeepFile(t, "other.crt", stranger.PEM())), "without an sslmode in store.url"},
		"a server without TLS":   {elsewhere(plain, ""), "without an sslmode in store.url"},
	} {
		a := launch(t, c.database, protectedEcho, "PGSSLMODE=")
		if status := a.await(t); status != 1 || !strings.Contains(a.stderr.String(), c.said) {
			t.Errorf("%s: status %d, want 1 and %q: %s", what, status, c.said, a.stderr)
		}
	}
	b := start(t, elsewhere(plain, "sslmode=disable"), protectedEcho)
	b.isIn(t, "without TLS, where that is said", b.login(t, "admin", adminPassword), true)
	if said := b.stderr.String(); !strings.Contains(said, `"key":"store.url"`) || !strings.Contains(said, "reads password hashes") {
		t.Errorf("it does not warn: %s", said)
	}
}
