package authn_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// register registers somebody at NAME@example.com.
func (p *post) register(t *testing.T, name string) authn.User {
	t.Helper()
	u, err := p.accounts.Register(t.Context(), authn.Registration{Username: name, Email: name + "@example.com", Password: password}, from)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// as is the identity of a user who is signed in.
func as(u authn.User) *authn.Identity {
	return &authn.Identity{UserID: u.ID, Username: u.Username, Admin: u.Admin}
}

func TestRegistrationIsVerifiedByMail(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		alice, bob := p.register(t, "alice"), p.user(t, "bob")
		token := p.expect(t, map[authn.MailKind]string{authn.MailVerification: "alice@example.com"})[authn.MailVerification].Token
		_, err := p.logins.Login(t.Context(), "alice", password, from)
		wantCode(t, "a login before", err, authn.CodeAccountUnverified)
		for what, try := range map[string]func() error{
			"another's id": func() error { _, err := p.accounts.VerifyByToken(t.Context(), bob.ID, token, from); return err },
			"no token":     func() error { _, err := p.accounts.VerifyByToken(t.Context(), uuid.Nil, "", from); return err },
			"another token": func() error {
				_, err := p.accounts.VerifyByToken(t.Context(), uuid.Nil, altered(token), from)
				return err
			},
			"as a reset":  func() error { return p.accounts.ResetPassword(t.Context(), token, "battery staple", from) },
			"as a change": func() error { _, err := p.accounts.ConfirmEmail(t.Context(), token, from); return err },
			"as an invitation": func() error {
				_, err := p.accounts.AcceptInvitation(t.Context(), token, "carol", password, from)
				return err
			},
		} {
			wantCode(t, what, try(), authn.CodeInvalidRequest)
		}
		if got, err := p.accounts.VerifyByToken(t.Context(), alice.ID, token, from); err != nil || !got.Verified || got.ID != alice.ID {
			t.Fatalf("verified %+v, %v", got, err)
		}
		p.login(t, "alice")
		_, err = p.accounts.VerifyByToken(t.Context(), alice.ID, token, from)
		wantCode(t, "the second time", err, authn.CodeInvalidRequest)

		p.register(t, "late")
		token = p.collect(t)[authn.MailVerification].Token
		p.clock.advance(24 * time.Hour)
		_, err = p.accounts.VerifyByToken(t.Context(), uuid.Nil, token, from)
		wantCode(t, "too late", err, authn.CodeInvalidRequest)
	})
}

// altered is a token that differs in one bit.
func altered(token string) string {
	if token[0] == 'A' {
		return "B" + token[1:]
	}
	return "A" + token[1:]
}

func TestChangeOfEmail(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		alice, bob := p.user(t, "alice"), p.user(t, "bob")
		move := func(to string) authn.User {
			t.Helper()
			u, err := p.accounts.Update(t.Context(), as(alice), alice.ID, authn.AccountUpdate{Email: &to}, from)
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		both := map[authn.MailKind]string{authn.MailEmailChange: "new@example.net", authn.MailEmailChanging: "alice@example.com"}
		if u := move("new@example.net"); u.Email != "alice@example.com" || !u.Verified {
			t.Errorf("before the new address is confirmed the user is %+v", u)
		}
		first := p.expect(t, both)
		if err := p.accounts.RequestPasswordReset(t.Context(), "alice@example.com", from); err != nil {
			t.Fatal(err)
		}
		reset := p.expect(t, map[authn.MailKind]string{authn.MailPasswordReset: "alice@example.com"})[authn.MailPasswordReset].Token
		move("new@example.net") // asked for twice
		second := p.expect(t, both)
		_, err := p.accounts.ConfirmEmail(t.Context(), first[authn.MailEmailChange].Token, from)
		wantCode(t, "the first of two", err, authn.CodeInvalidRequest)
		u, err := p.accounts.ConfirmEmail(t.Context(), second[authn.MailEmailChange].Token, from)
		if err != nil || u.Email != "new@example.net" || !u.Verified {
			t.Fatalf("confirmed: %+v, %v", u, err)
		}
		told := p.expect(t, map[authn.MailKind]string{authn.MailEmailChanged: "alice@example.com"})
		if got := told[authn.MailEmailChanged]; got.NewEmail != "new@example.net" || got.Username != "alice" {
			t.Errorf("the old address is told %+v", got)
		}
		wantCode(t, "what was mailed to the old address", p.accounts.ResetPassword(t.Context(), reset, "battery staple", from), authn.CodeInvalidRequest)

		taken := "BOB@example.com"
		_, err = p.accounts.Update(t.Context(), as(alice), alice.ID, authn.AccountUpdate{Email: &taken}, from)
		wantCode(t, "another's address", err, authn.CodeInvalidRequest)
		respelt := "New@Example.net"
		if u := move(respelt); u.Email != respelt || !u.Verified {
			t.Errorf("another spelling leaves %+v", u)
		}
		p.expect(t, nil)
		wanted := "wanted@example.net"
		move(wanted)
		pending := p.collect(t)[authn.MailEmailChange].Token
		p.change(t, bob, authn.AccountUpdate{Email: &wanted})
		_, err = p.accounts.ConfirmEmail(t.Context(), pending, from)
		wantCode(t, "an address that somebody else has meanwhile", err, authn.CodeInvalidRequest)
	})
}

