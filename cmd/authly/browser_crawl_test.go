package main_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

// crawl opens every page of Authly's that links lead to, from these on, and checks each once. It returns their paths, in which ID stands
// for an id.
func crawl(t *testing.T, tab *browsertest.Tab, prefix string, from ...string) map[string]bool {
	t.Helper()
	const links = `[...document.querySelectorAll("a[href]:not([download])")].map((a) => a.href)`
	seen := map[string]bool{}
	for len(from) > 0 {
		address := from[0]
		from = from[1:]
		path, isPage := pageOf(t, address)
		if !isPage || seen[path] {
			continue
		}
		seen[path] = true
		if status := tab.Open(t, address); status != http.StatusOK {
			t.Errorf("%s answers %d", address, status)
			continue
		}
		at(t, tab, address)
		tab.Check(t, prefix+strings.ReplaceAll(strings.TrimPrefix(path, "/auth/"), "/", "-"))
		for _, link := range browsertest.Evaluate[[]string](t, tab, links) {
			link, _, _ = strings.Cut(link, "#")
			from = append(from, link)
		}
	}
	return seen
}

// pageOf is the path of a page of Authly's, whatever it is about; false: the address is of something else.
func pageOf(t *testing.T, address string) (path string, ok bool) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16}`)
	return ids.ReplaceAllString(u.Path, "ID"), u.Scheme+"://"+u.Host == browsed && strings.HasPrefix(u.Path, "/auth/")
}

// reached fails the test unless the crawl has come to these pages.
func reached(t *testing.T, seen map[string]bool, pages ...string) {
	t.Helper()
	for _, page := range pages {
		if !seen[page] {
			t.Errorf("no link leads to %s", page)
		}
	}
}
