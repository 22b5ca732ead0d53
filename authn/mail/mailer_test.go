package mail_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/mail"
	"github.com/descoped/authly/authn/mail/mailtest"
)

const (
	publicURL = "https://login.example.com"
	token     = "a-token-of-forty-three-characters-and-no-mor"
)

// caused is when every mail of the tests was caused.
var caused = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// example is a mail of a kind with everything in it.
func example(kind authn.MailKind) authn.Mail {
	return authn.Mail{
		ID: "6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a11", Kind: kind, To: "alice@example.com", CreatedAt: caused, ExpiresAt: caused.Add(time.Hour),
		Username: "alice", Token: token, NewEmail: "new@example.com",
		SignIn: authn.SignInNotice{At: caused, Address: "192.0.2.7", Device: "Firefox on Linux", Place: "Oslo, Norway"},
	}
}

// to is a mailer for a server of a test.
func to(t *testing.T, s *mailtest.Server, o mailtest.Options) *mail.Mailer {
	t.Helper()
	return mailer(t, mail.Config{Server: &mail.Server{
		Host: s.Host, Port: s.Port, CAFile: s.CAFile, ImplicitTLS: o.ImplicitTLS, Username: o.Username, Password: o.Password,
	}})
}

func mailer(t *testing.T, cfg mail.Config) *mail.Mailer {
	t.Helper()
	cfg.From, cfg.PublicURL, cfg.Prefix = "Example Login <no-reply@example.com>", publicURL, "/api/v1"
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m, err := mail.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSends(t *testing.T) {
	for name, o := range map[string]mailtest.Options{
		"STARTTLS":                  {},
		"implicit TLS":              {ImplicitTLS: true},
		"STARTTLS and password":     {Username: "authly@example.com", Password: "s3cr@t/:?"},
		"implicit TLS and password": {ImplicitTLS: true, Username: "authly", Password: "s3cr@t/:?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, o)
			if err := to(t, s, o).Send(t.Context(), example(authn.MailPasswordReset)); err != nil {
				t.Fatal(err)
			}
			m := s.Next(t)
			link := publicURL + "/api/v1/auth/mail/reset#" + token
			for what, got := range map[string]string{
				"sender": m.From, "recipient": m.To, "From": m.Header.Get("From"), "To": m.Header.Get("To"), "subject": m.Subject,
				"Auto-Submitted": m.Header.Get("Auto-Submitted"), "Message-ID": m.Header.Get("Message-Id"), "Date": m.Header.Get("Date"),
				"link": m.Link(t, "/api/v1/auth/mail/reset"),
			} {
				want := map[string]string{
					"sender": "no-reply@example.com", "recipient": "alice@example.com", "From": `"Example Login" <no-reply@example.com>`,
					"To": "<alice@example.com>", "subject": "Choose a new password", "Auto-Submitted": "auto-generated",
					"Message-ID": "<6f1c1c9e-2f1a-4f6e-8a55-0d6f3c1b2a11@example.com>", "Date": "Sun, 01 Mar 2026 12:00:00 +0000",
					"link": link,
				}[what]
				if got != want {
					t.Errorf("%s %q, want %q", what, got, want)
				}
			}
			if !m.TLS {
				t.Error("it came in the clear")
			}
			if !strings.Contains(m.Text, "until 1 March 2026, 13:00 UTC") || !strings.Contains(m.HTML, `href="`+link+`"`) {
				t.Errorf("the words are\n%s\nand\n%s", m.Text, m.HTML)
			}
		})
	}
}

// Every refusal stands beside the same mail, sent rightly.
func TestNothingInTheClear(t *testing.T) {
	open := mailtest.Start(t, mailtest.Options{NoTLS: true})
	secured := mailtest.Start(t, mailtest.Options{Username: "authly", Password: "right"})
	another := mailtest.Start(t, mailtest.Options{})
	for name, r := range map[string]struct {
		at   *mailtest.Server
		with mail.Server
		sent bool
	}{
		"no STARTTLS":                {open, mail.Server{}, false},
		"no TLS where it must begin": {open, mail.Server{ImplicitTLS: true}, false},
		"no TLS, dangerously":        {open, mail.Server{DangerousNoTLS: true}, true},
		"password":                   {secured, mail.Server{CAFile: secured.CAFile, Username: "authly", Password: "right"}, true},
		"wrong password":             {secured, mail.Server{CAFile: secured.CAFile, Username: "authly", Password: "wrong-hunter2"}, false},
		"certificate of nobody":      {another, mail.Server{}, false},
		"certificate of another":     {another, mail.Server{CAFile: secured.CAFile}, false},
		"its certificate":            {another, mail.Server{CAFile: another.CAFile}, true},
		"password without TLS":       {open, mail.Server{Username: "authly", Password: "hunter2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r.with.Host, r.with.Port = r.at.Host, r.at.Port
			before := r.at.Reached("mail")
			err := mailer(t, mail.Config{Server: &r.with, Timeout: 10 * time.Second}).Send(t.Context(), example(authn.MailVerification))
			if sent := err == nil; sent != r.sent {
				t.Fatalf("sent %v, want %v: %v", sent, r.sent, err)
			}
			if r.sent {
				r.at.Next(t)
				return
			}
			if errors.Is(err, authn.ErrMailRefused) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, which is not worth another try or shows the password", err)
			}
			if r.at.Reached("mail") != before {
				t.Error("the server was told of the mail")
			}
		})
	}
	if _, err := mail.New(mail.Config{From: "a@example.com", Server: &mail.Server{Host: "h", DangerousNoTLS: true, Password: "p"}}); err == nil {
		t.Error("a password without TLS was taken")
	}
}