// change is an update by the operator.
func (p *post) change(t *testing.T, u authn.User, c authn.AccountUpdate) authn.User {
	t.Helper()
	changed, err := p.accounts.Update(t.Context(), authn.Operator(), u.ID, c, from)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// Administrators change an address at once, and so do users where nothing has to be confirmed.
func TestChangeOfEmailAtOnce(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	alice := p.user(t, "alice")
	to, verified := "new@example.net", true
	if u := p.change(t, alice, authn.AccountUpdate{Email: &to}); u.Email != to || u.Verified {
		t.Errorf("the user is %+v", u)
	}
	token := p.expect(t, map[authn.MailKind]string{authn.MailEmailChanged: "alice@example.com", authn.MailVerification: to})[authn.MailVerification].Token
	if u, err := p.accounts.VerifyByToken(t.Context(), alice.ID, token, from); err != nil || !u.Verified {
		t.Errorf("verified: %+v, %v", u, err)
	}
	back := "alice@example.com"
	p.change(t, alice, authn.AccountUpdate{Email: &back, Verified: &verified})
	p.expect(t, map[authn.MailKind]string{authn.MailEmailChanged: to})

	p = withMail(t, p.mind, func(c *authn.MailsConfig, _ *authn.AccountsConfig) { c.ConfirmEmail = false })
	u, err := p.accounts.Update(t.Context(), as(alice), alice.ID, authn.AccountUpdate{Email: &to}, from)
	if err != nil || u.Email != to || u.Verified {
		t.Errorf("the user is %+v, %v", u, err)
	}
}

func TestPasswordReset(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		alice := p.user(t, "alice")
		before := p.login(t, "alice")
		moved := "intruder@example.net"
		if _, err := p.accounts.Update(t.Context(), as(alice), alice.ID, authn.AccountUpdate{Email: &moved}, from); err != nil {
			t.Fatal(err)
		}
		change := p.collect(t)[authn.MailEmailChange].Token
		ask := func() string {
			t.Helper()
			if err := p.accounts.RequestPasswordReset(t.Context(), "ALICE@example.com", from); err != nil {
				t.Fatal(err)
			}
			return p.expect(t, map[authn.MailKind]string{authn.MailPasswordReset: "alice@example.com"})[authn.MailPasswordReset].Token
		}
		for range 5 {
			_, err := p.logins.Login(t.Context(), "alice", "a wrong guess", from)
			wantCode(t, "a guess", err, authn.CodeInvalidGrant)
		}
		token, other := ask(), ask()
		wantCode(t, "a short password", p.accounts.ResetPassword(t.Context(), token, "short", from), authn.CodeInvalidRequest)
		if err := p.accounts.ResetPassword(t.Context(), token, "battery staple", from); err != nil {
			t.Fatal(err)
		}
		p.expect(t, map[authn.MailKind]string{authn.MailPasswordChanged: "alice@example.com"})
		if _, err := p.logins.Authenticate(t.Context(), authn.Credentials{Kind: authn.BearerCredential, Token: before.Access}); err == nil {
			t.Error("a session of before goes on")
		}
		_, err := p.logins.Login(t.Context(), "alice", "battery staple", from)
		wantCode(t, "the new password during the lock", err, authn.CodeLocked)
		wantCode(t, "the token again", p.accounts.ResetPassword(t.Context(), token, "another staple", from), authn.CodeInvalidRequest)
		wantCode(t, "the other token", p.accounts.ResetPassword(t.Context(), other, "another staple", from), authn.CodeInvalidRequest)
		_, err = p.accounts.ConfirmEmail(t.Context(), change, from)
		wantCode(t, "a change of address that was asked for before", err, authn.CodeInvalidRequest)
		p.clock.advance(5 * time.Minute)
		_, err = p.logins.Login(t.Context(), "alice", password, from)
		wantCode(t, "the old password", err, authn.CodeInvalidGrant)
		if _, err := p.logins.Login(t.Context(), "alice", "battery staple", from); err != nil {
			t.Errorf("the new password: %v", err)
		}
		late := ask()
		p.clock.advance(30 * time.Minute)
		wantCode(t, "too late", p.accounts.ResetPassword(t.Context(), late, "another staple", from), authn.CodeInvalidRequest)
		dead := ask()
		fresh := "a changed password"
		p.change(t, alice, authn.AccountUpdate{Password: &fresh})
		p.expect(t, map[authn.MailKind]string{authn.MailPasswordChanged: "alice@example.com"})
		wantCode(t, "after a change of the password", p.accounts.ResetPassword(t.Context(), dead, "another staple", from), authn.CodeInvalidRequest)
	})
}

