package main

import (
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/geo"
)

// geography knows where addresses are once a server has opened the file that says so, and nothing before. Commands that serve
// nobody leave it shut: they work without the file, and do not read its megabytes.
type geography struct {
	database *geo.Database
	watch    *watchedFiles
}

// open reads the file and follows its changes. It is called before anybody asks, or not at all; close is called after.
func (g *geography) open(file string, log *slog.Logger) (err error) {
	if file == "" {
		return nil
	}
	if g.database, err = geo.Open(file); err == nil {
		g.watch, err = watchFiles("geo database", []string{file}, g.database.Reload, log)
	}
	if err != nil {
		return fmt.Errorf("geo.database: %w", err)
	}
	return nil
}

func (g *geography) close() {
	if g.watch != nil {
		g.watch.close()
	}
}

// Locate makes it an authn.Geography.
func (g *geography) Locate(addr netip.Addr) authn.Place {
	if g.database == nil {
		return authn.Place{}
	}
	return g.database.Locate(addr)
}
