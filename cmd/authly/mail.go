package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/mail"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/store"
)

// newMailer builds what mails are put into words and sent by. A template that is broken stops the start.
func newMailer(cfg *config.Config, log *slog.Logger) (*mail.Mailer, error) {
	var server *mail.Server
	if configured := cfg.Mail.Server(); configured != nil {
		converted := mail.Server(*configured)
		server = &converted
	}
	mailer, err := mail.New(mail.Config{
		Server: server, From: cfg.Mail.From, PublicURL: cfg.Server.PublicURL, Prefix: cfg.Server.APIPrefix,
		Templates: cfg.Mail.Templates, Timeout: cfg.Mail.Timeout, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return mailer, nil
}

// changingMailer is a mailer that another one can take the place of.
type changingMailer struct{ current atomic.Pointer[mail.Mailer] }

// Send sends a mail with the mailer of the moment.
func (c *changingMailer) Send(ctx context.Context, m authn.Mail) error {
	return c.current.Load().Send(ctx, m)
}

// mailsConfig is what the configuration says of mails. A new address is confirmed before it counts where mails arrive; else people
// would wait for something that never comes, and so it counts at once and is not verified, as in the time before there were mails.
func mailsConfig(cfg *config.Config, disk *store.Store, sealer authn.Sealer, limits *authn.Limits, log *slog.Logger) authn.MailsConfig {
	return authn.MailsConfig{
		Store: disk, Sealer: sealer, Lifetimes: authn.MailLifetimes(cfg.Mail.Lifetimes), Keep: cfg.Mail.RetryFor,
		Limits: limits, Limit: cfg.Limits.Mail.Rate(), ConfirmEmail: cfg.Mail.Server() != nil,
		AnswerAfter: 50 * time.Millisecond, Now: time.Now, Log: log,
	}
}