// Fifty people with one link: one of them sets the password.
func TestFiftyResets(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		p.user(t, "alice")
		if err := p.accounts.RequestPasswordReset(t.Context(), "alice@example.com", from); err != nil {
			t.Fatal(err)
		}
		token := p.collect(t)[authn.MailPasswordReset].Token
		begin, errs := make(chan struct{}), make([]error, 50)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				<-begin
				errs[i] = p.accounts.ResetPassword(t.Context(), token, "battery staple "+string(rune('a'+i)), from)
			})
		}
		close(begin)
		all.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
				continue
			}
			wantCode(t, "one of the others", err, authn.CodeInvalidRequest)
		}
		if done != 1 {
			t.Errorf("the token was spent %d times", done)
		}
	})
}

func TestInvitation(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, func(_ *authn.MailsConfig, c *authn.AccountsConfig) { c.OpenRegistration = false })
		alice := p.user(t, "alice")
		invite := func(inv authn.Invitation) string {
			t.Helper()
			if _, err := p.accounts.Invite(t.Context(), authn.Operator(), inv); err != nil {
				t.Fatal(err)
			}
			return p.expect(t, map[authn.MailKind]string{authn.MailInvitation: inv.Email})[authn.MailInvitation].Token
		}
		_, err := p.accounts.Invite(t.Context(), as(alice), authn.Invitation{Email: "x@example.com"})
		wantCode(t, "by a user", err, authn.CodeForbidden)
		for what, inv := range map[string]authn.Invitation{
			"an address that is taken": {Email: "Alice@example.com"}, "no address": {Email: "x"}, "a name that is taken": {Email: "x@example.com", Username: "ALICE"},
			"a role that is none": {Email: "x@example.com", Roles: []string{"a,b"}},
		} {
			_, err := p.accounts.Invite(t.Context(), authn.Operator(), inv)
			wantCode(t, what, err, authn.CodeInvalidRequest)
		}
		token := invite(authn.Invitation{Email: "Bob@example.com", Roles: []string{"staff", "editor"}})
		for _, name := range []string{"", "alice", "reserved", "a b"} {
			_, err := p.accounts.AcceptInvitation(t.Context(), token, name, password, from)
			wantCode(t, "the name "+name, err, authn.CodeInvalidRequest)
		}
		bob, err := p.accounts.AcceptInvitation(t.Context(), token, "Bob", password, from)
		if err != nil || bob.Username != "bob" || bob.Email != "Bob@example.com" || !bob.Verified || !bob.Active || bob.Admin || len(bob.Roles) != 2 {
			t.Fatalf("accepted: %+v, %v", bob, err)
		}
		p.login(t, "bob")
		_, err = p.accounts.AcceptInvitation(t.Context(), token, "bob2", password, from)
		wantCode(t, "the second time", err, authn.CodeInvalidRequest)

		token = invite(authn.Invitation{Email: "carol@example.com", Username: "reserved"})
		carol, err := p.accounts.AcceptInvitation(t.Context(), token, "", password, from)
		if err != nil || carol.Username != "reserved" {
			t.Errorf("the proposed name: %+v, %v", carol, err)
		}
		first, second := invite(authn.Invitation{Email: "dave@example.com", Roles: []string{"admin"}}), invite(authn.Invitation{Email: "dave@example.com"})
		_, err = p.accounts.AcceptInvitation(t.Context(), first, "dave", password, from)
		wantCode(t, "the first of two", err, authn.CodeInvalidRequest)
		dave, err := p.accounts.AcceptInvitation(t.Context(), second, "dave", password, from)
		if err != nil || len(dave.Roles) != 0 {
			t.Errorf("the second of two: %+v, %v", dave, err)
		}
	})
}

