package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/headers"
)

// newPages builds what people see. They are sent back to what the gate has a route for.
func (m *mind) newPages(cfg *config.Config, log *slog.Logger, gate *authn.Gate) (*web.Pages, error) {
	returns, err := headers.NewReturnAddresses(cfg.Server.PublicURL, cfg.CookieDomains(), gate.Serves)
	if err != nil {
		return nil, fmt.Errorf("server.public_url: %w", err)
	}
	return web.New(web.Config{
		Accounts: m.accounts, PublicURL: cfg.Server.PublicURL, Prefix: cfg.Server.APIPrefix, StatusOf: api.StatusOf, Log: log,
		SignIn: &web.SignIn{
			Logins: m.logins, Sessions: m.sessions, Cookie: cfg.SessionCookie(), Domains: headers.NewCookieDomains(cfg.Cookies.Domains), Accept: returns.Accept, Now: time.Now,
			MayRemember: cfg.Sessions.RememberFor > 0,
		},
	})
}
