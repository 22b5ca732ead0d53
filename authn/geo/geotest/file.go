// Package geotest makes files in MaxMind's format for tests.
package geotest

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// File makes a file that says these things of these networks, also of those that are nobody's, and returns its path.
func File(t testing.TB, networks map[string]mmdbtype.Map) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test-City", IncludeReservedNetworks: true, DisableIPv4Aliasing: true, RecordSize: 24,
	})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range networks {
		_, parsed, err := net.ParseCIDR(network)
		if err == nil {
			err = tree.Insert(parsed, record)
		}
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "places.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(file); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// City is a record as MaxMind writes one. An accuracy of 0 kilometres is not said.
func City(country, city string, latitude, longitude float64, accuracy uint16) mmdbtype.Map {
	location := mmdbtype.Map{"latitude": mmdbtype.Float64(latitude), "longitude": mmdbtype.Float64(longitude)}
	if accuracy > 0 {
		location["accuracy_radius"] = mmdbtype.Uint16(accuracy)
	}
	return mmdbtype.Map{
		"country":  mmdbtype.Map{"iso_code": mmdbtype.String(country)},
		"city":     mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(city)}},
		"location": location,
	}
}
