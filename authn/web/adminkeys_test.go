package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// keys are all signing keys, those in the store first.
func (s *site) keys(t *testing.T) []authn.KeyView {
	t.Helper()
	views, err := s.ring.Managed().List(t.Context(), authn.Operator())
	if err != nil {
		t.Fatal(err)
	}
	return views
}

// did sends a form and fails unless it was done.
func (s *site) did(t *testing.T, path, cookie string, form url.Values, said string) {
	t.Helper()
	a := s.ask(t, "POST", path, form, "Cookie", cookie)
	if to := publicURL + admin + "/keys?said=" + said; a.status != http.StatusSeeOther || a.header.Get("Location") != to {
		t.Fatalf("%s: %d to %s, want %s\n%s", path, a.status, a.header.Get("Location"), to, a.body)
	}
}

// Keys are replaced and revoked, what is dangerous after a page that says what it is going to do, and the trail names who did.
func TestKeys(t *testing.T) {
	s := open(t)
	root := s.user(t, "root", true)
	cookie := s.signIn(t, "root")
	first := s.keys(t)[0]
	page := func() answer { return s.ask(t, "GET", admin+"/keys", nil, "Cookie", cookie) }
	a := page()
	for _, want := range []string{
		first.ID, "EdDSA", "Signs <code>active</code>", "from the configuration", "A secret of the configuration signs", "They are replaced by hand alone",
		`href="/api/v1/auth/admin/keys/` + first.ID + `/revoke"`,
	} {
		a.says(t, 200, want)
	}
	if strings.Contains(a.body, "refresh/replace") || strings.Contains(a.body, "refresh-") {
		t.Error("a secret of the configuration can be replaced, or is shown")
	}

	s.did(t, admin+"/keys", cookie, url.Values{"purpose": {"access"}}, "key_rotated")
	next := s.keys(t)[1]
	if next.State != authn.KeyNext {
		t.Fatalf("the next key is %+v", next)
	}
	a = page()
	a.says(t, 200, "Is going to sign <code>next</code>")
	if strings.Contains(a.body, "Make the next key") {
		t.Error("another one is offered")
	}

	s.ask(t, "GET", admin+"/keys/access/replace", nil, "Cookie", cookie).says(t, 200, "may refuse what the new key signs until they fetch them again, for 5 minutes")
	s.did(t, admin+"/keys/access/replace", cookie, url.Values{}, "key_replaced")
	s.ask(t, "GET", admin+"/keys/"+first.ID+"/revoke", nil, "Cookie", cookie).says(t, 200, "All access tokens that it has signed are dead at once.")
	if got := s.keys(t)[0]; got.State == authn.KeyRevoked {
		t.Fatal("opening the page has revoked the key")
	}
	s.did(t, admin+"/keys/"+first.ID+"/revoke", cookie, url.Values{}, "key_revoked")
	s.ask(t, "GET", admin+"/keys?said=key_revoked", nil, "Cookie", cookie).says(t, 200, "The key is revoked.")
	page().says(t, 200, "Revoked <code>revoked</code>")
	for _, method := range []string{"GET", "POST"} {
		s.ask(t, method, admin+"/keys/"+first.ID+"/revoke", nilOrEmpty(method), "Cookie", cookie).says(t, 409, "The key is revoked already.")
		s.ask(t, method, admin+"/keys/0123456789abcdef/revoke", nilOrEmpty(method), "Cookie", cookie).says(t, 404, "Key not found.")
	}
	filter := authn.EventFilter{Kinds: []authn.EventKind{authn.EventKeyAdded, authn.EventKeyRevoked}}
	filter.Actor = authn.Actor{Kind: authn.ActorUser, ID: root.ID.String()}
	events, err := s.db.ListEvents(t.Context(), filter, authn.EventPlace{}, 10)
	if err != nil || len(events) != 3 || events[0].Kind != authn.EventKeyRevoked {
		t.Errorf("the trail has %v, %v; want two keys added and one revoked by root", events, err)
	}
}

func nilOrEmpty(method string) url.Values {
	if method == "GET" {
		return nil
	}
	return url.Values{}
}

// Keys that are not Authly's to replace are not replaced.
func TestKeysOfConfiguration(t *testing.T) {
	s := open(t)
	s.user(t, "root", true)
	cookie := s.signIn(t, "root")
	views := s.keys(t)
	configured := views[len(views)-1]
	if !configured.Configured {
		t.Fatalf("%+v", configured)
	}
	s.ask(t, "POST", admin+"/keys", url.Values{"purpose": {"refresh"}}, "Cookie", cookie).says(t, 409, "A secret of the configuration signs")
	s.ask(t, "POST", admin+"/keys", url.Values{"purpose": {"claims"}}, "Cookie", cookie).says(t, 409, "no use for such a key")
	s.ask(t, "POST", admin+"/keys", url.Values{"purpose": {"<b>"}}, "Cookie", cookie).says(t, 400, "There is no such purpose")
	s.ask(t, "POST", admin+"/keys", url.Values{}, "Cookie", cookie).says(t, 400, "There is no such purpose")
	for _, path := range []string{"/refresh/replace", "/claims/replace", "/nothing/replace"} {
		s.ask(t, "GET", admin+"/keys"+path, nil, "Cookie", cookie).says(t, 404, "There are no such keys")
		if a := s.ask(t, "POST", admin+"/keys"+path, url.Values{}, "Cookie", cookie); a.status < 400 || a.status > 409 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	s.ask(t, "GET", admin+"/keys/"+configured.ID+"/revoke", nil, "Cookie", cookie).says(t, 409, "secret of the configuration")
	s.ask(t, "POST", admin+"/keys/"+configured.ID+"/revoke", url.Values{}, "Cookie", cookie).says(t, 409, "secret of the configuration")
	if after := s.keys(t); len(after) != len(views) {
		t.Errorf("the keys are %v", after)
	}
}
