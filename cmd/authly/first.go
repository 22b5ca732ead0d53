package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/descoped/authly/cmd/authly/config"
)

// first is what a first start has to tell.
type first struct {
	created  bool
	password string // generated; empty if it was given
}

// bootstrap makes the administrator on a first start.
func (c *cli) bootstrap(ctx context.Context, cfg *config.Config, m *mind) (first, error) {
	password, err := cfg.AdminPassword()
	if err != nil {
		return first{}, usageError{err}
	}
	created, generated, err := m.accounts.Bootstrap(ctx, string(password))
	if err != nil {
		return first{}, fmt.Errorf("creating the administrator with AUTHLY_ADMIN_PASSWORD: %w", err)
	}
	return first{created: created, password: generated}, nil
}

// greet tells a person where Authly listens and what to try next.
func (c *cli) greet(cfg *config.Config, l *listeners, f first) {
	scheme := "http"
	if l.all[0].tls {
		scheme = "https"
	}
	base := scheme + "://" + reachable(l.all[0].socket.Addr().String())
	fmt.Fprintf(c.stdout, "Authly %s listens on %s and keeps its users in %s.\n", version, base, databaseName(cfg.Store.URL))
	if !f.created {
		return
	}
	fmt.Fprintln(c.stdout, "  The administrator is admin.")
	password := "$AUTHLY_ADMIN_PASSWORD" // #nosec G101 -- the name of a variable
	if f.password != "" {
		password = "PASSWORD"
		fmt.Fprintf(c.stdout, "  Its password is %s (shown this once, keep it)\n", f.password)
	}
	fmt.Fprintf(c.stdout, `Try next:
  curl %[1]s/public/hello
  curl %[1]s%[2]s/auth/token -d grant_type=password -d username=admin -d "password=%[3]s"
  curl %[1]s/ -H "Authorization: Bearer ACCESS_TOKEN"
Or sign in with a browser: %[4]s%[2]s/auth/admin
`, base, cfg.Server.APIPrefix, password, cfg.Server.PublicURL)
}

// databaseName names the database without what its URL holds of secrets.
func databaseName(url string) string {
	scheme, path, _ := strings.Cut(url, ":")
	if !strings.HasPrefix(scheme, "sqlite") {
		return "PostgreSQL"
	}
	path, _, _ = strings.Cut(strings.TrimPrefix(path, "//"), "?")
	return "the file " + path
}

// reachable turns an address to listen on into one to connect to.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