// Nobody learns from a request whether an address has an account, and only who may have a token is mailed one.
func TestRequestsTellNothing(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		p := withMail(t, m, nil)
		verified, disabled := p.user(t, "verified"), p.user(t, "disabled")
		no := false
		p.change(t, disabled, authn.AccountUpdate{Active: &no})
		p.register(t, "fresh")
		p.collect(t)
		for _, r := range []struct {
			address       string
			reset, verify bool
		}{
			{verified.Email, true, false}, {"VERIFIED@Example.com", true, false}, {disabled.Email, false, false},
			{"fresh@example.com", true, true}, {"nobody@example.com", false, false},
		} {
			wantCode(t, "a reset for "+r.address, p.accounts.RequestPasswordReset(t.Context(), r.address, from), "")
			if _, mailed := p.collect(t)[authn.MailPasswordReset]; mailed != r.reset {
				t.Errorf("a reset for %s was mailed: %v", r.address, mailed)
			}
			wantCode(t, "a verification of "+r.address, p.accounts.ResendVerification(t.Context(), r.address, from), "")
			if _, mailed := p.collect(t)[authn.MailVerification]; mailed != r.verify {
				t.Errorf("a verification of %s was mailed: %v", r.address, mailed)
			}
		}
		wantCode(t, "what is no address", p.accounts.RequestPasswordReset(t.Context(), "nobody", from), authn.CodeInvalidRequest)
	})
}

// Requests are limited by who asks, all kinds of them together, and by whom they are about, known or not: each kind for itself,
// so that nobody's reset is stopped by requests that mail nothing.
func TestRequestsAreLimited(t *testing.T) {
	p := withMail(t, newMind(t, options{}), func(c *authn.MailsConfig, _ *authn.AccountsConfig) {
		c.Limit = authn.Limit{Requests: 3, Per: time.Hour}
	})
	alice := p.user(t, "alice")
	client := func(n byte) authn.Client {
		c := from
		address := c.Address.As4()
		address[3] = n
		c.Address = netip.AddrFrom4(address)
		return c
	}
	for _, address := range []string{"alice@example.com", "nobody@example.com"} {
		for i := range byte(3) {
			wantCode(t, "a request", p.accounts.ResendVerification(t.Context(), address, client(100+i)), "")
		}
		wantCode(t, "one more about "+address, p.accounts.ResendVerification(t.Context(), address, client(103)), authn.CodeRateLimited)
		for i := range byte(3) {
			wantCode(t, "a request of another kind", p.accounts.RequestPasswordReset(t.Context(), address, client(110+i)), "")
		}
		wantCode(t, "one more reset of "+address, p.accounts.RequestPasswordReset(t.Context(), address, client(113)), authn.CodeRateLimited)
	}
	for i := range 3 {
		wantCode(t, "a request", p.accounts.RequestPasswordReset(t.Context(), string(rune('a'+i))+"@example.com", client(1)), "")
	}
	wantCode(t, "one more from there", p.accounts.RequestPasswordReset(t.Context(), "d@example.com", client(1)), authn.CodeRateLimited)
	wantCode(t, "from elsewhere", p.accounts.RequestPasswordReset(t.Context(), "d@example.com", client(2)), "")
	victim := "victim@example.net"
	for i := range byte(4) {
		_, err := p.accounts.Update(t.Context(), as(alice), alice.ID, authn.AccountUpdate{Email: &victim}, client(10+i))
		want := authn.Code("")
		if i == 3 {
			want = authn.CodeRateLimited
		}
		wantCode(t, "a change of address", err, want)
	}
	p.clock.advance(time.Hour)
	wantCode(t, "an hour later", p.accounts.RequestPasswordReset(t.Context(), "alice@example.com", client(1)), "")
}

