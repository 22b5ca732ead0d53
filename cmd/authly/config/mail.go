package config

import (
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"

	"github.com/descoped/authly/headers"
)

// MailServer is what Mail.URL says; it converts to a mail.Server.
type MailServer struct {
	Host               string
	Port               int
	Username, Password string
	ImplicitTLS        bool
	CAFile             string
	DangerousNoTLS     bool
}

// logMail is the address of no mail server at all: mails are written to the log.
const logMail = "log:"

// withoutTLS is the parameter of an address that lets mails travel in the clear.
const withoutTLS = "dangerously_without_tls"

// Server is the mail server, nil if mails are written to the log. The address has passed the checks of Load.
func (m Mail) Server() *MailServer {
	server, _ := m.parse()
	return server
}

// parse reads the address, or says what is wrong with it.
func (m Mail) parse() (server *MailServer, problem string) {
	if m.URL == logMail {
		return nil, ""
	}
	u, err := url.Parse(m.URL)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Opaque != "" {
		return nil, "is no address of a mail server, expected log:, smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465"
	}
	host, err := headers.NormalizeHost(u.Host)
	if err != nil || host == "" || strings.HasSuffix(u.Host, ":") {
		return nil, "holds no good host, expected an address such as smtp://mail.example.com:587"
	}
	server = &MailServer{Host: strings.Trim(host, "[]"), CAFile: m.CAFile, ImplicitTLS: u.Scheme == "smtps"}
	server.Port = 587
	if server.ImplicitTLS {
		server.Port = 465
	}
	if u.Port() != "" {
		if server.Port, err = strconv.Atoi(u.Port()); err != nil || server.Port < 1 || server.Port > 65535 {
			return nil, "holds no good port, expected one from 1 to 65535"
		}
	}
	if u.User != nil {
		server.Username = u.User.Username()
		server.Password, _ = u.User.Password()
	}
	return server, server.readParameters(u)
}

// readParameters reads what stands behind the question mark, and refuses what makes no sense beside it.
func (s *MailServer) readParameters(u *url.URL) (problem string) {
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return "holds more than a host and a port, expected an address such as smtp://mail.example.com:587"
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "holds parameters that cannot be read, expected " + withoutTLS + "=true or none"
	}
	for name, values := range parameters {
		if name != withoutTLS || len(values) != 1 || values[0] != "true" {
			return "holds a parameter that is not known, expected " + withoutTLS + "=true or none"
		}
		s.DangerousNoTLS = true
	}
	switch {
	case s.DangerousNoTLS && s.ImplicitTLS:
		return "is smtps and without TLS at once, expected one of the two"
	case s.DangerousNoTLS && s.Username+s.Password != "":
		return "would send a password in the clear, expected no user and password without TLS"
	}
	return ""
}

func (d *decoder) checkMail() {
	m := d.config.Mail
	server, problem := m.parse()
	if problem != "" {
		d.bad("mail.url", "%s", problem)
		return
	}
	if m.From == "" {
		if server != nil {
			d.bad(d.eitherGiven("mail.from", "mail.url"), "nobody would be the sender, expected mail.from to be an address such as Example <no-reply@example.com>")
		}
		return
	}
	if _, err := netmail.ParseAddress(m.From); err != nil || strings.ContainsAny(m.From, "\r\n") {
		d.bad("mail.from", "is no address, expected one such as Example <no-reply@example.com>")
	}
}

// mail warns where mails say too much, or never arrive.
func (w *warnings) mail() {
	server := w.config.Mail.Server()
	switch {
	case server == nil && w.config.Users.Registration == "open":
		w.add("mail.url", "Is log: while anybody may register: mails are not sent but written to the log, with links by which who reads it can "+
			"verify any address and set any password. Set it to a mail server.")
	case server != nil && server.DangerousNoTLS:
		w.add("mail.url", "Is without TLS: everybody on the way can read mails, and use the links in them.")
	}
}
