package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// A visit is one request for one page, parsed.
type visit struct {
	*Pages
	w      http.ResponseWriter
	r      *http.Request
	page   *page
	vars   map[string]string // what stands for the variables of the page's path
	caller *authn.Identity   // nil: nobody is signed in, which only pages for anyone meet
	nobody error             // why; nil: somebody is
	tongue *tongue           // what the person reads
	sent   form              // nil: no form was sent
	filled form              // what the fields hold that were not sent
	wrong  *authn.Error      // with what was sent
	title  string            // in place of the page's own; empty: that
	origin string            // where the answer to the form may lead to, beside here
	secret bool              // nobody may be told of the address
}

func (p *Pages) newVisit(w http.ResponseWriter, r *http.Request, pg *page, vars map[string]string) *visit {
	return &visit{Pages: p, w: w, r: r, page: pg, vars: vars, tongue: p.languages.of(r.Header), filled: form{}}
}

// serve answers a request for a page.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, pg *page, vars map[string]string) {
	beginWait(w, r)
	v := p.newVisit(w, r, pg, vars)
	switch {
	case pg.who != anyone && v.host() != p.host:
		v.callHome()
	case isRead(r) && !pg.blind():
		v.open()
	case r.Method == http.MethodPost && pg.act != nil:
		v.submit()
	default:
		v.methodNotAllowed()
	}
}

// sendHome leads to the same page on the host of the public URL.
func (v *visit) sendHome(query string) {
	to := v.cfg.PublicURL + v.r.URL.EscapedPath()
	if query != "" {
		to += "?" + query
	}
	v.redirect(to)
}

// calledHome is in the query of who was sent home.
const calledHome = "home"

// callHome sends home who has come to another host. What people do with their account, and administrators with everybody's, is done there
// alone: an application on another host has pages of the same origin as those that Authly would serve on it, and a script that gets into
// one of them could do whatever its visitors can.
//
// Who comes here from there is told what is wrong, and not sent round in a circle: the proxy in front does not say what host it was asked for.
func (v *visit) callHome() {
	query := v.r.URL.Query()
	if query.Has(calledHome) {
		v.cfg.Log.WarnContext(v.r.Context(), "a page is asked for by another host than that of server.public_url, though the browser is there: "+
			"the proxy in front must send on Host, or X-Forwarded-Host and be one of server.trusted_proxies", "host", v.host())
		v.refuse(authn.Refuse(authn.CodeBadRequestLine, "The proxy in front of this page does not say which host was asked for"))
		return
	}
	query.Set(calledHome, "1")
	v.sendHome(query.Encode())
}

// open shows the page, and does nothing else.
func (v *visit) open() {
	if err := v.know(); err != nil {
		v.turnAway(authn.Fault(err))
		return
	}
	if v.page.lead != nil {
		switch to, err := v.page.lead(v); {
		case err != nil:
			v.refuse(authn.Fault(err))
			return
		case to != "":
			v.sendOn(to)
			return
		}
	}
	v.show(http.StatusOK)
}

// submit does what the form asks for. A form that another page sends is not even looked at.
func (v *visit) submit() {
	if v.sameOrigin.Refuses(v.r.Method, v.r.Host, v.r.Header) {
		v.refuse(authn.Refuse(authn.CodeOriginRefused, "This form was sent from another page. Open this one and try again."))
		return
	}
	if err := v.know(); err != nil {
		v.turnAway(authn.Fault(err))
		return
	}
	if err := v.obey(); err != nil {
		v.comeBack(authn.Fault(err))
	}
}

// obey reads the form, if it has fields, and does what it asks for.
func (v *visit) obey() (err error) {
	v.sent = form{}
	if len(v.page.fields) > 0 {
		if v.sent, err = readForm(v.w, v.r, v.page.fields); err != nil {
			return err
		}
	}
	return v.page.act(v)
}

// know finds out who is asking, and whether the page is for them.
func (v *visit) know() error {
	caller, err := v.cfg.Logins.Authenticate(v.r.Context(), v.cfg.Cookie.Read(v.r.Header))
	if err == nil {
		caller.From = v.client()
		headers.ExchangeOf(v.r.Context()).User = caller.Username
		v.caller = caller
	}
	v.nobody = err
	switch {
	case v.page.who == anyone:
		return nil
	case err != nil:
		return err
	case v.page.who == administrators && !caller.Admin:
		return authn.Refuse(authn.CodeForbidden, "This page is for administrators.")
	}
	return nil
}

// isNobody reports whether an error says no more than that nobody is signed in.
func isNobody(e *authn.Error) bool {
	return e.Code == authn.CodeNoCredentials || e.Code == authn.CodeInvalidCredentials
}

