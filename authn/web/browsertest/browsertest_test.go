package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web/browsertest"
)

const style = `<style>:root { color-scheme: light dark } body { color: CanvasText; background: Canvas } button { min-height: 2rem } :focus-visible { outline: 2px solid }</style>`

// pages are one that everybody can use, and others that somebody cannot, with a word of what must be found.
func pages() map[string]struct{ body, axe, markup, keyboard, wide string } {
	return map[string]struct{ body, axe, markup, keyboard, wide string }{
		"/good": {body: `<form method="post"><label for="name">Name</label> <input id="name" name="name"><button>Send</button></form> <p><a href="/good">Again</a></p>`},
		"/unnamed": {
			body: `<form><input id="name" name="name"></form>`,
			axe:  "label: #name: ",
		},
		"/pale": {
			body: `<style>@media (prefers-color-scheme: dark) { #pale { color: #444 } }</style><p id="pale">Words that nobody can read in the dark</p>`,
			axe:  "color-contrast: #pale: ",
		},
		"/trap": {
			body:     `<button id="one">One</button><button id="two" onkeydown="event.preventDefault()">Two</button><button id="three">Three</button>`,
			keyboard: `button "two": the Tab key does not leave it`,
		},
		"/unreached": {
			body:     `<button id="one">One</button><div inert><button>Two</button></div><button id="three" onfocus="two.focus()">Three</button><button id="two">Two</button>`,
			keyboard: `button "three": the Tab key does not reach it`,
		},
		"/disorder": {
			body:     `<button tabindex="3">One</button><button tabindex="1">Two</button><button tabindex="2">Three</button><button tabindex="1">Four</button>`,
			axe:      "tabindex: ",
			keyboard: "the Tab key does not go from top to bottom",
		},
		"/unseen": {
			body:     `<style>#one:focus { outline: none }</style><button id="one">One</button><button id="two">Two</button>`,
			keyboard: `button "one": does not show that it has the focus`,
		},
		"/covered": {
			body: `<style>#lid { position: fixed; inset: 0; background: Canvas }</style><button id="one">One</button><div id="lid">Cookies?</div>`, keyboard: `button "one": has the focus and cannot be seen`,
		},
		"/wrong": {
			body:   `<p id="why">It is too short</p><label>A <input id="a" aria-invalid="true" aria-describedby="why"></label> <label>B <input id="b" aria-invalid="true" aria-describedby="b-why"></label><p id="b-why"></p>`,
			markup: `input "b": is wrong`,
		},
		"/headings":  {body: `<h1>Another one</h1>`, markup: "there are 2 main headings"},
		"/passwords": {body: `<form><label>Password <input id="p" type="password" autocomplete="off"></label></form>`, markup: `input "p": password managers`},
		"/buttons":   {body: `<form method="post" id="f"><label>A <input></label></form>`, markup: `form "f": has no button`},
		"/times":     {body: `<time id="t">yesterday</time>`, markup: `time "t": programs`},
		"/rows":      {body: `<ul><li>First <a href="/edit?1">Edit</a></li><li>Second <a href="/edit?2">Edit</a></li></ul>`},
		"/file":      {body: `<p><a href="/saved.txt" download>Save</a></p>`},
		"/wide": {
			body: `<p id="wide" style="width: 340px">Wider than it should be</p>`,
			wide: `at 320 px it is 3`,
		},
	}
}

