package api_test

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// mailbox keeps the last mail of each kind.
type mailbox struct {
	mu   sync.Mutex
	last map[authn.MailKind]authn.Mail
}

func (b *mailbox) Send(_ context.Context, m authn.Mail) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = map[authn.MailKind]authn.Mail{}
	}
	b.last[m.Kind] = m
	return nil
}

// mailed sends what waits, and returns and forgets the mail of a kind.
func (s *server) mailed(t *testing.T, kind authn.MailKind) authn.Mail {
	t.Helper()
	s.drain(t)
	m, ok := s.mailbox.last[kind]
	if !ok {
		t.Fatalf("no %s was mailed", kind)
	}
	delete(s.mailbox.last, kind)
	return m
}

// drain sends what waits.
func (s *server) drain(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { s.outbox.Run(ctx) })
	deadline := time.Now().Add(time.Minute)
	for queue := (authn.MailQueue{Waiting: 1}); queue.Waiting > 0; {
		var err error
		if queue, err = s.store.MailQueue(t.Context()); err != nil || time.Now().After(deadline) {
			t.Fatalf("the mails are not sent: %+v, %v", queue, err)
		}
	}
	stop()
	run.Wait()
}

// mail has a token mailed about self, or to an address of this name, and returns it.
func (s *server) mail(t *testing.T, what string, self authn.User, name string) string {
	t.Helper()
	from := authn.Client{Address: netip.MustParseAddr("192.0.2.9")}
	kind, err := authn.MailKind(""), error(nil)
	switch what {
	case "VERIFY":
		no := false
		if _, err = s.accounts.Update(t.Context(), authn.Operator(), self.ID, authn.AccountUpdate{Verified: &no}, from); err == nil {
			kind, err = authn.MailVerification, s.accounts.ResendVerification(t.Context(), self.Email, from)
		}
	case "CONFIRM":
		email := name + "@example.com"
		kind = authn.MailEmailChange
		_, err = s.accounts.Update(t.Context(), &authn.Identity{UserID: self.ID}, self.ID, authn.AccountUpdate{Email: &email}, from)
	case "RESET":
		kind, err = authn.MailPasswordReset, s.accounts.RequestPasswordReset(t.Context(), self.Email, from)
	case "INVITED":
		kind = authn.MailInvitation
		s.invite(t, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.mailed(t, kind).Token
}

// The whole story of an account by mail, over the wire.
func TestMailedTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{confirmEmail: true})
		s.addAdmin(t, "root")
		asRoot := s.login(t, "root").Access
		var alice user
		s.call(t, "POST", "/users/", "", registration("alice", "alice@example.com", goodPassword)).want(201).into(&alice)
		path := "/users/" + alice.ID
		token := s.mailed(t, authn.MailVerification).Token
		const badToken = "Invalid field: token is unknown, used or expired"
		s.call(t, "PUT", path+"/verify", "", object("token", token+"A")).refused(400, badToken)
		s.call(t, "PUT", "/users/"+uuid.NewString()+"/verify", "", object("token", token)).refused(400, badToken)
		s.call(t, "PUT", "/users/x/verify", "", object("token", token)).refused(404, "User not found")
		s.call(t, "PUT", path+"/verify", "", "{}").refused(401, "Not authenticated")
		s.call(t, "PUT", path+"/verify", "not-a-token", object("token", token)).refused(401, "Could not validate credentials")
		s.call(t, "PUT", path+"/verify", "", object("code", token)).refused(400, "Unknown field: code")
		s.call(t, "POST", "/auth/email/confirm", "", object("token", token)).refused(400, badToken)
		s.call(t, "PUT", path+"/verify", "", object("token", token)).want(200).into(&alice)
		if !alice.IsVerified {
			t.Errorf("verified %+v", alice)
		}
		s.call(t, "POST", "/auth/verify", "", object("token", token)).refused(400, badToken)

		asAlice := s.login(t, "alice").Access
		s.call(t, "PUT", path, asAlice, object("email", "new@example.net", "username", "alicia")).want(202).into(&alice)
		if alice.Email != "alice@example.com" || alice.Username != "alicia" || !alice.IsVerified {
			t.Errorf("while the new address waits the user is %+v", alice)
		}
		s.call(t, "PUT", path, asAlice, object("email", "ALICE@example.com")).want(200)
		token = s.mailed(t, authn.MailEmailChange).Token
		s.call(t, "POST", "/auth/email/confirm", "", object("token", token)).want(200).into(&alice)
		if alice.Email != "new@example.net" || !alice.IsVerified {
			t.Errorf("confirmed %+v", alice)
		}

		s.call(t, "POST", "/auth/password/forgot", "", object("email", "New@example.net")).want(202)
		token = s.mailed(t, authn.MailPasswordReset).Token
		s.call(t, "POST", "/auth/password/reset", "", object("token", token, "password", "short")).problem(400)
		s.call(t, "POST", "/auth/password/reset", "", object("token", token)).refused(400, "Missing field: password")
		a := s.call(t, "POST", "/auth/password/reset", "", object("token", token, "password", "battery staple")).want(200)
		if strings.Contains(string(a.body), "_token") || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("a reset logs in: %s", a.body)
		}
		s.call(t, "GET", "/users/me", asAlice, "").refused(401, "Could not validate credentials")
		s.call(t, "POST", "/auth/token", "", grantOf("alicia", "battery staple")).want(200)

		var invited invitation
		s.call(t, "POST", "/users/invitations", asRoot, `{"email":"bob@example.com","username":"Bob","roles":["staff"]}`).want(201).into(&invited)
		if invited.Username != "bob" || len(invited.Roles) != 1 || !invited.ExpiresAt.After(s.clock.Now()) {
			t.Errorf("invited %+v", invited)
		}
		s.call(t, "POST", "/users/invitations", asRoot, object("email", "bob@example.com", "username", "")).problem(400)
		token = s.mailed(t, authn.MailInvitation).Token
		s.invitations(t, asRoot, invited)
		var bob user
		a = s.call(t, "POST", "/users/invitations/accept", "", object("token", token, "password", goodPassword)).want(201)
		a.into(&bob)
		if bob.Username != "bob" || !bob.IsVerified || len(bob.Roles) != 1 || !strings.HasSuffix(a.header.Get("Location"), "/users/"+bob.ID) {
			t.Errorf("accepted %+v at %s", bob, a.header.Get("Location"))
		}
		s.login(t, "bob")
	})
}

