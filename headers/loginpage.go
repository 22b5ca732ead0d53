package headers

import (
	"net/http"
	"net/url"
	"strings"
)

// LoginPage is the address of the login page: empty, or absolute.
type LoginPage string

// Asked is a request that needs somebody to sign in, as its client sent it.
type Asked struct {
	Method, Scheme string
	Authority      string // host and port
	Target         string // path and query
	Header         http.Header
}

// longestCarried bounds the address that is carried along: the answer must fit into what front proxies read.
const longestCarried = 2 << 10

// For is the address of the login page that leads back to what was asked for. A request that would have changed something can not be
// sent again: its page says so, and leads back to the page with the form.
func (p LoginPage) For(asked Asked) string {
	back := asked.Scheme + "://" + withoutOwnPort(asked.Scheme, asked.Authority)
	query := ""
	if isSafe(asked.Method) {
		back += asked.Target
	} else {
		back, query = formOf(back, asked.Header), "&posted=1"
	}
	if path, _, _ := strings.Cut(back, "?"); len(back) > longestCarried {
		back = path
	}
	if len(back) > longestCarried {
		return string(p)
	}
	return string(p) + "?return=" + url.QueryEscape(back) + query
}

// formOf is the page of an origin that sent a form, as the browser tells; else the origin's first page.
func formOf(origin string, h http.Header) string {
	if page := single(h["Referer"]); strings.HasPrefix(page, origin+"/") {
		return page
	}
	return origin + "/"
}

// withoutOwnPort drops the port that a scheme has anyway.
func withoutOwnPort(scheme, authority string) string {
	return strings.TrimSuffix(authority, ":"+effectivePort(scheme, ""))
}

// RedirectStatus is the status by which a request is sent to the login page, so that a browser gets the page there with GET and takes no
// form along.
func RedirectStatus(method string) int {
	if method == http.MethodGet || method == http.MethodHead {
		return http.StatusFound
	}
	return http.StatusSeeOther
}