func serve(t *testing.T) (host string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/sent?name="+r.FormValue("name"), http.StatusSeeOther)
			return
		}
		if r.URL.Path == "/strict" {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		}
		if r.URL.Path == "/saved.txt" {
			_, _ = w.Write([]byte("the file"))
			return
		}
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><head><title>A page</title>%s</head><body><main><h1>Page %s %s</h1>%s</main></body></html>`,
			style, strings.NewReplacer("<", "", "&", "").Replace(r.URL.RequestURI()), r.Header.Get("Accept-Language"), pages()[r.URL.Path].body)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// What is looked for is found where it is, and nowhere else: a check that finds nothing would be as content with every page.
func TestChecks(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("AUTHLY_TEST_SCREENSHOTS", folder)
	t.Setenv("AUTHLY_TEST_PAGES", "all")
	browser := browsertest.Start(t, map[string]string{"a.example.com": serve(t)})
	const at = "http://a.example.com"

	t.Run("steps", func(t *testing.T) {
		tab := browser.Guest(t)
		if status := tab.Open(t, at+"/good"); status != 200 || tab.Location(t) != at+"/good" {
			t.Errorf("%d at %s", status, tab.Location(t))
		}
		if status := tab.Press(t, "Send", "name", "first"); status != 200 || !strings.Contains(tab.Title(t), "/sent?name=first") {
			t.Errorf("%d %q", status, tab.Title(t))
		}
		tab.Back(t)
		tab.Fill(t, "name", "wrong")
		if status := tab.Enter(t, "name", "second"); status != 200 || !strings.Contains(tab.Title(t), "/sent?name=second") {
			t.Errorf("%d %q", status, tab.Title(t))
		}
		if status := tab.Reload(t); status != 200 {
			t.Errorf("loaded anew: %d", status)
		}
		tab.Open(t, at+"/rows")
		if tab.PressIn(t, "Second", "Edit"); !strings.Contains(tab.Title(t), "/edit?2") {
			t.Errorf("in the second row %q", tab.Title(t))
		}
		tab.Open(t, at+"/file")
		if content, name := tab.Download(t, "Save"); string(content) != "the file" || name != "saved.txt" {
			t.Errorf("downloaded %s: %q", name, content)
		}
		if status := tab.Open(t, at+"/missing"); status != 404 {
			t.Errorf("missing: %d", status)
		}
		tab.Languages(t, "de-AT, de;q=0.8")
		tab.Open(t, at+"/good")
		if title := tab.Title(t); !strings.HasSuffix(title, " de-AT, de;q=0.8") {
			t.Errorf("it asks for %q", title)
		}
		if all := tab.Requested(); !slices.Contains(all, "POST "+at+"/good "+at+"/good") {
			t.Errorf("it asked for %q", all)
		}
	})
	t.Run("people", func(t *testing.T) {
		alice, bob := browser.Guest(t), browser.Guest(t)
		alice.Open(t, at+"/good")
		beside := alice.Beside(t)
		beside.Open(t, at+"/good")
		bob.Open(t, at+"/good")
		browsertest.Evaluate[string](t, alice, `document.cookie = "name=alice"`)
		for who, tab := range map[string]*browsertest.Tab{"name=alice": beside, "": bob} {
			if got := browsertest.Evaluate[string](t, tab, "document.cookie"); got != who {
				t.Errorf("the cookie is %q, want %q", got, who)
			}
		}
	})
	t.Run("policy", func(t *testing.T) {
		tab := browser.Guest(t)
		tab.Open(t, at+"/strict")
		tab.Check(t, "strict") // which the policy does not keep from looking
		if all := tab.TakeComplaints(t); len(all) > 0 {
			t.Errorf("of the check the browser complains: %q", all)
		}
		browsertest.Evaluate[any](t, tab, `(() => { const s = document.createElement("script"); s.textContent = "1"; document.head.append(s) })()`)
		if all := tab.TakeComplaints(t); len(all) != 1 || !strings.Contains(all[0], "Content Security Policy") {
			t.Errorf("of what is forbidden the browser complains: %q", all)
		}
		if pictures, err := filepath.Glob(filepath.Join(folder, "strict-*.png")); err != nil || len(pictures) != 3 {
			t.Errorf("the pictures are %q, %v", pictures, err)
		} else if picture, err := os.ReadFile(pictures[0]); err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
			t.Errorf("%s is no picture: %v", pictures[0], err)
		}
	})
	tab := browser.Guest(t)
	for path, want := range pages() {
		t.Run(path[1:], func(t *testing.T) {
			tab.Open(t, at+path)
			tab.Scheme(t, browsertest.Dark)
			wants(t, "axe", tab.Axe(t), want.axe)
			wants(t, "markup", tab.Markup(t), want.markup)
			wants(t, "keyboard", tab.Keyboard(t), want.keyboard)
			wants(t, "wide", tab.Wide(t), want.wide)
			tab.Scheme(t, browsertest.Light)
			if path == "/pale" {
				wants(t, "axe in the light", tab.Axe(t), "")
			}
		})
	}
}

// wants fails unless something is found that begins so, or nothing if nothing is to be found.
func wants(t *testing.T, what string, found []string, begin string) {
	t.Helper()
	if begin == "" && len(found) > 0 || begin != "" && !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, begin) }) {
		t.Errorf("%s finds %q, want %q", what, found, begin)
	}
}
