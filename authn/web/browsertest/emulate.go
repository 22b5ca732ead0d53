package browsertest

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Screens, by their width and height in CSS pixels. Narrow is what WCAG 2.2 wants pages to fit into (1.4.10).
type screen struct{ width, height int64 }

var (
	desk   = screen{1280, 800}
	phone  = screen{360, 740}
	narrow = screen{320, 640}
)

// Schemes of colours that people choose.
const (
	Light = "light"
	Dark  = "dark"
)

func (tab *Tab) show(t testing.TB, s screen) {
	t.Helper()
	tab.Do(t, chromedp.EmulateViewport(s.width, s.height))
}

// Phone has the tab be that of a phone from now on.
func (tab *Tab) Phone(t testing.TB) { t.Helper(); tab.show(t, phone) }

// Scheme has pages be light or dark from now on.
func (tab *Tab) Scheme(t testing.TB, scheme string) {
	t.Helper()
	Run(t, tab, Command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// Languages has the browser ask for pages in these languages, as in Accept-Language.
func (tab *Tab) Languages(t testing.TB, accept string) {
	t.Helper()
	Run(t, tab, Command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": accept}}))
}

// WithoutScripts has pages do without their scripts from now on.
func (tab *Tab) WithoutScripts(t testing.TB) {
	t.Helper()
	Run(t, tab, Command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// ForgetCookies takes away what the tab's person has been given.
func (tab *Tab) ForgetCookies(t testing.TB) {
	t.Helper()
	Run(t, tab, Command(network.ClearBrowserCookies, cdp.Empty{}))
}
