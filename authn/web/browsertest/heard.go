package browsertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// heard is what a tab has asked for and complained of.
type heard struct {
	mu        sync.Mutex
	requested []string
	documents map[network.RequestID]bool // the requests that were for a page
	complains []string
}

// listen notes what the browser says. It must not wait for anything.
func (h *heard) listen(event any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		h.requested = append(h.requested, fmt.Sprint(e.Request.Method, " ", e.Request.URL, " ", e.Request.Headers["Referer"]))
		if e.Type == network.ResourceTypeDocument {
			if h.documents == nil {
				h.documents = map[network.RequestID]bool{}
			}
			h.documents[e.RequestID] = true
		}
	case *browserlog.EventEntryAdded:
		h.note(e.Entry)
	case *runtime.EventConsoleAPICalled:
		h.complains = append(h.complains, fmt.Sprintf("console.%s of %d things", e.Type, len(e.Args)))
	case *runtime.EventExceptionThrown:
		h.complains = append(h.complains, e.ExceptionDetails.Text)
	}
}

// note notes a line of the browser's log that tells of something wrong. A page with a status such as 403 is shown like any other; an icon
// was not promised by anybody; that a test has chosen a field before the page did is no fault, and that data was cleared is good news.
func (h *heard) note(e *browserlog.Entry) {
	isPage := e.Source == browserlog.EntrySourceNetwork && h.documents[e.NetworkRequestID]
	if isPage || strings.HasSuffix(e.URL, "/favicon.ico") || strings.HasPrefix(e.Text, "Autofocus processing was blocked because a document already has a focused element") ||
		strings.Contains(e.Text, ": Cleared data types: ") {
		return
	}
	h.complains = append(h.complains, fmt.Sprintf("%s: %s (%s)", e.Source, e.Text, e.URL))
}

// Requested are method, URL and Referer of every request that the tab has made.
func (tab *Tab) Requested() []string {
	tab.heard.mu.Lock()
	defer tab.heard.mu.Unlock()
	return append([]string(nil), tab.heard.requested...)
}

// TakeComplaints returns what the browser has complained of, such as a policy that the page breaks and an error of its scripts, and
// forgets it.
func (tab *Tab) TakeComplaints(t testing.TB) []string {
	t.Helper()
	tab.Do(t, chromedp.Evaluate[chromedp.Void]("0")) // what came before this has been heard then
	tab.heard.mu.Lock()
	defer tab.heard.mu.Unlock()
	taken := tab.heard.complains
	tab.heard.complains = nil
	return taken
}
