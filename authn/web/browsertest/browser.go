package browsertest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a step may take, on a machine that is busy with other tests as well.
const patience = 45 * time.Second

// named names the Chromium to be shown the pages, such as chromium; empty: the one that costs the least.
const named = "AUTHLY_TEST_BROWSER"

// lightest is Chromium without what surrounds a page, which takes a third of the time; empty: it is not installed, and another one is taken.
func lightest() string {
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		return ""
	}
	return path
}

// Browser is a running Chromium.
type Browser struct {
	ctx   context.Context
	agent string // what it says it is: the same as one that people sit before
}

// Start runs Chromium until the test ends. hosts are all that it can reach: for each name, which may start with "*." and end with a
// port, the address of a server. Certificates are not looked at, since nobody vouches for those of tests.
func Start(t testing.TB, hosts map[string]string) *Browser {
	t.Helper()
	var rules []string
	for name, address := range hosts {
		rules = append(rules, fmt.Sprintf("MAP %s %s", name, address))
	}
	slices.Sort(rules)
	rules = append(rules, "MAP * ~NOTFOUND")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.IgnoreCertErrors,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("host-resolver-rules", strings.Join(rules, ",")))
	if path := cmp.Or(os.Getenv(named), lightest()); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...) // the test's own context ends before its cleanups
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil { // it starts with the first thing that it does
		t.Fatalf("Chromium does not start (.ci/setup installs it): %v", err)
	}
	version, err := chromedp.CallBrowser(ctx, browser.GetVersion, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{ctx: ctx, agent: strings.Replace(version.UserAgent, "HeadlessChrome", "Chrome", 1)}
}

// Guest opens a tab of somebody who has not been here before: it shares no cookie and no memory with others. It is closed when the
// test ends, and what the browser complained of until then fails the test; see Tab.TakeComplaints.
func (b *Browser) Guest(t testing.TB) *Tab {
	t.Helper()
	return b.open(t, b.ctx, chromedp.WithNewBrowserContext())
}

// Beside opens another tab of the same person.
func (tab *Tab) Beside(t testing.TB) *Tab {
	t.Helper()
	return tab.browser.open(t, tab.ctx)
}

func (b *Browser) open(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	tab := &Tab{browser: b}
	ctx, stop := chromedp.NewContext(parent, append(options, chromedp.WithListener(tab.heard.listen))...)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("no tab: %v", err)
	}
	tab.ctx = ctx
	Run(t, tab, Command(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: b.agent}))
	tab.show(t, desk)
	t.Cleanup(func() {
		if t.Failed() {
			return // for a reason that has been told
		}
		if all := tab.TakeComplaints(t); len(all) > 0 {
			t.Errorf("the browser complains of %q", all)
		}
	})
	return tab
}