// What is done by mail is in the trail like all else, with what it was done by.
func TestMailedActsAreAudited(t *testing.T) {
	p := withMail(t, newMind(t, options{}), nil)
	alice := p.register(t, "alice")
	told := func(step string, err error, want ...authn.EventKind) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		events, err := p.store.ListEvents(t.Context(), authn.EventFilter{Kinds: want, Since: p.clock.Now()}, authn.EventPlace{}, 10)
		if err != nil || len(events) != len(want) {
			t.Fatalf("%s: %d events, %v, want one of each of %v", step, len(events), err, want)
		}
		for _, e := range events {
			byMail := e.Reason == "mailed_token" && e.From.Address == from.Address
			if byMail == (e.Kind == authn.EventUserInvited) {
				t.Errorf("%s: %s by %v with reason %q from %v", step, e.Kind, e.Actor, e.Reason, e.From.Address)
			}
		}
		p.clock.advance(time.Second)
	}
	p.clock.advance(time.Second)
	_, err := p.accounts.VerifyByToken(t.Context(), alice.ID, p.collect(t)[authn.MailVerification].Token, from)
	told("a verification", err, authn.EventUserVerified)
	to := "new@example.net"
	if _, err := p.accounts.Update(t.Context(), as(alice), alice.ID, authn.AccountUpdate{Email: &to}, from); err != nil {
		t.Fatal(err)
	}
	_, err = p.accounts.ConfirmEmail(t.Context(), p.collect(t)[authn.MailEmailChange].Token, from)
	told("a new address", err, authn.EventEmailChanged, authn.EventUserVerified)
	if err := p.accounts.RequestPasswordReset(t.Context(), to, from); err != nil {
		t.Fatal(err)
	}
	told("a reset", p.accounts.ResetPassword(t.Context(), p.collect(t)[authn.MailPasswordReset].Token, "battery staple", from), authn.EventPasswordChanged)
	_, err = p.accounts.Invite(t.Context(), authn.Operator(), authn.Invitation{Email: "bob@example.com"})
	told("an invitation", err, authn.EventUserInvited)
	_, err = p.accounts.AcceptInvitation(t.Context(), p.collect(t)[authn.MailInvitation].Token, "bob", password, from)
	told("its acceptance", err, authn.EventUserCreated)
}

// Where it is asked for, another address of one's own takes the current password, once, and as every check of one: it counts.
func TestCurrentPasswordToMove(t *testing.T) {
	onBothStores(t, func(t *testing.T, m *mind) {
		for _, confirmed := range []bool{true, false} {
			p := withMail(t, m, func(mails *authn.MailsConfig, accounts *authn.AccountsConfig) {
				mails.ConfirmEmail, accounts.CurrentPasswordToMove = confirmed, true
			})
			name := fmt.Sprint("alice", confirmed)
			alice, root := p.user(t, name), &authn.Identity{UserID: uuid.New(), Admin: true}
			move := func(caller *authn.Identity, u authn.AccountUpdate) authn.Code {
				t.Helper()
				_, err := p.accounts.Update(t.Context(), caller, alice.ID, u, from)
				return code(t, err)
			}
			other, respelt, wrong, right, next := name+"@example.net", strings.ToUpper(alice.Email), "not this one", password, "battery staple"
			for what, c := range map[string]struct {
				update authn.AccountUpdate
				want   authn.Code
			}{
				"without":               {authn.AccountUpdate{Email: &other}, authn.CodeInvalidRequest},
				"with a wrong one":      {authn.AccountUpdate{Email: &other, CurrentPassword: &wrong}, authn.CodeForbidden},
				"another spelling":      {authn.AccountUpdate{Email: &respelt}, ""},
				"another name":          {authn.AccountUpdate{Username: &alice.Username}, ""},
				"with a password too":   {authn.AccountUpdate{Email: &other, Password: &next}, authn.CodeInvalidRequest},
				"the same address once": {authn.AccountUpdate{Email: &alice.Email}, ""},
			} {
				if got := move(as(alice), c.update); got != c.want {
					t.Errorf("confirmed %v, %s: %q, want %q", confirmed, what, got, c.want)
				}
			}
			failed := m.events(t, authn.EventLoginFailed)
			if len(failed) == 0 || failed[0].Subject != alice.ID || failed[0].Details[authn.DetailCheck] != "email_change" {
				t.Errorf("the trail says %+v", failed)
			}
			if got := move(as(alice), authn.AccountUpdate{Email: &other, CurrentPassword: &right}); got != "" {
				t.Errorf("with the right one: %s", got)
			}
			if requested := m.events(t, authn.EventEmailChangeRequested); confirmed && (len(requested) != 1 || requested[0].Subject != alice.ID) {
				t.Errorf("the trail says of the request %+v", requested)
			}
			third, fourth := "third-"+other, "fourth-"+other
			if got := move(as(alice), authn.AccountUpdate{Email: &third, Password: &next, CurrentPassword: &right}); got != "" {
				t.Errorf("together with another password: %s", got)
			}
			if got := move(root, authn.AccountUpdate{Email: &fourth}); got != "" {
				t.Errorf("by an administrator: %s", got)
			}
		}
	})
}