// turnAway answers who may not open the page: who is not signed in may do that, and comes back; who is may do so as somebody else.
func (v *visit) turnAway(e *authn.Error) {
	if e.Code == authn.CodeForbidden {
		v.keepOut(e)
		return
	}
	if !isNobody(e) {
		v.refuse(e)
		return
	}
	query := url.Values{"return": {v.cfg.PublicURL + v.r.URL.EscapedPath()}}
	if !isRead(v.r) {
		query.Set("posted", "1")
	} else if v.r.URL.RawQuery != "" {
		query.Set("return", query.Get("return")+"?"+v.r.URL.RawQuery)
	}
	headers.ExchangeOf(v.r.Context()).Reason = string(e.Code)
	v.redirect(v.cfg.PublicURL + v.path(SignInPath) + "?" + query.Encode())
}

// show writes the page, or says why it cannot.
func (v *visit) show(status int) {
	var data any
	if v.page.show != nil {
		var err error
		if data, err = v.page.show(v); err != nil {
			v.refuse(authn.Fault(err))
			return
		}
	}
	if v.wrong != nil && status == http.StatusOK { // what stands in the address is a form as well
		status = v.note(v.wrong)
	}
	v.draw(status, v.page.name, data)
}

// comeBack shows the form again, and what was wrong with it.
func (v *visit) comeBack(e *authn.Error) {
	if v.page.blind() {
		v.refuse(e)
		return
	}
	v.wrong = e
	v.show(v.note(e))
}

// refuse says that something is wrong, in place of the page. Of what is nobody's mistake but Authly's own, operators are told by the id of
// the request, and there is a link to try again.
func (v *visit) refuse(e *authn.Error) {
	if v.cfg.StatusOf(e.Code) >= http.StatusInternalServerError {
		v.keepOut(e)
		return
	}
	v.wrong, v.title = e, v.t("error.title")
	v.draw(v.note(e), "message", nil)
}

// goTo sends the browser to another page of Authly's, with what is to be said there by its name, said.NAME; empty: nothing.
func (v *visit) goTo(path, said string) {
	to := v.cfg.PublicURL + v.path(path)
	if said != "" {
		to += "?" + url.Values{"said": {said}}.Encode()
	}
	v.redirect(to)
}

// redirect answers with where to go on. Nobody keeps it.
func (v *visit) redirect(to string) {
	h := v.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Location", to)
	h.Set("Content-Length", "0")
	v.w.WriteHeader(http.StatusSeeOther)
}

// tell shows a page that only says something, by the names NAME.title and NAME.text, and where to go on.
func (v *visit) tell(name string, next ...link) {
	v.title = v.t(name + ".title")
	v.draw(http.StatusOK, "message", message{Text: v.t(name + ".text"), Next: next})
}

// message is what the template of that name shows.
type message struct {
	Text string
	Next []link
}

// link leads to another page.
type link struct {
	Text, Href string
	Current    bool // it is the page on which it stands
}

// path is an address below the prefix.
func (v *visit) path(path string) string { return v.cfg.Prefix + path }

// t is a text by its name, with what it names by pairs of name and value. The value of Count decides between singular and plural.
func (v *visit) t(name string, args ...any) string { return v.tongue.t(name, args...) }

// client says where the request comes from.
func (v *visit) client() authn.Client {
	const most = 512 // bytes of a user agent
	x, agent := headers.ExchangeOf(v.r.Context()), v.r.UserAgent()
	if len(agent) > most {
		agent = agent[:most]
	}
	return authn.Client{Address: x.Origin.Client, UserAgent: strings.ToValidUTF8(agent, "?"), RequestID: x.ID}
}

// note tells the logs of what went wrong, and the browser when to try again, and returns the status.
func (v *visit) note(e *authn.Error) (status int) {
	status = v.cfg.StatusOf(e.Code)
	exchange := headers.ExchangeOf(v.r.Context())
	exchange.Reason = string(e.Code)
	if status >= http.StatusInternalServerError {
		v.cfg.Log.ErrorContext(v.r.Context(), "request failed", "request_id", exchange.ID, "method", v.r.Method, "code", string(e.Code), "error", e.Cause)
	}
	if e.RetryAfter > 0 {
		v.w.Header().Set("Retry-After", headers.Seconds(e.RetryAfter))
	}
	return status
}

func (v *visit) methodNotAllowed() {
	allow := "GET, HEAD"
	switch {
	case v.page.blind():
		allow = "POST"
	case v.page.act != nil:
		allow = "GET, HEAD, POST"
	}
	v.w.Header().Set("Allow", allow)
	v.refuse(authn.Refuse(authn.CodeMethodNotAllowed, "Method not allowed"))
}
