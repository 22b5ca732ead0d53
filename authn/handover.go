package authn

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// A browser sends the session cookie of the login page to one site alone. To be known on hosts of another root domain as well, it
// is handed over there:
//
//  1. Who opens a page of app.example.net without a session is sent to Authly's hand-over path on that very host, which gives
//     the browser a state: a random value in a cookie of that host, which no other host can set or read.
//  2. From there it goes to the login page, with the hash of the state. Who is signed in, or has just done so, is sent back to the
//     hand-over path with a code.
//  3. There the code is taken, once, and the browser gets a second cookie of the same session, that of example.net.
//
// The code is a statement that a key of its own purpose signs: for which host, for the browser with which state, and where it goes
// on. What nobody has signed costs no look at the store, where anybody can ask; and no address to go on to, which may tell of
// private things, lies in the database or is taken from there. The store has what a signature can not give: the hash of the code's
// random name, which is removed by the first who comes with it, on whatever replica, and the cookie that it was issued for.
//
// What was thought of:
//
//   - Somebody is to be signed in as the attacker without noticing (login CSRF, session fixation), by a link with a code that the
//     attacker got: it is for the attacker's state, and their browser has another or none.
//   - A code is read by somebody else, in a log of a proxy, a history, a Referer: it was taken before it could be logged, it is good
//     for 30 seconds, and it is of no use without the state, which is in no address; its hash does not give it. The pages on the way say
//     no-store and no-referrer. A code that was brought with the wrong state, or to another host, is taken all the same.
//   - A page of the attacker sends somebody who is signed in to the login page with a return address, or with the attacker's state:
//     the address must be that of a route, as ever, and the code goes to that host in the browser of who is signed in.
//   - The code of a host is brought to another, whose application may have begun the hand-over: the statement names the host.
//   - A code is used twice, at once, on two replicas: one DELETE of a row has one winner. The session does not end by it, unlike by a
//     second use of a refresh token: who shows the state as well is the same browser, which loads the page again.
//   - The session has ended, its user is disabled, or the password has changed between issue and use: the store looks at the
//     session when the code is taken, and what was issued for a cookie is gone with that cookie. A stolen cookie can not be saved
//     beyond a change of the password by a code that was fetched before.
//   - An application of example.net reads the cookie that browsers send there, and brings it to the login page, to change the
//     password or to be handed over elsewhere: a cookie is a credential on the hosts of its own domain, and nowhere else. Authly's
//     endpoints and pages take that of the login page alone.
//   - An application has its own page take the place of the hand-over, which is of the same origin (by a service worker), and takes the code
//     itself, with a state that it has set. It gets the cookie of its own domain by that and no other; see the next.
//   - A host of example.net that is not trusted sets a cookie for the whole domain. As with cookies.domain, a second one makes both
//     worthless, and one alone is the attacker's session. That domain is one to be trusted: the documentation says so.
//   - What is handed over, when it is to end: it is the same session, so a logout, a limit of time or an administrator ends all
//     of its cookies at once, within the same bound.

// HandoverTTL is how long a browser may take from the login page to the other domain.
const HandoverTTL = 30 * time.Second

// handoverType is the header's typ of a hand-over's statement (RFC 8725 section 3.11).
const handoverType = "authly-handover+jwt"

// Handover is where a browser is handed over to.
type Handover struct {
	Host  string // that the code is for: see headers.NormalizeHost
	State string // the StateHash of what the browser was given there
	To    string // the address that it goes on to, of that host
}

// HandoverTicket is what the store keeps of a hand-over until it is taken.
type HandoverTicket struct {
	Hash      string // SHA-256 of its name, 64 lower-case hex digits, unique
	Cookie    string // the hash of the cookie that it was issued for
	ExpiresAt time.Time
}

