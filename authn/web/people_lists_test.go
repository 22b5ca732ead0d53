package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// Whom an administrator invites is mailed a link, and is on the list until they accept or are not wanted any more.
func TestInvitations(t *testing.T) {
	s := open(t)
	_, asRoot := s.administer(t)
	s.ask(t, "GET", invitationsPage, nil, "Cookie", asRoot).says(t, 200, "Nobody is invited at the moment.")
	invitation := url.Values{"email": {" guest@example.com "}, "username": {""}, "roles": {"staff, writer"}}
	s.ask(t, "POST", invitationsPage, invitation, "Cookie", asRoot).leadsBack(t, invitationsPage, "invited")
	token := s.token(t, authn.MailInvitation)
	a := s.ask(t, "GET", invitationsPage, nil, "Cookie", asRoot)
	a.says(t, 200, "guest@example.com")
	a.says(t, 200, "staff, writer")
	a.saysNot(t, token)
	for field, value := range map[string]string{"email": "root@example.com", "username": "root", "roles": strings.Repeat("x", 65)} {
		wrong := url.Values{"email": {"other@example.com"}}
		wrong.Set(field, value)
		s.ask(t, "POST", invitationsPage, wrong, "Cookie", asRoot).says(t, 400, `aria-invalid="true"`)
	}
	withdraw := regexp.MustCompile(`action="([^"]*/withdraw)"`).FindStringSubmatch(a.body)
	if withdraw == nil {
		t.Fatalf("no button in\n%s", a.body)
	}
	for range 2 { // the second time it is gone already, as was asked for
		s.ask(t, "POST", withdraw[1], url.Values{}, "Cookie", asRoot).leadsBack(t, invitationsPage, "invitation_withdrawn")
	}
	s.ask(t, "GET", invitationsPage, nil, "Cookie", asRoot).says(t, 200, "Nobody is invited at the moment.")
	if _, err := s.accounts.AcceptInvitation(t.Context(), token, "guest", password, authn.Client{}); err == nil {
		t.Error("the withdrawn invitation is good")
	}
	for i := range 51 {
		_, err := s.accounts.Invite(t.Context(), authn.Operator(), authn.Invitation{Email: fmt.Sprintf("guest%d@example.com", i)})
		if err != nil {
			t.Fatal(err)
		}
		s.token(t, authn.MailInvitation)
	}
	first := s.ask(t, "GET", invitationsPage, nil, "Cookie", asRoot)
	first.says(t, 200, `href="`+invitationsPage+`?skip=50">Next page`)
	second := s.ask(t, "GET", invitationsPage+"?skip=50", nil, "Cookie", asRoot)
	second.says(t, 200, ">guest0@example.com<")
	second.says(t, 200, `href="`+invitationsPage+`?skip=0">Previous page`)
	s.ask(t, "GET", invitationsPage+"?skip=-1", nil, "Cookie", asRoot).says(t, 200, ">guest50@example.com<")
}

// Where nobody is mailed, nobody is invited or has a link mailed.
func TestPeopleWithoutMail(t *testing.T) {
	s := openWith(t, func(_ *authn.LoginsConfig, accounts *authn.AccountsConfig) { accounts.Mails = nil })
	_, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	a := s.ask(t, "GET", invitationsPage, nil, "Cookie", asRoot)
	a.says(t, 200, "Nobody can be invited, since Authly is not set up to send mail.")
	s.ask(t, "POST", invitationsPage, url.Values{"email": {"guest@example.com"}}, "Cookie", asRoot).says(t, 409, "Nobody can be invited: there is no mail.")
	s.ask(t, "GET", userPage(alice), nil, "Cookie", asRoot).saysNot(t, "/reset")
	s.ask(t, "POST", userPage(alice, "reset"), url.Values{}, "Cookie", asRoot).says(t, 409, "Nothing can be mailed: there is no mail.")
}

// An administrator sees who is signed in and where, and ends it.
func TestAllSessions(t *testing.T) {
	s := open(t)
	root, asRoot := s.administer(t)
	alice := s.user(t, "alice", false)
	var asAlice []string
	for range 3 {
		asAlice = append(asAlice, s.signIn(t, "alice"))
	}
	isIn := func(cookie string) bool {
		t.Helper()
		return s.ask(t, "GET", prefix+"/auth/account", nil, "Cookie", cookie).status == http.StatusOK
	}
	all := s.ask(t, "GET", sessionsPage, nil, "Cookie", asRoot)
	all.says(t, 200, "This session")
	if n := strings.Count(all.body, ">alice</a>"); n != 3 || strings.Count(all.body, "This session") != 1 {
		t.Errorf("%d sessions of alice in\n%s", n, all.body)
	}
	for _, name := range []string{"alice", "ALICE@example.com", alice.ID.String(), " alice "} {
		a := s.ask(t, "GET", sessionsPage+"?user="+url.QueryEscape(name), nil, "Cookie", asRoot)
		a.says(t, 200, `action="`+userPage(alice, "end")+`"`)
		a.saysNot(t, "This session")
	}
	s.ask(t, "GET", sessionsPage+"?user=nobody", nil, "Cookie", asRoot).says(t, 200, "There is no such user.")
	s.ask(t, "GET", sessionsPage+"?cursor=x", nil, "Cookie", asRoot).says(t, 400, "Cursor must be one that a page has given.")

	sessions, err := s.sessions.List(t.Context(), authn.Operator(), alice.ID)
	if err != nil || len(sessions) != 3 {
		t.Fatal(sessions, err)
	}
	form := url.Values{"user_id": {alice.ID.String()}, "session_id": {sessions[0].ID.String()}, "user": {"alice"}}
	for range 2 { // the second time it has ended already, as was asked for
		a := s.ask(t, "POST", sessionsPage+"/end", form, "Cookie", asRoot)
		if want := publicURL + sessionsPage + "?said=session_ended&user=alice"; a.status != http.StatusSeeOther || a.header.Get("Location") != want {
			t.Errorf("%d to %s, want %s", a.status, a.header.Get("Location"), want)
		}
	}
	if isIn(asAlice[2]) || !isIn(asAlice[0]) || !isIn(asAlice[1]) {
		t.Error("another session has ended than the latest")
	}
	form.Set("user_id", root.ID.String()) // the session of one as another's
	form.Set("session_id", sessions[1].ID.String())
	s.ask(t, "POST", sessionsPage+"/end", form, "Cookie", asRoot)
	if !isIn(asAlice[1]) {
		t.Error("a session has ended that was named as another's")
	}
	s.ask(t, "POST", userPage(alice, "end"), url.Values{}, "Cookie", asRoot).leadsBack(t, userPage(alice), "user_sessions_ended")
	if isIn(asAlice[0]) || isIn(asAlice[1]) || !isIn(asRoot) {
		t.Error("not all sessions of alice have ended, or more")
	}

	second := s.signIn(t, "root")
	s.ask(t, "POST", userPage(root, "end"), url.Values{}, "Cookie", asRoot).leadsBack(t, userPage(root), "user_sessions_ended")
	if isIn(second) || !isIn(asRoot) {
		t.Error("of one's own sessions the others end, and not this one")
	}
	own, err := s.sessions.List(t.Context(), authn.Operator(), root.ID)
	if err != nil || len(own) != 1 {
		t.Fatal(own, err)
	}
	form = url.Values{"user_id": {root.ID.String()}, "session_id": {own[0].ID.String()}}
	s.ask(t, "POST", sessionsPage+"/end", form, "Cookie", asRoot).leadsBack(t, prefix+"/auth/login", "")
	if isIn(asRoot) {
		t.Error("the own session lives")
	}
}
