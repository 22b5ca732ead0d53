package main_test

import (
	"net/http"
	"slices"
	"testing"
)

// end moves sessions from the living to those that are over.
func (p *holder) end(sessions ...*held) {
	p.over = append(p.over, sessions...)
	p.living = slices.DeleteFunc(slices.Clone(p.living), func(h *held) bool { return slices.Contains(sessions, h) })
}

// settle holds a server that was started after a kill to what it had promised before. Afterwards nothing is in doubt.
func (p *holder) settle(t *testing.T, a *authly, seen *tally) {
	t.Helper()
	p.settleLeaving(t, a, seen)
	for _, h := range slices.Clone(p.living) {
		p.settleLiving(t, a, seen, h)
	}
	for _, h := range p.over {
		a.wantOver(t, "a session that has ended", h)
	}
	for range min(5, len(p.old)) {
		a.wantOver(t, "a session that had ended before an earlier kill", p.old[p.random.IntN(len(p.old))])
	}
	p.old, p.over = append(p.old, p.over...), nil
}

// settleLeaving decides on what a logout was under way for: all of it is over, or none, and then it can be tried again.
func (p *holder) settleLeaving(t *testing.T, a *authly, seen *tally) {
	t.Helper()
	var leaving []*held
	alive := 0
	for _, h := range p.living {
		if h.leaving {
			leaving = append(leaving, h)
			if a.accepts(t, h.pair.Access) {
				alive++
			}
		}
	}
	switch {
	case len(leaving) == 0:
		return
	case alive == 0:
		seen.done.Add(1)
		p.end(leaving...)
		a.must(t, http.StatusUnauthorized, "POST", "/auth/logout", leaving[0].pair.Access, "")
	case alive == len(leaving):
		seen.undone.Add(1)
		a.must(t, http.StatusOK, "POST", "/auth/logout", leaving[0].pair.Access, "")
		p.end(p.living...)
	default:
		t.Errorf("%s: a logout that was cut has left %d of %d sessions", p.name, alive, len(leaving))
	}
}

// settleLiving checks a session that nobody has ended, and uses its refresh token and now and then a spent one.
func (p *holder) settleLiving(t *testing.T, a *authly, seen *tally, h *held) {
	t.Helper()
	if !a.accepts(t, h.pair.Access) {
		t.Errorf("%s: an access token that was answered is refused; a refresh was under way: %v", p.name, h.refreshing)
		p.end(h)
		return
	}
	before := h.pair.Access
	answer := a.refresh(t, h.pair.Refresh)
	switch {
	case answer.status == http.StatusOK:
		if h.refreshing {
			seen.undone.Add(1)
		}
		h.refreshed(pairIn(t, answer))
	case answer.status == http.StatusUnauthorized && h.refreshing:
		seen.done.Add(1) // and this was its second use, which ends the session
		p.end(h)
		return
	default:
		t.Errorf("%s: a refresh token that was answered: %d %s; another refresh was under way: %v", p.name, answer.status, answer.body, h.refreshing)
		p.end(h)
		return
	}
	for _, access := range []string{before, h.pair.Access} {
		if !a.accepts(t, access) {
			t.Errorf("%s: an access token is refused after a refresh", p.name)
		}
	}
	if p.random.IntN(3) == 0 {
		seen.reused.Add(1)
		a.must(t, http.StatusUnauthorized, "POST", "/auth/refresh", "", refreshBody(t, h.spent[p.random.IntN(len(h.spent))]))
		p.end(h)
	}
}

// accepts reports whether an access token is good, which the endpoints and the gateway must agree on.
func (a *authly) accepts(t *testing.T, access string) bool {
	t.Helper()
	endpoint, door := a.do(t, "GET", "/users/me", access, "").status, a.do(t, "GET", "/x", access, "").status
	if endpoint != door || endpoint != http.StatusOK && endpoint != http.StatusUnauthorized {
		t.Errorf("a token is answered with %d by an endpoint and with %d by the gateway", endpoint, door)
	}
	return door == http.StatusOK
}

// wantOver checks that no token of a session is good for anything.
func (a *authly) wantOver(t *testing.T, what string, h *held) {
	t.Helper()
	if a.accepts(t, h.pair.Access) {
		t.Errorf("%s: its access token is accepted", what)
	}
	for _, token := range slices.Concat(h.spent[max(0, len(h.spent)-2):], []string{h.pair.Refresh}) {
		if answer := a.refresh(t, token); answer.status != http.StatusUnauthorized {
			t.Errorf("%s: a refresh token of it: %d %s", what, answer.status, answer.body)
		}
	}
}
