package web

import (
	"bytes"
	_ "embed" // for what is served as it is
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

var (
	//go:embed page.html
	source string
	//go:embed style.css
	style []byte
	//go:embed fill.js
	script []byte
	//go:embed signin.html
	signInSource string
)

// folder is where style and script are, below the prefix.
const folder = "/auth/mail"

// Config is what the pages need; every field but Prefix is required.
type Config struct {
	Accounts  *authn.Accounts
	PublicURL string               // where browsers see the pages
	Prefix    string               // in front of every path: empty, or such as /api/v1
	StatusOf  func(authn.Code) int // the table from what went wrong to the HTTP status
	Log       *slog.Logger

	SignIn *SignIn // nil: there are no pages to sign in and out
}

// Pages serves the pages.
type Pages struct {
	cfg       Config
	pages     map[string]page // by path
	template  *template.Template
	signIn    *template.Template
	ownOrigin *http.CrossOriginProtection
}

// New returns the pages.
func New(cfg Config) (*Pages, error) {
	if cfg.Accounts == nil || cfg.StatusOf == nil || cfg.Log == nil {
		return nil, errors.New("web: Accounts, StatusOf and Log are required")
	}
	if s := cfg.SignIn; s != nil && (s.Logins == nil || s.Sessions == nil || s.Accept == nil || s.Now == nil) {
		return nil, errors.New("web: SignIn needs Logins, Sessions, Accept and Now")
	}
	p := &Pages{cfg: cfg, pages: map[string]page{}, ownOrigin: http.NewCrossOriginProtection()}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, errors.New("web: PublicURL is no URL")
	}
	// A proxy in front may have changed the Host, which older browsers' requests are compared with.
	if err := p.ownOrigin.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("web: PublicURL: %w", err)
	}
	if p.template, err = template.New("page").Parse(source); err != nil {
		return nil, fmt.Errorf("web: page.html: %w", err)
	}
	if p.signIn, err = template.New("signin").Parse(signInSource); err != nil {
		return nil, fmt.Errorf("web: signin.html: %w", err)
	}
	for kind, page := range table() {
		p.pages[cfg.Prefix+kind.Page()] = page
	}
	return p, nil
}

// Before answers requests for the pages, and hands all others on.
func (p *Pages) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, err := authn.ParsePath(r.URL.EscapedPath())
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		if p.cfg.SignIn != nil {
			if _, _, ok := p.cfg.SignIn.Domains.Cookie(hostOf(r)); ok {
				p.onOtherDomain(w, r, path, next)
				return
			}
		}
		page, isPage := p.pages[path]
		switch {
		case isPage:
			p.serve(w, r, page)
		case p.cfg.SignIn != nil && path == p.cfg.Prefix+SignInPath:
			p.serveSignIn(w, r)
		case p.cfg.SignIn != nil && path == p.cfg.Prefix+signOutPath:
			p.serveSignOut(w, r)
		case path == p.cfg.Prefix+folder+"/style.css":
			p.publish(w, r, "text/css; charset=utf-8", style)
		case path == p.cfg.Prefix+folder+"/fill.js":
			p.publish(w, r, "text/javascript; charset=utf-8", script)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// publish answers with something that is the same for everybody.
func (p *Pages) publish(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	if !isRead(r) {
		p.methodNotAllowed(w, r, "GET, HEAD")
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that has gone away is nobody's error
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// serve answers a request for a page. Reading it shows the form and does nothing else.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, page page) {
	switch {
	case isRead(r):
		p.show(w, r, http.StatusOK, page.view(p.cfg.Prefix, nil, nil))
	case r.Method == http.MethodPost:
		p.submit(w, r, page)
	default:
		p.methodNotAllowed(w, r, "GET, HEAD, POST")
	}
}

// submit does what the form asks for.
func (p *Pages) submit(w http.ResponseWriter, r *http.Request, page page) {
	if err := p.ownOrigin.Check(r); err != nil {
		refusal := authn.Refuse(authn.CodeOriginRefused, "This form was sent from another page. Open the link in your mail again.")
		p.fail(w, r, page, nil, refusal)
		return
	}
	f, err := readForm(w, r, page)
	if err == nil {
		err = page.act(r.Context(), p.cfg.Accounts, f, clientOf(r))
	}
	if err != nil {
		p.fail(w, r, page, f, authn.Fault(err))
		return
	}
	p.show(w, r, http.StatusOK, view{Title: page.done.title, Text: page.done.text, Folder: p.cfg.Prefix + folder})
}

// clientOf says where a request comes from.
func clientOf(r *http.Request) authn.Client {
	const most = 512 // bytes of a user agent
	x, agent := headers.ExchangeOf(r.Context()), r.UserAgent()
	if len(agent) > most {
		agent = agent[:most]
	}
	return authn.Client{Address: x.Origin.Client, UserAgent: strings.ToValidUTF8(agent, "?"), RequestID: x.ID}
}

// fail shows the form again, and what was wrong with it.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, page page, f form, e *authn.Error) {
	p.show(w, r, p.note(w, r, e), page.view(p.cfg.Prefix, f, e))
}

// note tells the logs of what went wrong, and the browser when to try again, and returns the status.
func (p *Pages) note(w http.ResponseWriter, r *http.Request, e *authn.Error) (status int) {
	status = p.cfg.StatusOf(e.Code)
	exchange := headers.ExchangeOf(r.Context())
	exchange.Reason = string(e.Code)
	if status >= http.StatusInternalServerError {
		p.cfg.Log.ErrorContext(r.Context(), "request failed", "request_id", exchange.ID, "method", r.Method, "code", string(e.Code), "error", e.Cause)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", headers.Seconds(e.RetryAfter))
	}
	return status
}

func (p *Pages) methodNotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	headers.ExchangeOf(r.Context()).Reason = string(authn.CodeMethodNotAllowed)
	w.Header().Set("Allow", allow)
	p.show(w, r, p.cfg.StatusOf(authn.CodeMethodNotAllowed), view{
		Title: "Method not allowed", Text: "This page can be opened, and its form be sent.", Folder: p.cfg.Prefix + folder,
	})
}

// policy lets a page have its own style, script and form, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	p.draw(w, r, status, p.template, policy, v)
}

// draw writes a page. Nobody keeps it, frames it, or is told that somebody came from it, but Authly itself: never with the fragment.
func (p *Pages) draw(w http.ResponseWriter, r *http.Request, status int, t *template.Template, policy string, v any) {
	var body bytes.Buffer
	if err := t.Execute(&body, v); err != nil {
		p.cfg.Log.ErrorContext(r.Context(), "page not drawn", "request_id", headers.ExchangeOf(r.Context()).ID, "error", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers call the origin of a form null, and it is refused
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}
