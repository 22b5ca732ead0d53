package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"os"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/descoped/authly/authn"
)

// relay is the way to a mail server. Each mail has a connection of its own: there are few of them, and none waits for another.
type relay struct {
	server  Server
	from    *netmail.Address
	domain  string // of from
	timeout time.Duration
	tls     *tls.Config
}

func newRelay(s Server, from *netmail.Address, timeout time.Duration) (*relay, error) {
	if s.DangerousNoTLS && s.Password != "" {
		return nil, errors.New("a password is never sent without TLS")
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	r := &relay{
		server: s, from: from, domain: domain, timeout: timeout,
		tls: &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12},
	}
	if s.CAFile == "" {
		return r, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	r.tls.RootCAs = x509.NewCertPool()
	if !r.tls.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", s.CAFile)
	}
	return r, nil
}

// deliver gives a mail to the server.
func (r *relay) deliver(ctx context.Context, mail authn.Mail, l letter) error {
	message, err := r.compose(mail, l)
	if err != nil {
		return fmt.Errorf("%w: %w", authn.ErrMailRefused, err)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	client, err := r.client(ctx)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, message)
	if message.IsDelivered() { // what came after that is not the mail's fault
		return nil
	}
	return verdict(err)
}

// compose builds the message (RFC 5322). Its id is that of the mail, so that who gets it twice can tell.
func (r *relay) compose(mail authn.Mail, l letter) (*gomail.Msg, error) {
	message := gomail.NewMsg()
	message.FromMailAddress(r.from)
	if err := message.To(mail.To); err != nil {
		return nil, errors.New("the recipient is no address")
	}
	message.Subject(l.subject)
	message.SetDateWithValue(mail.CreatedAt)
	message.SetMessageIDWithValue(mail.ID + "@" + r.domain)
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5: no answers by machines, please
	message.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange
	message.SetBodyString(gomail.TypeTextPlain, l.text)
	message.AddAlternativeString(gomail.TypeTextHTML, l.html)
	return message, nil
}

// client returns the library's client for one mail. What it has begun ends with ctx.
func (r *relay) client(ctx context.Context) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(r.server.Port), gomail.WithTimeout(r.timeout), gomail.WithTLSConfig(r.tls.Clone()), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			return r.dial(ctx, network, address)
		}),
	}
	switch {
	case r.server.DangerousNoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	case r.server.ImplicitTLS:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if r.server.Username != "" || r.server.Password != "" {
		// In this order; none of them without TLS, since there is no password without it.
		options = append(options, gomail.WithUsername(r.server.Username), gomail.WithPassword(r.server.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256PLUS, gomail.SMTPAuthSCRAMSHA256,
				gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(r.server.Host, options...)
}

// dial connects. The connection ends with ctx: the library looks at that only until it has one.
func (r *relay) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if !r.server.ImplicitTLS {
		return conn, nil
	}
	secured := tls.Client(conn, r.tls)
	return secured, secured.HandshakeContext(ctx)
}

// verdict tells what is worth another try from what is not. Only an answer to this recipient or these words counts for that: who
// may not log in, or has no TLS, is a mistake of the configuration that somebody will mend.
func verdict(err error) error {
	if err == nil {
		return errors.New("the mail was not delivered")
	}
	sendErr, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return err
	}
	switch sendErr.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		if sendErr.ErrorCode() >= 500 {
			return fmt.Errorf("%w: %w", authn.ErrMailRefused, errors.New(answer(sendErr)))
		}
	}
	return errors.New(answer(sendErr))
}

// answer is what the server said, in short: its words may repeat an address, which belongs to nobody who reads logs.
func answer(e *gomail.SendError) string {
	text := e.Reason.String()
	if code := e.ErrorCode(); code > 0 {
		text += fmt.Sprintf(", answer %d", code)
	}
	if e.EnhancedStatusCode() != "" {
		text += " " + e.EnhancedStatusCode()
	}
	return text
}