// HandoverStore keeps hand-overs. Every method is atomic, and safe against the same call on another replica. None of them is an event:
// the session began before, and goes on.
type HandoverStore interface {
	// KeepHandover keeps one, which is gone when its cookie is. ErrTokenNotFound if there is no such cookie.
	KeepHandover(ctx context.Context, t HandoverTicket) error

	// TakeHandover removes a hand-over and keeps c, whose SessionID and ExpiresAt it fills in from the cookie that it was issued
	// for. It returns what it kept, and the session. Of any number of simultaneous calls one succeeds. ErrTokenSpent if there is no
	// such hand-over, or it is expired at c.CreatedAt or its session does not live by the policy; ErrUserInactive. Of the cookies
	// of one session and domain the last few stay, and replicas are told of the others with a TokenEnded change.
	TakeHandover(ctx context.Context, hash string, c Cookie, policy SessionPolicy) (Session, Cookie, error)

	// DropHandover removes a hand-over. No error if there is none.
	DropHandover(ctx context.Context, hash string) error

	// PurgeHandovers removes those that expired before the given time, and reports how many.
	PurgeHandovers(ctx context.Context, before time.Time) (int, error)
}

// HandOver issues a code that takes the session of a cookie, that of the login page, to another domain.
//
// Errors: CodeInvalidCredentials for a cookie that is not good.
func (l *Logins) HandOver(ctx context.Context, value string, to Handover) (code string, err error) {
	_, _, cookie, err := l.owner(ctx, Credentials{Kind: CookieCredential, Token: value})
	if err != nil {
		return "", err
	}
	key, expires := l.cfg.Keys.signer(SignHandover), l.cfg.Now().Add(HandoverTTL)
	if key == nil {
		return "", unsigned(nil)
	}
	c := handoverClaims{
		Issuer: l.cfg.Issuer, Audience: to.Host, ExpiresAt: seconds(expires.Unix()), ID: hex.EncodeToString(randomBytes(32)),
		State: to.State, To: to.To,
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", Fault(err)
	}
	if code, err = key.sign(handoverType, payload); err != nil {
		return "", unsigned(err)
	}
	switch err := l.cfg.Store.KeepHandover(ctx, HandoverTicket{Hash: hashCookie(c.ID), Cookie: cookie.Hash, ExpiresAt: expires}); {
	case errors.Is(err, ErrTokenNotFound):
		return "", errBadCookie
	case err != nil:
		return "", Fault(err)
	}
	return code, nil
}

// Taker is the browser that comes with a code.
type Taker struct {
	Host   string // that it came to
	Domain string // whose cookie it is to have
	State  string // that it was given there; empty: none
	Held   Credentials
	From   Client
}

var errBadHandover = Refuse(CodeInvalidRequest, "This way in was used before, has expired, or was meant for another browser")

// TakeOver takes a code: the browser gets a cookie of the domain, of the session that the code was issued for. The session that
// it held there before, if that is another one, ends: it has no way back to it. to is also told beside an error where the code is
// Authly's own and for this host, so that people can be led on.
//
// Errors: CodeInvalidRequest.
func (l *Logins) TakeOver(ctx context.Context, code string, by Taker) (given BrowserCookie, to string, err error) {
	c, err := l.readHandover(code)
	switch {
	case errors.Is(err, ErrUnavailable):
		return given, "", Fault(err)
	case err != nil:
		return given, "", errBadHandover
	}
	hash, now := hashCookie(c.ID), l.cfg.Now()
	if c.Audience == by.Host {
		to = c.To
	}
	isTheirs := IsHandoverState(by.State) && subtle.ConstantTimeCompare([]byte(StateHash(by.State)), []byte(c.State)) == 1
	if c.Audience != by.Host || !isTheirs || now.Unix() >= int64(c.ExpiresAt) {
		if err := l.cfg.Store.DropHandover(ctx, hash); err != nil {
			return given, to, Fault(err)
		}
		return given, to, errBadHandover
	}
	given.Value = l.NewCookieValue()
	session, kept, err := l.cfg.Store.TakeHandover(ctx, hash, Cookie{
		Hash: hashCookie(given.Value), Domain: by.Domain, CreatedAt: now,
	}, l.cfg.Sessions)
	switch {
	case errors.Is(err, ErrTokenSpent), errors.Is(err, ErrUserInactive):
		return BrowserCookie{}, to, errBadHandover
	case err != nil:
		return BrowserCookie{}, to, Fault(err)
	}
	if by.Held.Kind == CookieCredential {
		l.endHeld(ctx, by.Held, session.ID, by.From)
	}
	given.ExpiresAt, given.Keep = kept.ExpiresAt, session.Remembered
	return given, to, nil
}
