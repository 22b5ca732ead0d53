package api_test

import (
	"path/filepath"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// onBoth runs a test on SQLite and on PostgreSQL, at once.
func onBoth(t *testing.T, test func(t *testing.T, open func(*testing.T) string)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteURL)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T) string { return storetest.PostgresURL(t) })
	})
}

func sqliteURL(t *testing.T) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "authly.db")
}
