package web

import (
	"net/http"
	"net/url"

	"github.com/descoped/authly/headers"
)

// What programs that keep passwords ask every site for, at its root: where a password is changed (W3C, A Well-Known URL for Changing
// Passwords), and something that cannot be there, by whose answer they tell whether the status of the other means anything.
const (
	changePage    = "/.well-known/change-password"
	cannotBeThere = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
)

// OwnsAtRoot reports whether a decoded path, whatever the prefix, is one of these, at the host of the pages. An application that has a
// route for it, and not only one for every path, is not kept from it.
func (p *Pages) OwnsAtRoot(host, path string) bool {
	if path != changePage && path != cannotBeThere || host != p.host {
		return false
	}
	return p.cfg.Names == nil || !p.cfg.Names(host, path)
}

// serveAtRoot answers there, and reports whether it has.
func (p *Pages) serveAtRoot(w http.ResponseWriter, r *http.Request, path string) bool {
	switch path {
	case changePage:
		beginWait(w, r)
		w.Header().Set("Location", p.cfg.PublicURL+p.cfg.Prefix+passwordPath)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusFound)
	case cannotBeThere:
		beginWait(w, r)
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
	default:
		return false
	}
	return true
}

// hostOf is the host of the pages as requests' hosts are brought to.
func hostOf(u *url.URL) string {
	host, err := headers.NormalizeHost(u.Host)
	if err != nil {
		return "" // which is nobody's
	}
	return host
}
