package browsertest

import (
	_ "embed" // for the scripts
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	// screenshots names the folder that pictures of pages are put into; empty: there are none.
	screenshots = "AUTHLY_TEST_SCREENSHOTS"
	// thorough is "all" where there is time for everything.
	thorough = "AUTHLY_TEST_PAGES"
)

var (
	//go:embed wide.js
	wideScript string
	//go:embed markup.js
	markupScript string
)

// Wide returns what makes people scroll sideways on a screen as wide as a phone's, or a page's that is magnified four times.
func (tab *Tab) Wide(t testing.TB) (found []string) {
	t.Helper()
	for _, s := range []screen{narrow, phone} {
		tab.show(t, s)
		found = append(found, Evaluate[[]string](t, tab, wideScript)...)
	}
	tab.show(t, desk)
	return found
}

// Markup returns what axe-core does not look for: more than one main heading, a field that is marked as wrong while nothing that belongs
// to it says why, a password that a password manager does not know, a form without a button, a time for people alone.
func (tab *Tab) Markup(t testing.TB) []string {
	t.Helper()
	return Evaluate[[]string](t, tab, markupScript)
}

// Thorough reports whether there is time for everything.
func Thorough() bool { return os.Getenv(thorough) == "all" }

// Check fails the test unless everybody can use the page: see Axe, Markup, Keyboard and Wide. Without time for everything, it looks at the
// page in light and does not go through it by the keyboard. Pictures of it are kept under its name.
func (tab *Tab) Check(t testing.TB, name string) {
	t.Helper()
	if os.Getenv(screenshots) != "" {
		tab.show(t, phone)
		tab.Picture(t, name+"-phone")
		tab.show(t, desk)
	}
	schemes := []string{Light}
	if Thorough() {
		schemes = []string{Dark, Light} // light comes last, and stays
	}
	for _, scheme := range schemes {
		tab.Scheme(t, scheme)
		tab.Picture(t, name+"-"+scheme)
		for _, flaw := range tab.Axe(t) {
			t.Errorf("%s, %s: %s", name, scheme, flaw)
		}
	}
	flaws := append(tab.Markup(t), tab.Wide(t)...)
	if Thorough() {
		flaws = append(flaws, tab.Keyboard(t)...)
	}
	for _, flaw := range flaws {
		t.Errorf("%s: %s", name, flaw)
	}
}

// Picture keeps a picture of the whole page, if anybody wants some.
func (tab *Tab) Picture(t testing.TB, name string) {
	t.Helper()
	folder := os.Getenv(screenshots)
	if folder == "" {
		return
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), Run(t, tab, chromedp.FullScreenshot(100)), 0o644); err != nil {
		t.Fatal(err)
	}
}