// What the server answers decides whether to try again.
func TestVerdicts(t *testing.T) {
	say := func(step string, code int) mailtest.Options {
		return mailtest.Options{Answer: func(at string, _ int, _ <-chan struct{}) error {
			if at == step {
				return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no: alice@example.com"}
			}
			return nil
		}}
	}
	for name, r := range map[string]struct {
		options mailtest.Options
		refused bool
	}{
		"recipient, later":   {say("rcpt", 450), false},
		"recipient, never":   {say("rcpt", 550), true},
		"contents, later":    {say("data", 451), false},
		"contents, never":    {say("data", 554), true},
		"sender, never":      {say("mail", 550), false}, // a mistake of the configuration
		"gone after the end": {mailtest.Options{DropAfterData: func(int) bool { return true }}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailtest.Start(t, r.options)
			err := to(t, s, r.options).Send(t.Context(), example(authn.MailInvitation))
			if err == nil || errors.Is(err, authn.ErrMailRefused) != r.refused {
				t.Fatalf("got %v, want a refusal: %v", err, r.refused)
			}
			for _, secret := range []string{token, "alice"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds %q: %v", secret, err)
				}
			}
		})
	}
}

// A server that hangs holds nobody longer than the timeout, or than the program wants to run.
func TestHangs(t *testing.T) {
	hang := func(at string) mailtest.Options {
		return mailtest.Options{Answer: func(step string, _ int, hung <-chan struct{}) error {
			if step == at {
				<-hung
			}
			return nil
		}}
	}
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		s := mailtest.Start(t, hang("data"))
		m := mailer(t, mail.Config{Server: &mail.Server{Host: s.Host, Port: s.Port, CAFile: s.CAFile}, Timeout: time.Second})
		if err := m.Send(t.Context(), example(authn.MailVerification)); err == nil || errors.Is(err, authn.ErrMailRefused) {
			t.Errorf("got %v, want an error that is worth another try", err)
		}
	})
	t.Run("the end of the program", func(t *testing.T) {
		t.Parallel()
		reached := make(chan struct{})
		s := mailtest.Start(t, mailtest.Options{Answer: func(step string, _ int, hung <-chan struct{}) error {
			if step == "rcpt" {
				close(reached)
				<-hung
			}
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		m := mailer(t, mail.Config{Server: &mail.Server{Host: s.Host, Port: s.Port, CAFile: s.CAFile}, Timeout: time.Hour})
		if err := m.Send(ctx, example(authn.MailVerification)); err == nil {
			t.Error("it was sent")
		}
	})
}

// Whatever is in a mail, its headers are those that Authly writes.
func TestHeadersAreNotInjected(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	folder := templates(t, map[string]string{"password_changed.txt": "Subject: Hello {{.Username}} and {{.NewEmail}}\n\nHello {{.Username}}\n"})
	m := mailer(t, mail.Config{Server: &mail.Server{Host: s.Host, Port: s.Port, CAFile: s.CAFile}, Templates: folder})
	for _, name := range []string{
		"x\r\nBcc: evil@example.com", "x\nBcc: evil@example.com\n\nbody", "x\rBcc: evil@example.com", "x\u2028Bcc: evil@example.com",
		"Ünï\r\n Bcc: evil@example.com", strings.Repeat("long ", 400) + "\r\nBcc: evil@example.com",
	} {
		mail := example(authn.MailPasswordChanged)
		mail.Username, mail.NewEmail = name, name
		if err := m.Send(t.Context(), mail); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got := s.Next(t)
		if got.Header.Get("Bcc") != "" || got.To != mail.To || s.Reached("rcpt") != s.Reached("mail") {
			t.Errorf("%q became a header or a recipient:\n%s", name, got.Raw)
		}
		if !strings.HasPrefix(got.Subject, "Hello "+strings.Fields(name)[0]) {
			t.Errorf("%q: the subject is %q", name, got.Subject)
		}
	}
	for _, address := range []string{"a@example.com\r\nBcc: evil@example.com", "a@example.com, evil@example.com", "a@example.com\n", "", "nobody"} {
		before := s.Reached("rcpt")
		mail := example(authn.MailPasswordChanged)
		mail.To = address
		if err := m.Send(t.Context(), mail); !errors.Is(err, authn.ErrMailRefused) || s.Reached("rcpt") != before {
			t.Errorf("to %q: got %v, want a refusal and nobody asked", address, err)
		}
	}
}

// Without a server every mail is in the log, whole and clearly marked.
func TestLogs(t *testing.T) {
	var out bytes.Buffer
	m := mailer(t, mail.Config{Log: slog.New(slog.NewTextHandler(&out, nil))})
	if err := m.Send(t.Context(), example(authn.MailVerification)); err != nil {
		t.Fatal(err)
	}
	line := out.String()
	for _, want := range []string{"level=WARN", "MAIL, shown here and not sent", "to=alice@example.com", "link=" + publicURL + "/api/v1/auth/mail/verify#" + token} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("a mail is more than one line: %s", line)
	}
}
