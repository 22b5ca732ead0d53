package main_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/descoped/authly/authn/mail/mailtest"
)

// browsed is where the browser of the tests believes the server to be.
const browsed = "http://login.example.com"

// browser is a real one, and what it says while it is used.
type browser struct {
	ctx context.Context

	mu        sync.Mutex
	requested []string // method, URL and Referer of each request
	complains []string // the console and what the page may not do
}

// startBrowser runs Chromium, to which the server is the only host there is, until the test ends.
func startBrowser(t *testing.T, server *authly) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP login.example.com "+server.address["server.address"]+", MAP * ~NOTFOUND"))
	ctx, stop := context.WithTimeout(t.Context(), 45*time.Second)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	b := &browser{}
	b.ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	b.do(t, chromedp.Navigate("about:blank")) // it starts with the first thing that it does
	if err := chromedp.Listen(b.ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	return b
}

// listen notes what the browser asks for and complains of.
func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requested = append(b.requested, fmt.Sprint(e.Request.Method, " ", e.Request.URL, " ", e.Request.Headers["Referer"]))
	case *browserlog.EventEntryAdded:
		if !strings.HasSuffix(e.Entry.URL, "/favicon.ico") { // which nobody has promised
			b.complains = append(b.complains, fmt.Sprint(e.Entry.Source, ": ", e.Entry.Text))
		}
	case *runtime.EventConsoleAPICalled:
		b.complains = append(b.complains, fmt.Sprint("console: ", len(e.Args)))
	case *runtime.EventExceptionThrown:
		b.complains = append(b.complains, e.ExceptionDetails.Text)
	}
}

// run does something that has a result.
func run[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		t.Fatalf("the browser: %v\nit asked for %q\nand complains of %q", err, b.requested, b.complains)
	}
	return result
}

func (b *browser) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	run(t, b, chromedp.Steps(actions...))
}

// command sends a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[R] {
	return func(ctx context.Context, target *chromedp.Target) (R, error) { return cdp.Call(ctx, target, c, params) }
}

// said returns what it complains of so far.
func (b *browser) said() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.complains...)
}

// places are the addresses that it shows and remembers.
func (b *browser) places(t *testing.T) (all []string) {
	t.Helper()
	for _, e := range run(t, b, command(page.GetNavigationHistory, cdp.Empty{})).Entries {
		all = append(all, e.URL)
	}
	return all
}

// open opens a link of a mail and leaves the button alone.
func (b *browser) open(t *testing.T, link string) {
	t.Helper()
	b.do(t, chromedp.Navigate("about:blank"), chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS("button")))
}

// press fills fields, presses the button and waits for the page that says that it is done.
func (b *browser) press(t *testing.T, done string, fields ...string) {
	t.Helper()
	for i := 0; i+1 < len(fields); i += 2 {
		b.do(t, chromedp.SendKeys(chromedp.ID(fields[i]), fields[i+1]))
	}
	b.do(t, chromedp.Click(chromedp.CSS("button")), chromedp.WaitNotPresent(chromedp.CSS("form")))
	if title := run(t, b, chromedp.Text(chromedp.CSS("h1"))); title != done {
		t.Errorf("the page says %q, want %q", title, done)
	}
}

// withoutScripts has pages do without their scripts from now on, or with them.
func (b *browser) withoutScripts(t *testing.T, without bool) {
	t.Helper()
	run(t, b, command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: without}))
}

// The pages that mails link to, in a real browser: opening one changes nothing and leaves the token nowhere, its button works, with
// scripts and without, and nothing on it breaks the page's own policy.
func TestMailPagesInBrowser(t *testing.T) {
	t.Parallel()
	box := mailtest.Start(t, mailOptions())
	a := start(t, sqliteURL(t), protectedEcho, mailEnviron(box, "AUTHLY_SERVER_PUBLIC_URL="+browsed)...)
	b := startBrowser(t, a)
	admin := a.login(t, "admin", adminPassword)
	var tokens []string
	mailed := func(address, path string) string {
		t.Helper()
		m := box.NextTo(t, address)
		tokens = append(tokens, m.Token(t, path))
		return m.Link(t, path)
	}
	alice := a.user(t, 201, "POST", "/users", "", `{"username":"alice","email":"alice@example.com","password":"`+passwordOf("alice")+`"}`)
	verified := func() bool { return a.user(t, 200, "GET", "/users/"+alice.ID, admin.Access, "").IsVerified }

	link := mailed("alice@example.com", "/auth/mail/verify")
	b.open(t, link)
	b.open(t, link)
	if verified() {
		t.Error("opening the link has verified the address")
	}
	b.press(t, "Your email address is confirmed")
	if !verified() {
		t.Error("the button has not verified the address")
	}

	before := a.login(t, "alice", passwordOf("alice"))
	a.must(t, 202, "POST", "/auth/password/forgot", "", `{"email":"alice@example.com"}`)
	b.open(t, mailed("alice@example.com", "/auth/mail/reset"))
	a.must(t, 200, "GET", "/users/me", before.Access, "")
	b.press(t, "Your password is changed", "password", "battery staple", "again", "battery staple")
	a.must(t, 401, "GET", "/users/me", before.Access, "")
	a.login(t, "alice", "battery staple")

	b.withoutScripts(t, true)
	a.must(t, 201, "POST", "/users/invitations", admin.Access, `{"email":"bob@example.com","roles":["staff"]}`)
	b.open(t, mailed("bob@example.com", "/auth/mail/invitation"))
	b.press(t, "Your account is made", "token", tokens[len(tokens)-1], "username", "bob", "password", passwordOf("bob"), "again", passwordOf("bob"))
	a.login(t, "bob", passwordOf("bob"))
	b.withoutScripts(t, false)

	b.leaks(t, tokens)
	b.obeys(t)
}

// leaks fails if a token was anywhere but in a form: in no address that was asked for or shown, no Referer, no history. What was
// opened without scripts stands in the history as it was in the mail: nobody can take it out, and it is used up.
func (b *browser) leaks(t *testing.T, tokens []string) {
	t.Helper()
	places := strings.Join(b.places(t), "\n")
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := strings.Join(b.requested, "\n")
	for i, token := range tokens {
		if strings.Contains(asked, token) || i < len(tokens)-1 && strings.Contains(places, token) {
			t.Errorf("the token %d is in a request or in the history:\n%s\n%s", i, asked, places)
		}
	}
	for _, want := range []string{"GET " + browsed + "/auth/mail/verify ", "POST " + browsed + "/auth/mail/reset ", "GET " + browsed + "/auth/assets/fill.js "} {
		if !strings.Contains(asked, want) {
			t.Errorf("it did not ask for %s:\n%s", want, asked)
		}
	}
	if !strings.Contains(places, browsed+"/auth/mail/reset") {
		t.Errorf("the history is\n%s", places)
	}
}

// obeys fails if the browser has complained of the pages, and if it would not have.
func (b *browser) obeys(t *testing.T) {
	t.Helper()
	if said := b.said(); len(said) > 0 {
		t.Errorf("the browser complains of %q", said)
	}
	const forbidden = `(() => { const s = document.createElement("script"); s.textContent = "1"; document.head.append(s) })()`
	run(t, b, chromedp.Evaluate[any](forbidden))
	eventually(t, "the browser complains of what the policy forbids", func() bool {
		return strings.Contains(strings.Join(b.said(), " "), "Content Security Policy")
	})
}
