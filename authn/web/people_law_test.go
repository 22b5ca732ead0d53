package web

import (
	"strings"
	"testing"
)

// Nothing below the path of administrators is open to anybody else, and what is not in the menu itself says what it is under.
func TestAdministratorsPages(t *testing.T) {
	paths := map[string]bool{}
	pages := new(Pages).table()
	for _, pg := range pages {
		paths[pg.path] = true
	}
	for _, pg := range pages {
		if strings.HasPrefix(pg.path, "/auth/admin") != (pg.who == administrators) {
			t.Errorf("%s is for %d", pg.path, pg.who)
		}
		if pg.under != "" && (!paths[pg.under] || pg.menu == noMenu) || pg.under == "" && pg.menu != noMenu && strings.Contains(pg.path, "{") {
			t.Errorf("%s is under %q in menu %d", pg.path, pg.under, pg.menu)
		}
	}
}
