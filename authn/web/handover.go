package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// HandoverPath is where browsers are handed over to a host of another domain, on that host, below the prefix.
const HandoverPath = "/auth/handover"

// onOtherDomain answers on a host of another domain than the login page's: there is the hand-over, and what its page is drawn with.
// All other pages are at the one address, where their cookie is.
func (p *Pages) onOtherDomain(w http.ResponseWriter, r *http.Request, path string, next http.Handler) {
	v := p.newVisit(w, r, &page{who: anyone, name: "handover"}, nil)
	asset, isAsset := p.assets[path]
	switch page, _ := p.find(path); {
	case path == p.cfg.Prefix+HandoverPath:
		beginWait(w, r)
		v.secret = true
		v.handOver()
	case page != nil:
		beginWait(w, r)
		v.sendHome(r.URL.RawQuery)
	case isAsset:
		p.publish(w, r, asset)
	default:
		next.ServeHTTP(w, r)
	}
}

// handOver takes the code that a browser brings; one that brings none is at the beginning of the way. See authn.Handover.
func (v *visit) handOver() {
	switch code := v.r.URL.Query().Get("code"); {
	case v.r.Method != http.MethodGet: // not HEAD either: whoever takes a code must go on with it
		v.w.Header().Set("Allow", http.MethodGet)
		v.refuse(authn.Refuse(authn.CodeMethodNotAllowed, "Method not allowed"))
	case code != "":
		v.takeOver(code)
	default:
		v.beginHandover()
	}
}

// beginHandover gives the browser a state, or the one that it has once more, since several pages may be opened at once; and sends it
// to the login page.
func (v *visit) beginHandover() {
	cookie, _, _ := v.cfg.Domains.Cookie(v.host())
	if cookie.Read(v.r.Header).Kind == authn.MalformedCredential { // with a second cookie it would be led here again and again
		v.title, v.wrong = v.t("error.title"), authn.Refuse(authn.CodeInvalidRequest, "")
		v.draw(v.note(v.wrong), "message", message{Text: v.t("signin.not_ours")})
		return
	}
	state := headers.HandoverState(v.r.Header)
	if state == "" {
		state = authn.NewHandoverState()
	}
	query := url.Values{"state": {authn.StateHash(state)}}
	if back := v.backHere(); back != "" {
		query.Set("return", back)
	}
	if v.r.URL.Query().Get("posted") == "1" {
		query.Set("posted", "1")
	}
	v.w.Header().Set("Set-Cookie", headers.SetHandoverState(state))
	v.sendOn(v.cfg.PublicURL + v.path(SignInPath) + "?" + query.Encode())
}

// backHere is the address on this host that somebody wanted to open, or its first page; empty: neither is served.
func (v *visit) backHere() string {
	for _, wanted := range []string{v.r.URL.Query().Get("return"), "https://" + v.host() + "/"} {
		if location, origin, ok := v.cfg.Accept(wanted); ok && hostOfOrigin(origin) == v.host() {
			return location
		}
	}
	return ""
}

// takeOver gives the browser the cookie of the domain, and sends it to where it wanted to go. If it cannot, a person goes on by a link:
// a browser that does so by itself might go round and round.
func (v *visit) takeOver(code string) {
	cookie, domain, _ := v.cfg.Domains.Cookie(v.host())
	given, to, err := v.cfg.Logins.TakeOver(v.r.Context(), code, authn.Taker{
		Host: v.host(), Domain: domain, State: headers.HandoverState(v.r.Header), Held: cookie.Read(v.r.Header), From: v.client(),
	})
	if err == nil {
		v.w.Header().Set("Set-Cookie", cookie.Set(given, v.cfg.Now()))
		v.sendOn(to)
		return
	}
	var next []link
	if to != "" {
		next = []link{{Text: v.t("handover.again"), Href: to}}
	}
	v.title, v.wrong = v.t("error.title"), authn.Fault(err)
	v.draw(v.note(v.wrong), "message", message{Next: next})
}

// leadOn is where who is signed in and on the way to another domain goes at once; empty: nowhere. Nobody goes on who has not asked to
// see the page, such as by a prefetch.
func (v *visit) leadOn() (to string, err error) {
	if v.caller == nil || !headers.IsNavigation(v.r.Method, v.r.Header) {
		return "", nil
	}
	return v.handover(v.cfg.Cookie.Read(v.r.Header).Token)
}

// handover is the address at which the browser with a cookie is handed over to where it goes back to; empty: it need not be, or has
// not been there to begin.
func (v *visit) handover(cookie string) (to string, err error) {
	back, origin := v.back()
	host, states := hostOfOrigin(origin), v.r.URL.Query()["state"]
	if _, _, ok := v.cfg.Domains.Cookie(host); !ok || len(states) != 1 || !authn.IsStateHash(states[0]) {
		return "", nil
	}
	code, err := v.cfg.Logins.HandOver(v.r.Context(), cookie, authn.Handover{Host: host, State: states[0], To: back})
	if err != nil {
		return "", err
	}
	return origin + v.path(HandoverPath) + "?code=" + url.QueryEscape(code), nil
}

// sendOn is redirect where nobody may be told of the address.
func (v *visit) sendOn(to string) {
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	v.redirect(to)
}

// host is the one that the request was sent to.
func (v *visit) host() string { return headers.ExchangeOf(v.r.Context()).Origin.Host }

// hostOfOrigin is the host of an origin as Accept returns it; empty: there is none.
func hostOfOrigin(origin string) string {
	_, authority, _ := strings.Cut(origin, "://")
	host, _ := headers.NormalizeHost(authority)
	return host
}
