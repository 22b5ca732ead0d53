package web

import (
	"net/http"
	"net/url"
)

// Where browsers find the files that pages lead to. Programs have them elsewhere; but a front proxy may hand Authly no more of an
// application's host than what is below /auth.
const (
	dataFilePath  = dataPath + "/file"
	auditFilePath = auditPath + "/file"
)

// asked is a request for such a file as its endpoint takes it, which also finds out who may have it; nil: it is for something else.
func (p *Pages) asked(r *http.Request, path string) *http.Request {
	var endpoint string
	switch path {
	case p.cfg.Prefix + dataFilePath:
		endpoint = "/users/me/export"
	case p.cfg.Prefix + auditFilePath:
		endpoint = "/audit"
	default:
		return nil
	}
	file := r.WithContext(r.Context())
	file.URL = &url.URL{Path: p.cfg.Prefix + endpoint, RawQuery: r.URL.RawQuery}
	return file
}
