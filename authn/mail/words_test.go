package mail_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/mail"
	"github.com/descoped/authly/authn/mail/mailtest"
)

// templates is a folder with files.
func templates(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// Every kind has words of its own, in both forms, and its link where it has a token.
func TestEveryKind(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	m := to(t, s, mailtest.Options{})
	subjects := map[string]authn.MailKind{}
	for _, kind := range authn.MailKinds() {
		written := example(kind)
		if !kind.HasToken() {
			written.Token = ""
		}
		if err := m.Send(t.Context(), written); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got := s.Next(t)
		if other, taken := subjects[got.Subject]; taken {
			t.Errorf("%s and %s have the subject %q", kind, other, got.Subject)
		}
		subjects[got.Subject] = kind
		for form, text := range map[string]string{"text": got.Text, "HTML": got.HTML} {
			if !strings.Contains(text, publicURL) || strings.Contains(text, "<no value>") || strings.Contains(text, "{{") {
				t.Errorf("the %s of %s is\n%s", form, kind, text)
			}
			if has := strings.Contains(text, publicURL+"/api/v1"+kind.Page()+"#"+token); has != kind.HasToken() {
				t.Errorf("the %s of %s has a link: %v", form, kind, has)
			}
		}
		if kind == authn.MailNewSignIn {
			for _, want := range []string{"1 March 2026, 12:00 UTC", "192.0.2.7", "Firefox on Linux", "Oslo, Norway"} {
				if !strings.Contains(got.Text, want) || !strings.Contains(got.HTML, want) {
					t.Errorf("%s is not in the notice of a sign-in", want)
				}
			}
		}
	}
}

// A sign-in that was refused for what was new about it took the right password, and the owner must know.
func TestNoticeOfARefusedSignIn(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	m := to(t, s, mailtest.Options{})
	for _, denied := range []bool{false, true} {
		written := example(authn.MailNewSignIn)
		written.SignIn.Denied = denied
		if err := m.Send(t.Context(), written); err != nil {
			t.Fatal(err)
		}
		got := s.Next(t)
		for form, text := range map[string]string{"text": got.Text, "HTML": got.HTML} {
			if strings.Contains(text, "was not let in") != denied || strings.Contains(text, "was signed in to") == denied {
				t.Errorf("refused: %t, and the %s is\n%s", denied, form, text)
			}
		}
		if strings.Contains(got.Subject, "knows your password") != denied {
			t.Errorf("refused: %t, and the subject is %q", denied, got.Subject)
		}
	}
}

// Whoever registers chooses a username, and the address of a stranger: the stranger must not read it.
func TestStrangersDoNotReadNames(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	m := to(t, s, mailtest.Options{})
	for _, kind := range []authn.MailKind{authn.MailVerification, authn.MailEmailChange} {
		written := example(kind)
		written.Username = "buy-at-evil.example"
		if err := m.Send(t.Context(), written); err != nil {
			t.Fatal(err)
		}
		if got := s.Next(t); strings.Contains(got.Text+got.HTML+got.Subject, "evil.example") {
			t.Errorf("%s shows the username", kind)
		}
	}
}

// Mail programs make links of what looks like one. Usernames are chosen by strangers, and are no links; ordinary ones stay as they are.
func TestUsernamesAreNoLinks(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	m := to(t, s, mailtest.Options{})
	for username, shown := range map[string]string{
		"http://evil.example": "http[:]//evil[.]example",
		"www.evil.example":    "www[.]evil[.]example",
		"evil.example/win":    "evil[.]example/win",
		"alice.smith":         "alice.smith",
		"a/b":                 "a/b",
		"alice":               "alice",
	} {
		for _, kind := range authn.MailKinds() {
			written := example(kind)
			written.Username = username
			if err := m.Send(t.Context(), written); err != nil {
				t.Fatal(err)
			}
			got := s.Next(t)
			for form, text := range map[string]string{"text": got.Text, "HTML": got.HTML} {
				names := kind != authn.MailVerification && kind != authn.MailEmailChange // these name nobody
				if username != shown && strings.Contains(text, username) || strings.Contains(text, shown) != names {
					t.Errorf("%s, the %s of %s is\n%s", username, form, kind, text)
				}
			}
		}
	}
}

func TestMarkupIsText(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	written := example(authn.MailEmailChanged)
	written.Username, written.NewEmail = `<script>alert(1)</script>`, `"><img src=x>@example.com`
	if err := to(t, s, mailtest.Options{}).Send(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	if got := s.Next(t); strings.Contains(got.HTML, "<script") || strings.Contains(got.HTML, "<img") || !strings.Contains(got.HTML, "&lt;script&gt;") {
		t.Errorf("the page is\n%s", got.HTML)
	}
}

// A deployment replaces what it wants to, and keeps the rest.
func TestTemplatesAreReplaced(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	folder := templates(t, map[string]string{
		"verification.txt": "Subject: Bienvenue\n\nOuvrez {{.Link}}\n",
		"frame.html":       `{{define "top"}}<main>{{end}}{{define "bottom"}}</main>{{end}}{{define "button"}}<p><a href="{{.}}">{{end}}`,
		"README.md":        "of no interest",
	})
	m := mailer(t, mail.Config{Server: &mail.Server{Host: s.Host, Port: s.Port, CAFile: s.CAFile}, Templates: folder})
	if err := m.Send(t.Context(), example(authn.MailVerification)); err != nil {
		t.Fatal(err)
	}
	got := s.Next(t)
	if got.Subject != "Bienvenue" || !strings.HasPrefix(got.Text, "Ouvrez https://") || !strings.HasPrefix(got.HTML, "<main><h1>Confirm") {
		t.Errorf("%q, %q, %q", got.Subject, got.Text, got.HTML)
	}
}

// A template that cannot be used is found at the start, and named.
func TestBrokenTemplates(t *testing.T) {
	for name, file := range map[string]struct{ name, text string }{
		"no syntax":               {"verification.txt", "Subject: x\n\n{{.Link"},
		"no such value":           {"verification.txt", "Subject: x\n\n{{.Lynk}}"},
		"no subject":              {"invitation.txt", "Hello {{.Username}}"},
		"an empty subject":        {"password_reset.txt", "Subject: \n\nHello"},
		"an empty file":           {"password_reset.txt", ""},
		"fails with empty values": {"new_sign_in.txt", "Subject: x\n\n{{index .Username 1}}"},
		"a page without syntax":   {"email_change.html", "<p>{{if}}"},
		"a page that is unsafe":   {"email_change.html", "<script>{{.Link}}"},
		"a frame without parts":   {"frame.html", "<p>"},
		"a slip in the name":      {"verificaton.txt", "Subject: x\n\n{{.Link}}"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := templates(t, map[string]string{file.name: file.text})
			_, err := mail.New(mail.Config{PublicURL: publicURL, Templates: folder, Log: slog.New(slog.DiscardHandler)})
			shown := file.name
			if file.name == "frame.html" { // found where it is used
				shown = "template"
			}
			if err == nil || !strings.Contains(err.Error(), shown) {
				t.Errorf("got %v, want an error that names %s", err, file.name)
			}
		})
	}
	if _, err := mail.New(mail.Config{Templates: filepath.Join(t.TempDir(), "nowhere")}); err == nil {
		t.Error("a folder that is not there was taken")
	}
}
