package authn

import (
	"net/netip"
	"sync/atomic"

	"github.com/google/uuid"
)

// Identity is who is calling, as the store knew them when the credential was checked.
type Identity struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	Username  string
	Email     string
	Roles     []string
	Admin     bool // an administrator of Authly; known to Logins, not to Checker

	// What the access token can be taken back by: its own id, that of the key that signed it, and that of the key of its
	// encrypted claims, if it has any.
	JTI, KeyID, SealedBy string

	// Cookie is the session cookie that it came with, whose hash is the JTI then; nil: it came with an access token.
	Cookie *HeldCookie

	// From is where the request came from, for the audit trail; zero: not told, as to applications' requests.
	From Client

	// Memo is for who tells applications of the identity. Nil: it is for one request, and nothing need be kept.
	Memo *Memo
}

// Memo keeps what is made of one identity, such as the headers that tell of it, so that it is made once and not for every
// request. It is safe for use by many goroutines; a nil Memo keeps nothing.
type Memo struct{ made atomic.Value }

// Of returns what create has made. That may be called more than once if several ask at the same time, and must make the same
// each time: an identity does not change, and whoever asks is one and the same.
func (m *Memo) Of(create func() any) any {
	if m == nil {
		return create()
	}
	made := m.made.Load()
	if made == nil {
		made = create()
		m.made.Store(made)
	}
	return made
}

// HasRole reports whether the identity has the role.
func (i *Identity) HasRole(role string) bool {
	for _, r := range i.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// CredentialKind says what the request carried to prove who it is.
type CredentialKind int

// The kinds of credential.
const (
	NoCredential        CredentialKind = iota // nothing
	BearerCredential                          // Authorization: Bearer, exactly one token (RFC 6750 section 2.1)
	ForeignCredential                         // another scheme of Authorization, which may be the application's own
	MalformedCredential                       // several Authorization headers, Bearer without a token, control characters; or several cookies
	CookieCredential                          // one session cookie whose value has the right form
)

// Credentials is what a request carried to prove who is calling, parsed once at the edge.
type Credentials struct {
	Kind  CredentialKind
	Token string // of BearerCredential, or the value of CookieCredential; never logged

	// Domain is the one whose cookie a CookieCredential was sent as; empty: that of the login page.
	Domain string

	// StaleRoute is the name of the route if it lets tokens pass of which it cannot be found out whether they were taken back;
	// else empty.
	StaleRoute string
}

// Client is where a request comes from. Address is invalid (the zero Addr) when it is not known.
type Client struct {
	Address   netip.Addr
	UserAgent string
	RequestID string // as the answer and the access log tell it; empty: none
}
