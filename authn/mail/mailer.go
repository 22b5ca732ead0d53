package mail

import (
	"context"
	"errors"
	"log/slog"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// Config is what a Mailer needs. Fields are required unless their comment says otherwise.
type Config struct {
	Server    *Server       // nil: mails are written to the log, with everything in them, and not sent
	From      string        // an address, with a display name or without (RFC 5322 section 3.4); required with a Server
	PublicURL string        // what every link starts with, such as https://login.example.com; never a request's Host
	Prefix    string        // in front of every page, such as /api/v1; may be empty
	Templates string        // a folder with templates to use in place of the built-in ones of the same names; empty: none
	Timeout   time.Duration // of one conversation with the server
	Log       *slog.Logger
}

// Server is a mail server.
type Server struct {
	Host               string
	Port               int
	Username, Password string // both empty: none is sent
	ImplicitTLS        bool   // TLS from the first byte (RFC 8314 section 3); else STARTTLS, which is required
	CAFile             string // certificates in PEM to check the server's with; empty: those of the system
	DangerousNoTLS     bool   // everything in the clear, tokens included; never with a password
}

// Mailer renders and sends mails. It is safe for concurrent use.
type Mailer struct {
	cfg     Config
	from    *netmail.Address
	words   *words
	deliver func(context.Context, authn.Mail, letter) error
}

var _ authn.MailSender = (*Mailer)(nil)

// New returns a Mailer. It fails if a template cannot be used, and names its file.
func New(cfg Config) (*Mailer, error) {
	m := &Mailer{cfg: cfg}
	var err error
	if m.words, err = readWords(cfg.Templates, strings.TrimSuffix(cfg.PublicURL, "/"), cfg.Prefix); err != nil {
		return nil, err
	}
	if cfg.Server == nil {
		m.deliver = m.print
		return m, nil
	}
	if m.from, err = netmail.ParseAddress(cfg.From); err != nil {
		return nil, errors.New("the sender is no address")
	}
	relay, err := newRelay(*cfg.Server, m.from, cfg.Timeout)
	if err != nil {
		return nil, err
	}
	m.deliver = relay.deliver
	return m, nil
}

// Send renders a mail and gives it to the server.
func (m *Mailer) Send(ctx context.Context, mail authn.Mail) error {
	l, err := m.words.render(mail)
	if err != nil {
		return err
	}
	return m.deliver(ctx, mail, l)
}

// print writes a mail to the log, for trying things out. It shows the link: who can read the log can use it.
func (m *Mailer) print(ctx context.Context, mail authn.Mail, l letter) error {
	m.cfg.Log.WarnContext(ctx, "MAIL, shown here and not sent, because mail.url is log:",
		"to", mail.To, "subject", l.subject, "link", l.link, "text", l.text)
	return nil
}
