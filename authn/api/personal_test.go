package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// personal is the download, as far as tests look into it.
type personal struct {
	User struct {
		Username string
		Failures int `json:"failed_logins"`
	}
	Sessions []struct {
		ID      string
		EndedAt *string `json:"ended_at"`
		Cookie  *string `json:"cookie_expires_at"`
		Agent   string  `json:"user_agent"`
	}
	Tokens []struct {
		Kind   string
		UsedBy string `json:"used_by"`
	}
	Networks    []any `json:"known_networks"`
	Mails       []struct{ Kind, To string }
	MailedLinks []struct{ Kind, Email string } `json:"mailed_links"`
	Events      []struct{ Kind string }
}

// People get all that is kept of them and nothing that could be used: no hash, no token, and nobody else's.
func TestPersonalData(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(*testing.T) string) {
		s := start(t, open(t), options{confirmEmail: true})
		alice := s.add(t, "alice")
		bob := s.add(t, "bob")
		s.login(t, "bob")
		ended := s.login(t, "alice")
		s.call(t, "POST", "/auth/logout", ended.Access, `{"scope":"session"}`).want(200)
		s.call(t, "POST", "/auth/token", "", grantOf("alice", "wrong password")).want(401)
		browser, err := s.logins.LoginBrowser(t.Context(), "alice", goodPassword, true, "", authn.Client{
			Address: netip.MustParseAddr("203.0.113.9"), UserAgent: `<script>"Agent"</script>`,
		})
		if err != nil {
			t.Fatal(err)
		}
		mine := s.login(t, "alice")
		var next tokens
		s.call(t, "POST", "/auth/refresh", "", refreshOf(mine.Refresh)).want(200).into(&next)
		s.call(t, "POST", "/auth/token", "", grantOf("alice", "wrong password")).want(401)
		s.call(t, "PUT", "/users/"+alice.ID.String(), mine.Access, object("email", "new@example.com")).want(202)

		a := s.call(t, "GET", "/users/me/export", mine.Access, "").want(200)
		if got := a.header.Get("Content-Disposition"); got != "attachment; filename=authly-20260301T120000Z.json" {
			t.Errorf("Content-Disposition %q", got)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("the headers are %v", a.header)
		}
		var got personal
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		if got.User.Username != "alice" || got.User.Failures != 1 || len(got.Sessions) != 3 || len(got.Tokens) != 6 || len(got.Networks) != 2 ||
			len(got.Mails) != 2 || len(got.MailedLinks) != 1 || got.MailedLinks[0].Email != "new@example.com" || len(got.Events) < 6 {
			t.Errorf("got %s", a.body)
		}
		overs, cookies, used := 0, 0, 0
		for _, one := range got.Sessions {
			if one.EndedAt != nil {
				overs++
			}
			if one.Cookie != nil && one.Agent == `<script>"Agent"</script>` {
				cookies++
			}
		}
		for _, one := range got.Tokens {
			if one.UsedBy != "" {
				used++
			}
		}
		if overs != 1 || cookies != 1 || used != 1 {
			t.Errorf("%d sessions have ended, %d have a cookie and %d tokens were used, want one each", overs, cookies, used)
		}
		link := s.mailed(t, authn.MailEmailChange).Token
		for what, secret := range map[string]string{
			"a hash of a password": "$2", "a session's cookie": browser.Value, "its hash": hashed(browser.Value), "a mailed token": link,
			"an access token": signature(next.Access), "a refresh token": signature(next.Refresh), "a jti": claim(t, next.Access, "jti"),
			"another user": "bob", "another user's id": bob.ID.String(), "a tag": "<script>",
		} {
			raw := []byte(secret)
			for _, form := range []string{secret, hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw)} {
				if secret == "" || bytes.Contains(a.body, []byte(form)) {
					t.Errorf("%s is told: %s", what, a.body)
				}
			}
		}
		head := s.do(t, request{method: http.MethodHead, path: "/users/me/export", token: mine.Access}).want(200)
		if len(head.body) > 0 || head.header.Get("Content-Disposition") == "" {
			t.Errorf("HEAD answers %v and %d bytes", head.header, len(head.body))
		}
		s.call(t, "GET", "/users/me/export", "", "").problem(401)
	})
}

// Who has said that an address is theirs, and has not shown it, is not told what is mailed there.
func TestPersonalDataOfUnconfirmedAddress(t *testing.T) {
	s := start(t, sqliteURL(t), options{noVerification: true})
	s.addAdmin(t, "root")
	root := s.login(t, "root").Access
	s.call(t, "POST", "/users/invitations", root, object("email", "eve@example.com")).want(201)
	var eve user
	s.call(t, "POST", "/users", "", registration("mallory", "eve@example.com", goodPassword)).want(201).into(&eve)
	mine := s.login(t, "mallory").Access
	for _, want := range []int{0, 1} {
		var got personal
		if err := json.Unmarshal(s.call(t, "GET", "/users/me/export", mine, "").want(200).body, &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Mails) != want || want == 1 && got.Mails[0].Kind != "invitation" {
			t.Errorf("%d mails are told, want %d: %v", len(got.Mails), want, got.Mails)
		}
		s.call(t, "PUT", "/users/"+eve.ID+"/verify", root, "").want(200)
	}
}

// signature is the last part of a token: with it, whoever has the rest has the token.
func signature(token string) string { return token[strings.LastIndexByte(token, '.')+1:] }

// hashed is what the store knows a cookie by.
func hashed(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
