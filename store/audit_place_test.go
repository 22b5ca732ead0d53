package store_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// norway is all that a map of the world shows.
type norway struct{}

func (norway) Locate(addr netip.Addr) authn.Place {
	switch addr.String() {
	case "192.0.2.7":
		return authn.Place{Country: "NO", City: "Tromsø", ASN: 64496}
	case "192.0.2.8":
		return authn.Place{Country: "NO"}
	}
	return authn.Place{}
}

// Events say where their client is, whoever writes them; those that were kept before places were, and those without, say nothing.
func TestEventPlaces(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { testEventPlaces(t, "sqlite://"+filepath.Join(t.TempDir(), "authly.db")) })
	t.Run("postgres", func(t *testing.T) { testEventPlaces(t, storetest.PostgresURL(t)) })
}

func testEventPlaces(t *testing.T, url string) {
	var logged []string
	open := func(o store.Options) *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open(store.Options{Geography: norway{}, Audited: func(_ context.Context, e authn.Event) { logged = append(logged, e.Country) }})
	by := storetest.By(time.Now())
	for _, address := range []string{"192.0.2.7", "::ffff:192.0.2.8", "2001:db8::1"} {
		by.From.Address = netip.MustParseAddr(address)
		if err := s.CreateUser(t.Context(), user("at "+address), by); err != nil {
			t.Fatal(err)
		}
	}
	refused := by.Failed(authn.EventLoginFailed, user("alice").ID, "invalid_grant")
	refused.From.Address, refused.Country = netip.Addr{}, "XX" // what others say does not count
	if err := s.RecordEvents(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	by.From.Address = netip.MustParseAddr("192.0.2.7")
	if err := open(store.Options{}).CreateUser(t.Context(), user("by who knows no places"), by); err != nil {
		t.Fatal(err)
	}
	places := func(f authn.EventFilter) (all []string) {
		t.Helper()
		events, err := s.ListEvents(t.Context(), f, authn.EventPlace{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			all = append(all, e.Details[authn.DetailUsername]+": "+authn.PlaceName(e.City, e.Country))
		}
		return all
	}
	want := []string{"by who knows no places: ", ": ", "at 2001:db8::1: ", "at ::ffff:192.0.2.8: NO", "at 192.0.2.7: Tromsø, NO"}
	if diff := cmp.Diff(want, places(authn.EventFilter{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[3:], places(authn.EventFilter{Country: "NO"})); diff != "" {
		t.Errorf("of Norway (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"NO", "NO", "", ""}, logged); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
