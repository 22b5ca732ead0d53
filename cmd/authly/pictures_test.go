package main_test

import (
	"bytes"
	"database/sql"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	_ "modernc.org/sqlite" // the driver

	"github.com/descoped/authly/authn/web/browsertest"
)

// pictured is where the pictures of README.md are.
const pictured = "authn/web/screenshots"

// The README shows the pages as they are: in pictures that are there, and small.
func TestPictures(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"signin.png", "sessions.png", "administration.png"} {
		picture, err := os.ReadFile(filepath.Join(root, pictured, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || len(picture) > 100<<10 {
			t.Errorf("%s has %d bytes, %v", name, len(picture), err)
		}
		if !strings.Contains(string(readme), "]("+pictured+"/"+name+")") {
			t.Errorf("README.md does not show %s", name)
		}
	}
	if browsertest.Thorough() {
		takePictures(t)
	}
}

// takePictures takes those of the README, if anybody wants some.
func takePictures(t *testing.T) {
	s := newStage(t, nil)
	s.person(t, "anna")
	for _, agent := range []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	} {
		s.signInAs(t, agent)
	}
	tab := s.browser.Guest(t)
	tab.Do(t, chromedp.EmulateViewport(1000, 600))
	tab.Open(t, browsed+"/wiki/")
	tab.Picture(t, "signin")
	tab.Press(t, "Sign in", "username", "anna", "password", passwordOf("anna"))
	tab.Open(t, accountPage+"/sessions")
	tab.Picture(t, "sessions")
	s.passADay(t)
	admin := s.signedIn(t, "admin")
	admin.Do(t, chromedp.EmulateViewport(1000, 600))
	admin.Open(t, adminPages)
	admin.Do(t, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("tbody tr:nth-child(n+4)").forEach((e) => e.remove())`)) // a short page
	admin.Picture(t, "administration")
}

// signInAs signs anna in with a browser that says to be another one, after some wrong passwords.
func (s *stage) signInAs(t *testing.T, agent string) {
	t.Helper()
	tab := s.browser.Guest(t)
	browsertest.Run(t, tab, browsertest.Command(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent}))
	tab.Open(t, browsed+"/auth/login")
	tab.Press(t, "Sign in", "username", "anna", "password", "not hers")
	tab.Press(t, "Sign in", "username", "anna", "password", passwordOf("anna"))
}

// passADay has what has happened have happened in the course of a day, again and again.
func (s *stage) passADay(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite", s.file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const again = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)
		INSERT INTO audit_events (at, kind, outcome, reason, actor_kind, actor_id, subject, client_address, user_agent, request_id, count, details)
		SELECT at - (3600 + i * 7919 % 79000) * 1000000, CASE WHEN kind = 'login_failed' AND i % 9 = 0 THEN 'account_locked' ELSE kind END, outcome, reason,
			actor_kind, actor_id, subject, client_address, user_agent, request_id, count, details
		FROM audit_events, n WHERE kind IN ('login', 'login_failed') AND (kind = 'login' OR i % 4 = 0) AND (i * 7919 % 79000) % 7 < 3`
	if _, err := db.ExecContext(t.Context(), again); err != nil {
		t.Fatal(err)
	}
}
