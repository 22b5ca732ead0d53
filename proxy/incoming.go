package proxy

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

var (
	errUninvited = errors.New("the upstream switched protocols without being asked to")
	errNoStatus  = errors.New("the status of the upstream's answer is none")
)

// judgeStatus returns what is wrong with the status of an answer. http.ReadResponse takes any three digits for one, and net/http
// panics where it is to write one below 100.
func judgeStatus(status int, switches bool) error {
	switch {
	case status < 100:
		return errNoStatus
	case status == http.StatusSwitchingProtocols && !switches:
		return errUninvited // to ReverseProxy, two missing Upgrade headers are the same
	}
	return nil
}

// modifyResponse makes the answer that the client gets of the upstream's.
func (u *upstream) modifyResponse(res *http.Response) error {
	p := passageOf(res.Request.Context())
	if err := judgeStatus(res.StatusCode, p.webSocket); err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		if err := p.stream.answering(); err != nil {
			return err
		}
	}
	if p.stripCORS {
		headers.StripCORS(res.Header)
	}
	dropOwnSetCookies(res.Header)
	u.security.Merge(res.Header, headers.ExchangeOf(res.Request.Context()).Origin.Scheme == "https")
	mergeAnswer(res.Header, p.answer)
	p.closeUnlessRead(res.Header)
	return nil
}

// mergeAnswer sets on an answer what was to be on it before the upstream was asked. Vary and what tells of limits are
// lists to which both contribute; everything else is ours alone.
func mergeAnswer(h, ours http.Header) {
	for name, values := range ours {
		switch {
		case name == "Vary":
			values = mergeVary(h[name], values)
		case headers.IsRateLimit(name):
			values = append(slices.Clip(h[name]), values...)
		}
		h[name] = values
	}
}

// varies reports whether the lines of a Vary header already name every field of value.
func varies(lines []string, value string) bool {
	named := map[string]bool{}
	for field := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		named[strings.ToLower(strings.TrimSpace(field))] = true
	}
	for field := range strings.SplitSeq(value, ",") {
		if !named[strings.ToLower(strings.TrimSpace(field))] {
			return named["*"]
		}
	}
	return true
}

// handleError answers for an upstream that did not, to ReverseProxy.
func (u *upstream) handleError(w http.ResponseWriter, r *http.Request, err error) {
	u.failed(w, r, passageOf(r.Context()), err)
}

// failed answers for an upstream that did not.
func (u *upstream) failed(w http.ResponseWriter, r *http.Request, p *passage, err error) {
	x := exchangeOf(r)
	if ended := p.stream.refusing(); ended != nil && !begun(w) {
		u.refuse(w, r, p, ended.answer)
		return
	}
	if context.Cause(r.Context()) != nil || p.body != nil && p.body.cut.Load() {
		// Nobody is left to read an answer; and net/http would make one of 200 of a handler that merely returns.
		x.Reason = reasonClientGone
		panic(http.ErrAbortHandler)
	}
	refusal := u.failure(err, p)
	u.door.cfg.Log.LogAttrs(r.Context(), slog.LevelWarn, "upstream failed",
		slog.String("request_id", x.ID), slog.String("route", u.name),
		slog.String("reason", string(refusal.Code)), slog.String("error", describe(err)))
	if begun(w) {
		x.Reason = string(refusal.Code)
		panic(http.ErrAbortHandler)
	}
	u.refuse(w, r, p, refusal)
}

// refuse answers in the upstream's place.
func (u *upstream) refuse(w http.ResponseWriter, r *http.Request, p *passage, refusal *authn.Error) {
	if p.answer != nil {
		clear(w.Header())
		maps.Copy(w.Header(), p.answer)
	}
	p.closeUnlessRead(w.Header())
	u.door.refuse(w, r, refusal)
}

// describe returns an error's text for the log, without what it quotes of an answer: that is the application's, and may be
// secret.
func describe(err error) string {
	text, quoted, _ := strings.Cut(err.Error(), `"`)
	if before, _, found := strings.Cut(text, "malformed"); found {
		text, quoted = before+"malformed answer", ""
	}
	if quoted != "" {
		text += "(…)"
	}
	return plain(text, 256)
}

// failure says whose fault it was. An upstream to which no connection could be made is down, however long that took; one
// that has a connection and did not answer in time is slow.
func (u *upstream) failure(err error, p *passage) *authn.Error {
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case p.body != nil && p.body.broken.Load():
		return &authn.Error{Code: authn.CodeBadRequestLine, Detail: "The request body could not be read", Cause: err}
	case isConnectError(err):
		return &authn.Error{Code: authn.CodeUpstreamDown, Detail: "The application is not available", Cause: err}
	case isNet && timeout.Timeout():
		return &authn.Error{Code: authn.CodeUpstreamSlow, Detail: "The application did not answer in time", Cause: err}
	}
	return &authn.Error{Code: authn.CodeUpstreamDown, Detail: "The application is not available", Cause: err}
}
