package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// SignInPath is where people sign in, below the prefix.
const SignInPath = "/auth/login"

// Config is what the pages need. Fields are required unless their comment says otherwise.
type Config struct {
	Logins   *authn.Logins
	Sessions *authn.Sessions
	Accounts *authn.Accounts
	Cookie   headers.SessionCookie // by which browsers' sessions are known
	Domains  headers.CookieDomains // to which browsers are handed over; there may be none

	Trail     *authn.Trail
	Explainer *authn.Explainer       // of the routes that are served by
	Keys      *authn.KeyRing         // that signs
	Owns      func(path string) bool // reports whether the gateway serves a decoded path itself, whatever the routes say
	Answers   func(path string) bool // reports whether there is something for programs at such a path; nil: nothing is known of that

	PublicURL string // where browsers see the pages
	Prefix    string // in front of every path, such as /api/v1; empty: nothing

	// Accept returns an address to go back to, as it may be put into a Location, and its origin; false: nobody is sent there.
	Accept func(address string) (location, origin string, ok bool)

	StatusOf func(authn.Code) int // the table from what went wrong to the HTTP status
	Now      func() time.Time
	Log      *slog.Logger

	MailsAreLogged bool // there is no mail server: the log has what people would be mailed

	// Applications returns what somebody may open, as authn.Gate does; nil: nothing is listed.
	Applications func(ctx context.Context, as authn.Request) ([]authn.Application, error)

	// Names reports whether an application has a route for a path of a host in particular; nil: none has.
	Names func(host, path string) bool

	MayRemember bool   // people are offered to be remembered when they sign in
	Folder      string // of templates, languages and a style in place of the built-in ones; empty: none
	Brand       Brand  // the zero value is Authly's own
}

// Pages serves the pages.
type Pages struct {
	cfg   Config
	host  string // of PublicURL
	pages []page
	look
	sameOrigin *headers.SameOrigin
}

// New returns the pages. An error may also be of what is in Config.Folder.
func New(cfg Config) (*Pages, error) {
	switch {
	case cfg.Logins == nil || cfg.Sessions == nil || cfg.Accounts == nil || cfg.Accept == nil:
		return nil, errors.New("web: Logins, Sessions, Accounts and Accept are required")
	case cfg.Trail == nil || cfg.Explainer == nil || cfg.Keys == nil || cfg.Owns == nil:
		return nil, errors.New("web: Trail, Explainer, Keys and Owns are required")
	case cfg.StatusOf == nil || cfg.Now == nil || cfg.Log == nil:
		return nil, errors.New("web: StatusOf, Now and Log are required")
	}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil {
		return nil, errors.New("web: PublicURL is no URL")
	}
	p := &Pages{cfg: cfg, host: hostOf(u)}
	if p.sameOrigin, err = headers.NewSameOrigin(cfg.PublicURL, headers.CORSConfig{}); err != nil {
		return nil, fmt.Errorf("web: PublicURL: %w", err)
	}
	p.pages = p.table()
	if p.look, err = readLook(cfg.Folder, p.pages, cfg.Prefix+assetsPath, cfg.Brand); err != nil {
		return nil, err
	}
	return p, nil
}

// Shows reports whether a decoded path is that of a page which can be opened, so that people can be sent back to it.
func (p *Pages) Shows(path string) bool {
	page, _ := p.find(path)
	return page != nil && !page.blind()
}

// Before answers requests for the pages, and hands all others on.
func (p *Pages) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, err := authn.ParsePath(r.URL.EscapedPath())
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		if _, _, ok := p.cfg.Domains.Cookie(headers.ExchangeOf(r.Context()).Origin.Host); ok {
			p.onOtherDomain(w, r, path, next)
		} else if page, vars := p.find(path); page != nil {
			p.serve(w, r, page, vars)
		} else if asset, ok := p.assets[path]; ok {
			p.publish(w, r, asset)
		} else if file := p.asked(r, path); file != nil {
			next.ServeHTTP(w, file)
		} else if p.serveAtRoot(w, r, path) {
			return
		} else if p.isLost(r, path) {
			p.findNothing(w, r, path)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// isHTTPS reports whether browsers see the pages with TLS: some of what they can be told they heed only then.
func (p *Pages) isHTTPS() bool { return strings.HasPrefix(p.cfg.PublicURL, "https:") }
