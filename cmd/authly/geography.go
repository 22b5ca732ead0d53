package main

import (
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/geo"
)

// geography knows where addresses are once a server has opened the files that say so, and nothing before. Commands that serve
// nobody leave them shut: they work without the files, and do not read their megabytes.
type geography struct {
	databases []*geo.Database // what the first does not know, the next may
	watches   []*watchedFiles
}

// open reads the files and follows their changes. It is called before anybody asks, or not at all; close is called after, also
// after an error.
func (g *geography) open(files []string, log *slog.Logger) error {
	for _, file := range files {
		database, err := geo.Open(file)
		if err != nil {
			return fmt.Errorf("geo.database: %w", err)
		}
		g.databases = append(g.databases, database)
		watch, err := watchFiles("geo database", []string{file}, database.Reload, log)
		if err != nil {
			return fmt.Errorf("geo.database: %w", err)
		}
		g.watches = append(g.watches, watch)
	}
	return nil
}

func (g *geography) close() {
	for _, watch := range g.watches {
		watch.close()
	}
}

// Locate makes it an authn.Geography.
func (g *geography) Locate(addr netip.Addr) (place authn.Place) {
	for _, database := range g.databases {
		place = place.With(database.Locate(addr))
	}
	return place
}