// invitation is one as administrators see it.
type invitation struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Username  string    `json:"username"`
	Roles     []string  `json:"roles"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// invitations lists the one invitation that there is beside another, and withdraws that other one.
func (s *server) invitations(t *testing.T, asRoot string, bob invitation) {
	t.Helper()
	s.clock.advance(time.Second)
	var carol invitation
	s.call(t, "POST", "/users/invitations", asRoot, object("email", "carol@example.com", "username", "carol")).want(201).into(&carol)
	token := s.mailed(t, authn.MailInvitation).Token
	list := func(query string, want ...invitation) {
		t.Helper()
		var got []invitation
		s.call(t, "GET", "/users/invitations"+query, asRoot, "").want(200).into(&got)
		if diff := cmp.Diff(append([]invitation{}, want...), got); diff != "" {
			t.Errorf("the invitations %s (-want +got):\n%s", query, diff)
		}
	}
	list("", carol, bob)
	list("?limit=1", carol)
	list("?skip=1&limit=1", bob)
	list("?skip=2")
	for _, query := range []string{"?limit=0", "?limit=101", "?skip=-1", "?after=x", "?email=x"} {
		s.call(t, "GET", "/users/invitations"+query, asRoot, "").problem(400)
	}
	for _, id := range []string{uuid.NewString(), "x", strings.ToUpper(carol.ID) + "0"} {
		s.call(t, "DELETE", "/users/invitations/"+id, asRoot, "").refused(404, "Invitation not found")
	}
	s.call(t, "DELETE", "/users/invitations/"+carol.ID, asRoot, "").want(204)
	s.call(t, "DELETE", "/users/invitations/"+carol.ID, asRoot, "").refused(404, "Invitation not found")
	s.call(t, "POST", "/users/invitations/accept", "", object("token", token, "password", goodPassword)).problem(400)
	list("", bob)
}

// Known, unknown, disabled and verified addresses are answered alike, byte for byte.
func TestForgottenTellsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{})
		s.add(t, "alice")
		disabled := s.add(t, "disabled")
		no := false
		if _, err := s.accounts.Update(t.Context(), authn.Operator(), disabled.ID, authn.AccountUpdate{Active: &no}, authn.Client{}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/auth/password/forgot", "/auth/verify/resend"} {
			known := s.call(t, "POST", path, "", object("email", "alice@example.com")).want(202)
			for _, address := range []string{"nobody@example.com", "disabled@example.com", "ALICE@EXAMPLE.COM"} {
				other := s.call(t, "POST", path, "", object("email", address)).want(202)
				if string(other.body) != string(known.body) || headersOf(other.header) != headersOf(known.header) {
					t.Errorf("%s: %s is answered %v %s, and one that is known %v %s", path, address, other.header, other.body, known.header, known.body)
				}
			}
			if p := s.call(t, "POST", path, "", object("email", "nobody")).problem(400); p.Field != "email" {
				t.Errorf("field %q", p.Field)
			}
			s.call(t, "POST", path, "", "{}").refused(400, "Missing field: email")
		}
	})
}

// headersOf is an answer's header without what is new in every answer.
func headersOf(h http.Header) string {
	h = h.Clone()
	h.Del("Date")
	var text strings.Builder
	_ = h.Write(&text) // in order
	return text.String()
}

// An address that was asked about too often is refused alike, whether it is known or not.
func TestForgottenIsLimited(t *testing.T) {
	s := start(t, sqliteURL(t), options{mailLimit: authn.Limit{Requests: 2, Per: time.Hour}})
	s.add(t, "alice")
	for i, address := range []string{"nobody@example.com", "alice@example.com"} {
		s.clock.advance(time.Duration(i) * time.Hour)
		for range 2 {
			s.call(t, "POST", "/auth/password/forgot", "", object("email", address)).want(202)
		}
		a := s.call(t, "POST", "/auth/password/forgot", "", object("email", address))
		a.refused(429, "Rate limit exceeded")
		if a.header.Get("Retry-After") != "1800" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
}
