package storetest

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/descoped/authly/store/pgserver"
)

// The roles of examples/postgres: the one that authly migrate runs as, and the one that everything else does.
const (
	ownerRole = "authly_owner"
	appRole   = "authly_app"
)

// In the certificate of a Secure server are a name, which nothing resolves, 127.0.0.1, and the address that is no loopback address
// and leads to this machine all the same.
const (
	SecureName    = "db.test"
	SecureAddress = "0.0.0.0"
)

// Secure is a PostgreSQL server as one should be run: with the roles of examples/postgres, who are let in by TLS alone. It shows a
// certificate of the CA, and lets a client with a certificate of that CA in as the role that it names.
type Secure struct {
	Server *pgserver.Server
	CA     *Authority
	owner  *url.URL // of no database

	changing sync.Mutex // the roles, which are those of all databases: PostgreSQL refuses who changes one at the same moment
}

// SecurePostgres returns the server, which the process starts on first use and which ends with it.
func SecurePostgres(t testing.TB) *Secure {
	t.Helper()
	s, err := startSecureOnce()
	if err != nil {
		t.Fatalf("no PostgreSQL with TLS to test with: %v", err)
	}
	return s
}

var startSecureOnce = sync.OnceValues(func() (*Secure, error) {
	ca, err := NewAuthority()
	if err != nil {
		return nil, err
	}
	certificate, key, err := ca.Issue(SecureIdentity())
	if err != nil {
		return nil, err
	}
	server, err := pgserver.Start(pgserver.Config{
		TLS: &pgserver.TLS{Certificate: certificate, Key: key, ClientCAs: ca.PEM()},
		Access: "hostnossl all " + ownerRole + "," + appRole + " all reject\n" +
			"hostssl all authly_by_certificate all cert",
	})
	if err != nil {
		return nil, err
	}
	return &Secure{Server: server, CA: ca, owner: server.Owner()}, nil
})

// SecureIdentity is whom the certificate of a Secure server is for.
func SecureIdentity() x509.Certificate {
	return x509.Certificate{DNSNames: []string{SecureName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4zero}}
}

// Identify has the server show another certificate to those who connect from soon on.
func (s *Secure) Identify(t testing.TB, identity x509.Certificate) {
	t.Helper()
	certificate, key, err := s.CA.Issue(identity)
	secured(t, err)
	secured(t, s.Server.Identify(pgserver.TLS{Certificate: certificate, Key: key}))
}

// Database makes an empty database by examples/postgres/roles.sql, and returns its URL for either role, which demands to verify
// the server in full. It is dropped when the test ends.
func (s *Secure) Database(t testing.TB) (owner, app string) {
	t.Helper()
	name := "authly_test_" + strings.ToLower(rand.Text())
	t.Cleanup(func() { s.Execute(t, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	return s.TakeOver(t, name)
}

// TakeOver runs the file on a database that may be there, with variables of psql, and returns its URL for either role.
func (s *Secure) TakeOver(t testing.TB, name string, variables ...string) (owner, app string) {
	t.Helper()
	s.changing.Lock()
	err := pgserver.RunScript(s.Server.Admin(), rolesScript(), append(variables, "database="+name)...)
	s.changing.Unlock()
	secured(t, err)
	password, _ := s.owner.User.Password() // of letters and digits alone
	for _, role := range []string{ownerRole, appRole} {
		s.Execute(t, `ALTER ROLE `+role+` PASSWORD '`+password+`'`)
	}
	return s.url(t, ownerRole, name), s.url(t, appRole, name)
}

// Execute runs a statement as the superuser, on no database of a test.
func (s *Secure) Execute(t testing.TB, statement string) {
	t.Helper()
	s.changing.Lock()
	defer s.changing.Unlock()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, s.Server.Admin().String())
	secured(t, err)
	_, err = conn.Exec(ctx, statement)
	secured(t, err)
	secured(t, conn.Close(ctx))
}

func (s *Secure) url(t testing.TB, role, database string) string {
	t.Helper()
	u := *s.owner
	password, _ := u.User.Password()
	u.User, u.Path = url.UserPassword(role, password), "/"+database
	u.RawQuery = "sslmode=verify-full&sslrootcert=" + KeepFile(t, "ca.crt", s.CA.PEM())
	return u.String()
}

// rolesScript is the file of the examples, found from this one.
func rolesScript() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "examples", "postgres", "roles.sql")
}

func secured(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("the PostgreSQL server with TLS: %v", err)
	}
}
