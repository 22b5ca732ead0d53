package browsertest

import (
	"context"
	_ "embed" // for the scripts
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed find.js
var finding string

// Tab is one tab of a browser. Its methods fail the test when the browser does not do what they say.
type Tab struct {
	browser *Browser
	ctx     context.Context
	heard   heard
}

// Run does something that has a result.
func Run[T any](t testing.TB, tab *Tab, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		tab.heard.mu.Lock()
		defer tab.heard.mu.Unlock()
		t.Fatalf("the browser: %v\nit asked for %q\nand complains of %q", err, tab.heard.requested, tab.heard.complains)
	}
	return result
}

// Command is a command of the DevTools protocol.
func Command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[R] {
	return func(ctx context.Context, target *chromedp.Target) (R, error) { return cdp.Call(ctx, target, c, params) }
}

// Evaluate returns the value of an expression in the page, awaited if it is a promise. Where the page goes on to another one meanwhile, it
// is the value in that.
func Evaluate[T any](t testing.TB, tab *Tab, expression string) T {
	t.Helper()
	asked := chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise)
	return Run(t, tab, func(ctx context.Context, target *chromedp.Target) (T, error) {
		for {
			result, err := asked(ctx, target)
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context") {
				return result, err
			}
		}
	})
}

// Do does things one after the other.
func (tab *Tab) Do(t testing.TB, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	Run(t, tab, chromedp.Steps(actions...))
}

// Open opens a page and returns the status of its answer, after redirects.
func (tab *Tab) Open(t testing.TB, address string) int {
	t.Helper()
	return tab.loads(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		opened, err := cdp.Call(ctx, target, page.Navigate, page.NavigateParams{URL: address})
		if err == nil && opened.ErrorText != "" {
			err = fmt.Errorf("%s: %s", address, opened.ErrorText)
		}
		return err
	}))
}

// loads does things that lead to another page, and returns the status of its answer.
func (tab *Tab) loads(t testing.TB, actions ...chromedp.Action[chromedp.Void]) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, actions...)
	if err != nil {
		tab.heard.mu.Lock()
		defer tab.heard.mu.Unlock()
		t.Fatalf("no other page: %v\nthe browser asked for %q\nand complains of %q", err, tab.heard.requested, tab.heard.complains)
	}
	if response == nil {
		return 0 // another part of the same page
	}
	return int(response.Status)
}

// Back presses the browser's button to go back.
func (tab *Tab) Back(t testing.TB) {
	t.Helper()
	history := Run(t, tab, Command(page.GetNavigationHistory, cdp.Empty{}))
	if history.CurrentIndex == 0 {
		t.Fatal("there is nothing to go back to")
	}
	// A page that the browser has kept as it was is not loaded: that it is shown is all there is to wait for.
	Run(t, tab, chromedp.WaitEvent(page.FrameNavigated, func(e page.EventFrameNavigated) bool { return e.Frame.ParentID == "" },
		Command(page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})))
	tab.Await(t, "the page is there", "document.readyState === 'complete'")
}

// Reload loads the page anew and returns its status.
func (tab *Tab) Reload(t testing.TB) int {
	t.Helper()
	return tab.loads(t, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.Reload, page.ReloadParams{})
		return err
	}))
}

// Fill fills in fields: names, each with its value. What stood there is replaced. A box is ticked by its value, and freed of its
// tick by "".
func (tab *Tab) Fill(t testing.TB, fields ...string) {
	t.Helper()
	for i := 0; i+1 < len(fields); i += 2 {
		if wanted := tab.find(t, "field", fields[i], fields[i+1], ""); wanted == "typing" {
			Run(t, tab, Command(input.InsertText, input.InsertTextParams{Text: fields[i+1]}))
		}
	}
}

// Press fills in fields and presses the button, or follows the link, of this name. It returns the status of the page that it leads to.
func (tab *Tab) Press(t testing.TB, name string, fields ...string) int {
	t.Helper()
	return tab.PressIn(t, "", name, fields...)
}

// PressIn is Press for a button that every row of a table or list has, or every section of the page: in that which says so.
func (tab *Tab) PressIn(t testing.TB, row, name string, fields ...string) int {
	t.Helper()
	tab.Fill(t, fields...)
	tab.find(t, "button", name, "", row)
	return tab.loads(t, click())
}

// Click presses what leads to no other page, such as what unfolds a part of this one.
func (tab *Tab) Click(t testing.TB, name string) {
	t.Helper()
	tab.find(t, "button", name, "", "")
	tab.Do(t, click())
}

// click clicks at what was found.
func click() chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.JSPath("globalThis.found"))
}

// Enter fills in fields and presses Enter in the last of them.
func (tab *Tab) Enter(t testing.TB, fields ...string) int {
	t.Helper()
	tab.Fill(t, fields...)
	return tab.loads(t, chromedp.KeyEvent(kb.Enter))
}

// find has the page's globalThis.found be what is looked for, and says what it found.
func (tab *Tab) find(t testing.TB, what, name, value, row string) string {
	t.Helper()
	arguments, err := json.Marshal([]string{what, name, value, row})
	if err != nil {
		t.Fatal(err)
	}
	found := Evaluate[string](t, tab, fmt.Sprintf("(%s)(...%s)", strings.TrimSpace(finding), arguments))
	if problem, isOne := strings.CutPrefix(found, "problem: "); isOne {
		t.Fatalf("%s: %s %q: %s; the page says\n%s", tab.Location(t), what, name, problem, tab.Text(t))
	}
	return found
}

// Location is the address that the tab shows.
func (tab *Tab) Location(t testing.TB) string {
	t.Helper()
	return Evaluate[string](t, tab, "location.href")
}

// Places are the addresses that the tab remembers.
func (tab *Tab) Places(t testing.TB) (all []string) {
	t.Helper()
	for _, e := range Run(t, tab, Command(page.GetNavigationHistory, cdp.Empty{})).Entries {
		all = append(all, e.URL)
	}
	return all
}

// Title is that of the page's main heading.
func (tab *Tab) Title(t testing.TB) string {
	t.Helper()
	return Evaluate[string](t, tab, "document.querySelector('h1')?.innerText ?? ''")
}

// Text is what the page shows.
func (tab *Tab) Text(t testing.TB) string {
	t.Helper()
	return Evaluate[string](t, tab, "document.body?.innerText ?? ''")
}

// Await waits until an expression is true in the page.
func (tab *Tab) Await(t testing.TB, what, expression string) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !Evaluate[bool](t, tab, expression) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s; the page says\n%s", what, tab.Text(t))
		}
	}
}
