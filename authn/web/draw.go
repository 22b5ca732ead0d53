package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/descoped/authly/headers"
)

// policy lets a page have what is served from assets, and send its own form; %s is where that may lead to beside here. Browsers hold it
// against where the answer to a form sends them, too.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'%s; base-uri 'none'; frame-ancestors 'none'"

// A frame is the root of every template.
type frame struct {
	Lang   string // of the page, a tag of BCP 47
	Title  string // the heading
	Wrong  string // why a form has come back, or there is no page; empty: nothing is wrong
	Help   *link  // what can be done about it, if Wrong does not say it; without Href it is a text
	Said   string // what a form of before has done; empty: nothing
	Name   string // of the page
	Script string // a file in assets that the page uses, beside what all use; empty: none
	Menu   []link // pages of the same kind
	Brand  Brand
	Assets string // where style and scripts are
	Caller string // the username of who is signed in; empty: nobody
	Admin  bool   // who is an administrator
	Data   any    // what the page's own function has gathered

	visit *visit
}

// T is a text by its name, see visit.t.
func (f *frame) T(name string, args ...any) string { return f.visit.t(name, args...) }

// Path is an address below the prefix.
func (f *frame) Path(path string) string { return f.visit.path(path) }

// Onward is Path for a page from which people still come back to where they wanted to go.
func (f *frame) Onward(path string) string { return f.visit.onward(path, "") }

// With is the same frame around other data, for a template that several pages have.
func (f *frame) With(data any) *frame {
	inner := *f
	inner.Data = data
	return &inner
}

// Field is a field of the page's form by its name, for the template "field".
func (f *frame) Field(name string) (fieldView, error) {
	for _, field := range f.visit.page.fields {
		if field.name == name {
			return f.visit.fieldView(field), nil
		}
	}
	return fieldView{}, fmt.Errorf("the page has no field %q", name)
}

// Fields are all fields of the page's form.
func (f *frame) Fields() (all []fieldView) {
	for _, field := range f.visit.page.fields {
		all = append(all, f.visit.fieldView(field))
	}
	return all
}

// Time is an element with a time, as the language writes it; where scripts run, in the browser's own zone. The zero time is a dash.
func (f *frame) Time(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	shown := template.HTMLEscapeString(t.Format(f.T("time.layout")))
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + shown + `</time>`) // #nosec G203 -- escaped, the rest is digits
}

// draw writes a page. Nobody keeps it, frames it, or is told that somebody came from it, but Authly itself: never with the fragment.
func (v *visit) draw(status int, name string, data any) {
	body, err := v.drawn(v.drawings, name, data)
	if err != nil && v.cfg.Folder != "" { // a template of the folder may ask for what is not there, which is found out only now
		body, err = v.drawn(v.builtin, name, data)
	}
	if err != nil {
		http.Error(v.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	origin := ""
	if v.origin != "" {
		origin = " " + v.origin
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", fmt.Sprintf(policy, origin))
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers call the origin of a form null, and it is refused
	if v.secret {
		h.Set("Referrer-Policy", "no-referrer")
	}
	if v.isHTTPS() { // without, browsers do not know it
		h.Set("Cross-Origin-Opener-Policy", "same-origin") // whoever opened the page in a window has no hold of it
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Language", v.tongue.tag)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body.Bytes()) // #nosec G705 -- html/template has escaped it; a client that has gone away is nobody's error
}

// drawn is the page as templates have it. If they fail, the log has it.
func (v *visit) drawn(by *drawings, name string, data any) (body bytes.Buffer, err error) {
	if err = by.of(name).ExecuteTemplate(&body, "layout", v.frame(name, data)); err != nil {
		v.cfg.Log.ErrorContext(v.r.Context(), "page not drawn", "page", name, "request_id", headers.ExchangeOf(v.r.Context()).ID, "error", err)
	}
	return body, err
}

func (v *visit) frame(name string, data any) *frame {
	f := &frame{
		Lang: v.tongue.tag, Title: v.title, Name: name, Said: v.said(), Brand: v.cfg.Brand.shown(v.path(assetsPath)),
		Assets: v.path(assetsPath), Data: data, visit: v,
	}
	if f.Title == "" {
		f.Title = v.t(name + ".title")
	}
	if v.wrong != nil {
		f.Wrong, f.Help = v.reason(v.wrong), v.help(v.wrong)
	}
	if v.page.needsCode() {
		f.Script = "fill.js"
	}
	if v.caller != nil {
		f.Caller, f.Admin, f.Menu = v.caller.Username, v.caller.Admin, v.menu()
	}
	return f
}

// menu lists the pages of the same menu.
func (v *visit) menu() (links []link) {
	for i := range v.pages {
		if pg := &v.pages[i]; pg.menu != noMenu && pg.menu == v.page.menu && pg.under == "" {
			links = append(links, link{Text: v.t(pg.name + ".menu"), Href: v.path(pg.path), Current: pg == v.page || pg.path == v.page.under})
		}
	}
	return links
}

// plainName is what the name of something to say looks like.
var plainName = regexp.MustCompile(`^[a-z_]{1,40}$`)

// said is what the form of before has done, which its answer has put into the address. A link of another site or of a mail does not say
// anything, and an address that is an application's is none of Authly's.
func (v *visit) said() string {
	name, site := v.r.URL.Query().Get("said"), v.r.Header.Get("Sec-Fetch-Site")
	if v.page.path == "" || !plainName.MatchString(name) || site != "" && site != "same-origin" {
		return ""
	}
	if v.cfg.MailsAreLogged {
		if text, ok := v.tongue.find("said_log."+name, nil); ok {
			return text
		}
	}
	text, _ := v.tongue.find("said."+name, nil)
	return text
}
