package geo_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/geo"
	"github.com/descoped/authly/authn/geo/geotest"
)

func TestLocate(t *testing.T) {
	nested := geotest.File(t, map[string]mmdbtype.Map{
		"192.0.2.0/24": geotest.City("NO", "Oslo", 59.91, 10.75, 20),
		"198.51.100.0/24": {
			"country": mmdbtype.Map{"iso_code": mmdbtype.String("AU")},
			"traits":  mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(4294967295)},
		},
		"203.0.113.0/28":  {"autonomous_system_number": mmdbtype.Uint32(64496)},
		"203.0.113.16/28": geotest.City("Norway", "a\x1b[31mb", 91, 0, 0),
		"203.0.113.32/28": {"location": mmdbtype.Map{"latitude": mmdbtype.Float64(91), "longitude": mmdbtype.Float64(0)}},
		"203.0.113.48/28": {"location": mmdbtype.Map{"latitude": mmdbtype.Float64(1)}},
		"203.0.113.64/28": {"country": mmdbtype.String("de"), "city": mmdbtype.Slice{mmdbtype.String("x")}},
		"2001:db8::/32":   geotest.City("SE", "Malmö", 55.6, 13, 0),
		"10.0.0.0/8":      geotest.City("XX", "Nowhere", 1, 1, 0),
		"fc00::/7":        geotest.City("XX", "Nowhere", 1, 1, 0),
		"127.0.0.0/8":     geotest.City("XX", "Nowhere", 1, 1, 0),
		"fe80::/10":       geotest.City("XX", "Nowhere", 1, 1, 0),
	})
	flat := geotest.File(t, map[string]mmdbtype.Map{
		"192.0.2.0/24": {
			"country_code": mmdbtype.String("NO"), "city": mmdbtype.String("Oslo"),
			"latitude": mmdbtype.Float32(59.5), "longitude": mmdbtype.Float32(10.75),
		},
		"198.51.100.0/24": {"autonomous_system_number": mmdbtype.Uint32(64496), "autonomous_system_organization": mmdbtype.String("x")},
	})
	oslo := authn.Place{Country: "NO", City: "Oslo", Located: true, Latitude: 59.91, Longitude: 10.75, Accuracy: 20}
	for _, tt := range []struct {
		file, address string
		want          authn.Place
	}{
		{nested, "192.0.2.1", oslo},
		{nested, "::ffff:192.0.2.1", oslo},
		{nested, "198.51.100.1", authn.Place{Country: "AU", ASN: 4294967295}},
		{nested, "203.0.113.1", authn.Place{ASN: 64496}},
		{nested, "203.0.113.17", authn.Place{}},
		{nested, "203.0.113.33", authn.Place{}},
		{nested, "203.0.113.49", authn.Place{}},
		{nested, "203.0.113.65", authn.Place{Country: "DE"}},
		{nested, "2001:db8:1::1", authn.Place{Country: "SE", City: "Malmö", Located: true, Latitude: 55.6, Longitude: 13}},
		{nested, "203.0.113.250", authn.Place{}},
		{nested, "10.1.2.3", authn.Place{}},
		{nested, "::ffff:10.1.2.3", authn.Place{}},
		{nested, "fd00::1", authn.Place{}},
		{nested, "127.0.0.1", authn.Place{}},
		{nested, "fe80::1%eth0", authn.Place{}},
		{nested, "224.0.0.1", authn.Place{}},
		{nested, "0.0.0.0", authn.Place{}},
		{flat, "192.0.2.1", authn.Place{Country: "NO", City: "Oslo", Located: true, Latitude: 59.5, Longitude: 10.75}},
		{flat, "198.51.100.1", authn.Place{ASN: 64496}},
	} {
		d, err := geo.Open(tt.file)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Locate(netip.MustParseAddr(tt.address)); got != tt.want {
			t.Errorf("%s is in %+v, want %+v", tt.address, got, tt.want)
		}
		if got := d.Locate(netip.Addr{}); got != (authn.Place{}) {
			t.Errorf("no address is in %+v", got)
		}
	}
}

func TestReload(t *testing.T) {
	oslo := geotest.File(t, map[string]mmdbtype.Map{"192.0.2.0/24": geotest.City("NO", "Oslo", 59.91, 10.75, 20)})
	sydney := read(t, geotest.File(t, map[string]mmdbtype.Map{"192.0.2.0/24": geotest.City("AU", "Sydney", -33.87, 151.21, 20)}))
	d, err := geo.Open(oslo)
	if err != nil {
		t.Fatal(err)
	}
	want := func(when, city string, changed bool) {
		t.Helper()
		if got, err := d.Reload(); got != changed || err != nil {
			t.Errorf("%s: changed %v, error %v", when, got, err)
		}
		if got := d.Locate(netip.MustParseAddr("192.0.2.1")).City; got != city {
			t.Errorf("%s: in %q, want %q", when, got, city)
		}
	}
	refused := func(when string) {
		t.Helper()
		if changed, err := d.Reload(); changed || err == nil {
			t.Errorf("%s: changed %v, error %v; want an error", when, changed, err)
		}
	}
	want("untouched", "Oslo", false)
	write(t, oslo, sydney[:len(sydney)/2])
	refused("half a file")
	want("half a file, once more", "Oslo", false)
	write(t, oslo, sydney)
	want("overwritten", "Sydney", true)
	if err := os.Remove(oslo); err != nil {
		t.Fatal(err)
	}
	refused("removed")
	write(t, oslo, sydney)
	want("back again", "Sydney", true)
}

// What is looked up while the file is replaced is looked up in one of the two.
func TestReloadWhileInUse(t *testing.T) {
	file := geotest.File(t, map[string]mmdbtype.Map{"192.0.2.0/24": geotest.City("NO", "Oslo", 59.91, 10.75, 20)})
	content := read(t, file)
	d, err := geo.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		work.Go(func() {
			for {
				if got := d.Locate(netip.MustParseAddr("192.0.2.1")).City; got != "Oslo" {
					t.Errorf("in %q", got)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 20 {
		write(t, file, content)
		if err := os.Chtimes(file, time.Time{}, time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
		if changed, err := d.Reload(); !changed || err != nil {
			t.Errorf("changed %v, error %v", changed, err)
		}
	}
	close(stop)
	work.Wait()
}

func TestOpenRefuses(t *testing.T) {
	good := read(t, geotest.File(t, map[string]mmdbtype.Map{"0.0.0.0/1": geotest.City("NO", "Oslo", 59.91, 10.75, 20)}))
	damaged := append([]byte{}, good...)
	for i := range len(damaged) / 2 {
		damaged[i] = 0xff
	}
	for name, content := range map[string][]byte{
		"empty": {}, "text": []byte("192.0.2.0/24,NO,Oslo\n"), "cut off": good[:len(good)-40], "damaged": damaged,
	} {
		file := filepath.Join(t.TempDir(), "places.mmdb")
		write(t, file, content)
		if _, err := geo.Open(file); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := geo.Open(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := geo.Open(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
	file := filepath.Join(t.TempDir(), "places.mmdb")
	write(t, file, good)
	if _, err := geo.Open(file); err != nil {
		t.Errorf("the same file, whole: %v", err)
	}
}

func BenchmarkLocate(b *testing.B) {
	d, err := geo.Open(geotest.File(b, map[string]mmdbtype.Map{"192.0.2.0/24": geotest.City("NO", "Oslo", 59.91, 10.75, 20)}))
	if err != nil {
		b.Fatal(err)
	}
	addr := netip.MustParseAddr("192.0.2.1")
	for b.Loop() {
		d.Locate(addr)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
