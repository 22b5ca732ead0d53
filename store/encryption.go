package store

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgservicefile"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// reach reads a PostgreSQL URL, and what the environment and a service file add to it, as pgx does. Where it leads to another
// machine and nothing says an sslmode, verify-full holds, for all of its hosts, and that is reported: what pgx and libpq do
// then is prefer, and whoever is in between can turn that off.
func (l location) reach() (config *pgxpool.Config, implied bool, err error) {
	if config, err = pgxpool.ParseConfig(l.url); err != nil {
		return nil, false, parseFault(err)
	}
	if len(waysOut(config)) == 0 || l.saysSSLMode() {
		return config, false, nil
	}
	if config, err = pgxpool.ParseConfig(l.verified()); err != nil {
		return nil, false, parseFault(err)
	}
	return config, true, nil
}

// verified is the URL with an sslmode behind all others, so that it holds. The query is not written anew: pgx, unlike net/url,
// takes a plus sign for itself.
func (l location) verified() string {
	u, err := url.Parse(l.url)
	if err != nil {
		return l.url // it was parsed before
	}
	u.RawQuery = strings.TrimPrefix(u.RawQuery+"&sslmode=verify-full", "&")
	return u.String()
}

// saysSSLMode reports whether anything says an sslmode: the URL, else the service file, else the environment, as in libpq.
// What is empty says nothing.
func (l location) saysSSLMode() bool {
	u, err := url.Parse(l.url)
	if err != nil {
		return false
	}
	query := u.Query()
	if query.Get("ssl") == "true" { // which pgx takes for require
		return true
	}
	if modes := query["sslmode"]; len(modes) > 0 {
		return modes[len(modes)-1] != ""
	}
	if name := cmp.Or(query.Get("service"), os.Getenv("PGSERVICE")); name != "" {
		if mode, says := serviceSSLMode(cmp.Or(query.Get("servicefile"), os.Getenv("PGSERVICEFILE")), name); says {
			return mode != ""
		}
	}
	return os.Getenv("PGSSLMODE") != ""
}

// serviceSSLMode is what a service file says of one service. pgx has read it before, and told what is wrong with it.
func serviceSSLMode(file, name string) (mode string, says bool) {
	if home, err := os.UserHomeDir(); err == nil && file == "" {
		file = filepath.Join(home, ".pg_service.conf")
	}
	services, err := pgservicefile.ReadServicefile(file)
	if err != nil {
		return "", false
	}
	service, err := services.GetService(name)
	if err != nil {
		return "", false
	}
	mode, says = service.Settings["sslmode"]
	return mode, says
}

// explainTLS says where verify-full comes from if nobody has asked for it and err is that the server does not live up to it.
func explainTLS(err error, implied bool) error {
	if !implied || !strings.Contains(err.Error(), "TLS") && !strings.Contains(err.Error(), "tls:") && !strings.Contains(err.Error(), "x509:") {
		return err
	}
	return fmt.Errorf("%w; without an sslmode in store.url, the way to another machine is encrypted, and the server's certificate must be of a CA "+
		"that is known (sslrootcert) and for the name in the URL (sslmode=verify-full)", err)
}

// waysOut are the ways that lead to another machine.
func waysOut(config *pgxpool.Config) []pgconn.FallbackConfig {
	connect := config.ConnConfig
	ways := []pgconn.FallbackConfig{{Host: connect.Host, Port: connect.Port, TLSConfig: connect.TLSConfig}}
	for _, way := range connect.Fallbacks {
		ways = append(ways, *way)
	}
	return slices.DeleteFunc(ways, func(way pgconn.FallbackConfig) bool { return isLocal(way.Host) })
}

// isLocal reports whether a host is this machine: the folder of a socket, localhost, or a loopback address. Other names are
// judged by how they are written and not by what they resolve to, which somebody else may decide.
func isLocal(host string) bool {
	if network, _ := pgconn.NetworkAddress(host, 0); network == "unix" || strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
