package store_test

import (
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
	"path/filepath"
	"testing"
)

func TestSmoke(t *testing.T) {
	for _, u := range []string{"sqlite://" + filepath.Join(t.TempDir(), "a.db"), storetest.PostgresURL(t)} {
		for range 2 {
			s, err := store.Open(t.Context(), u, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
