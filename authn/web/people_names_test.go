package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"github.com/descoped/authly/authn"
)

// Whatever people are called and say that they are, the pages about them are built of the same elements and attributes: none comes
// from a name.
func FuzzNamesOnPages(f *testing.F) {
	for _, name := range []string{
		"alice", `"><script>alert(1)</script>`, `' onmouseover='alert(1)`, "</title><svg/onload=x>", "<!--", "]]>", "{{.}}", "javascript:alert(1)",
		"\u202eevil", "a\nb", "\x01", "&lt;b&gt;", "`", strings.Repeat("<b>", 80), "</textarea>", "\ufeff", "a&copy;b", "%3Cb%3E",
	} {
		f.Add(name)
	}
	s := open(f)
	_, cookie := s.administer(f)
	calm := s.shapes(f, cookie, s.named(f, "calm"))
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > 250 || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return // nobody can have such a name
		}
		got := s.shapes(t, cookie, s.named(t, name))
		for page, want := range calm {
			if !slices.Equal(got[page], want) {
				t.Errorf("%q changes the page %s:\n%q\nwant\n%q", name, page, got[page], want)
			}
		}
	})
}

// named keeps somebody in whom everything is called so that can be called, whatever authn would say to it, with a session and an
// invitation that are called so too.
func (s *site) named(t testing.TB, name string) authn.User {
	t.Helper()
	id, now := uuid.New(), time.Now()
	u := authn.User{
		ID: id, Username: name + id.String(), Email: name, EmailKey: name + id.String(), PasswordHash: "hash", Active: true, Verified: true,
		Roles: []string{name}, CreatedAt: now, UpdatedAt: now,
	}
	act := authn.Act{By: authn.Actor{Kind: authn.ActorOperator}, At: now}
	if err := s.db.CreateUser(t.Context(), u, act); err != nil {
		t.Fatal(err)
	}
	session := authn.Session{
		ID: uuid.New(), UserID: id, CreatedAt: now, LastSeenAt: now, ClientAddress: name, UserAgent: name, Country: name, City: name,
	}
	token := authn.Token{
		ID: uuid.New(), JTI: uuid.NewString(), Kind: authn.AccessToken, UserID: id, SessionID: session.ID, Hash: id[:], CreatedAt: now,
		ExpiresAt: now.Add(time.Hour),
	}
	refresh := token
	refresh.ID, refresh.JTI, refresh.Kind = uuid.New(), uuid.NewString(), authn.RefreshToken
	if err := s.db.BeginSession(t.Context(), session, token, refresh, u.PasswordHash, authn.SessionPolicy{}, act); err != nil {
		t.Fatal(err)
	}
	hash := uuid.New()
	invitation := authn.MailToken{
		Hash: append(hash[:], hash[:]...), Kind: authn.MailInvitation, Email: name, EmailKey: "invited", Username: name, Roles: []string{name},
		CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	mail := authn.QueuedMail{ID: uuid.New(), Kind: authn.MailInvitation, To: "guest@example.com", CreatedAt: now, DueAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}
	if err := s.db.Post(t.Context(), []authn.Posting{{Mail: mail, Token: &invitation}}); err != nil {
		t.Fatal(err)
	}
	return u
}

// shapes asks for the pages about a user and returns what each is built of.
func (s *site) shapes(t testing.TB, cookie string, u authn.User) map[string][]string {
	t.Helper()
	shapes := map[string][]string{}
	for name, path := range map[string]string{
		"user": userPage(u), "delete": userPage(u, "delete"), "disable": userPage(u, "disable"), "password": userPage(u, "password"),
		"users": usersPage + "?search=" + u.ID.String(), "sessions": sessionsPage + "?user=" + u.ID.String(), "invitations": invitationsPage,
		"nobody's sessions": sessionsPage + "?user=" + url.QueryEscape(u.Email+"?"),
	} {
		a := s.ask(t, "GET", path, nil, "Cookie", cookie)
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d\n%s", name, a.status, a.body)
		}
		shapes[name] = shapeOf(a.body)
	}
	if err := s.accounts.Delete(t.Context(), authn.Operator(), u.ID); err != nil {
		t.Fatal(err)
	}
	return shapes
}

// shapeOf lists the elements of a page with the names of their attributes.
func shapeOf(page string) (shape []string) {
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return shape
		case html.TextToken:
		default:
			token := z.Token()
			element := kind.String() + " " + token.Data
			for _, attribute := range token.Attr {
				element += " " + attribute.Key
			}
			shape = append(shape, element)
		}
	}
}
