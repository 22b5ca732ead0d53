package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// HandoverPath is where browsers are handed over to a host of another domain, below the prefix, on that host.
const HandoverPath = "/auth/handover"

// onOtherDomain answers on a host of another domain than the login page's, where there is the hand-over and no page: people sign in
// and out at the one login page.
func (p *Pages) onOtherDomain(w http.ResponseWriter, r *http.Request, path string, next http.Handler) {
	switch path {
	case p.cfg.Prefix + HandoverPath:
		p.serveHandover(w, r)
	case p.cfg.Prefix + SignInPath, p.cfg.Prefix + signOutPath:
		to := p.cfg.PublicURL + path
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		leadOn(w, to, headers.RedirectStatus(r.Method))
	default:
		next.ServeHTTP(w, r)
	}
}

// serveHandover takes the code that a browser brings; who brings none is at the beginning. See authn.Handover.
func (p *Pages) serveHandover(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // not HEAD either: whoever takes a code must go on with it
		p.methodNotAllowed(w, r, "GET")
		return
	}
	if code := r.URL.Query().Get("code"); code != "" {
		p.takeOver(w, r, code)
		return
	}
	p.beginHandover(w, r)
}

// beginHandover gives a browser a state, or the one that it has once more, since several pages may be opened at once; and sends
// it to the login page.
func (p *Pages) beginHandover(w http.ResponseWriter, r *http.Request) {
	cookie, _, _ := p.cfg.SignIn.Domains.Cookie(hostOf(r))
	if cookie.Read(r.Header).Kind == authn.MalformedCredential { // it would be led here again and again
		p.refuseHandover(w, r, authn.Refuse(authn.CodeInvalidCredentials, notOurs), "")
		return
	}
	state := headers.HandoverState(r.Header)
	if state == "" {
		state = headers.NewHandoverState()
	}
	query := url.Values{"state": {authn.StateHash(state)}}
	if back := p.backHere(r); back != "" {
		query.Set("return", back)
	}
	if r.URL.Query().Get("posted") == "1" {
		query.Set("posted", "1")
	}
	w.Header().Set("Set-Cookie", headers.SetHandoverState(state))
	leadOn(w, p.cfg.PublicURL+p.cfg.Prefix+SignInPath+"?"+query.Encode(), http.StatusFound)
}

// backHere is the address on this host that somebody wanted to open, or its first page; empty: neither is served.
func (p *Pages) backHere(r *http.Request) string {
	host := hostOf(r)
	for _, wanted := range []string{r.URL.Query().Get("return"), "https://" + host + "/"} {
		if location, origin, ok := p.cfg.SignIn.Accept(wanted); ok && hostOfOrigin(origin) == host {
			return location
		}
	}
	return ""
}

// takeOver gives the browser the cookie of the domain, and sends it to where it wanted to go.
func (p *Pages) takeOver(w http.ResponseWriter, r *http.Request, code string) {
	cookie, domain, _ := p.cfg.SignIn.Domains.Cookie(hostOf(r))
	given, to, err := p.cfg.SignIn.Logins.TakeOver(r.Context(), code, authn.Taker{
		Host: hostOf(r), Domain: domain, State: headers.HandoverState(r.Header), Held: cookie.Read(r.Header), From: clientOf(r),
	})
	if err != nil {
		p.refuseHandover(w, r, authn.Fault(err), to)
		return
	}
	w.Header().Set("Set-Cookie", cookie.Set(given, p.cfg.SignIn.Now()))
	leadOn(w, to, http.StatusSeeOther)
}

// refuseHandover tells a person that it did not work. They go on by a link: a browser that goes on by itself might go round.
func (p *Pages) refuseHandover(w http.ResponseWriter, r *http.Request, e *authn.Error, to string) {
	v := signInView{Title: "You could not be signed in here", Text: "Please try again.", Folder: p.cfg.PublicURL + p.cfg.Prefix + folder, Back: to}
	p.showSignIn(w, r, p.note(w, r, e), v)
}

// handover is the address at which a browser with the session of a cookie is handed over to where it goes back to; empty: it need
// not be, or did not begin there.
func (p *Pages) handover(r *http.Request, cookie string, v signInView) (address string, err error) {
	host, states := hostOfOrigin(v.origin), r.URL.Query()["state"]
	if _, _, ok := p.cfg.SignIn.Domains.Cookie(host); !ok || len(states) != 1 || !authn.IsStateHash(states[0]) {
		return "", nil
	}
	code, err := p.cfg.SignIn.Logins.HandOver(r.Context(), cookie, authn.Handover{Host: host, State: states[0], To: v.Back})
	if err != nil {
		return "", err
	}
	return v.origin + p.cfg.Prefix + HandoverPath + "?code=" + url.QueryEscape(code), nil
}

// leadOn sends a browser somewhere. Nobody keeps that, or is told where it came from.
func leadOn(w http.ResponseWriter, to string, status int) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", to)
	w.WriteHeader(status)
}

func hostOf(r *http.Request) string { return headers.ExchangeOf(r.Context()).Origin.Host }

// hostOfOrigin is the host of an origin as Accept returns it.
func hostOfOrigin(origin string) string {
	_, authority, _ := strings.Cut(origin, "://")
	host, _ := headers.NormalizeHost(authority)
	return host
}
