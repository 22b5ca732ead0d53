package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/api"
	"github.com/descoped/authly/authn/web"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/headers"
)

// newPages builds what people see. They are sent back to what the gate has a route for, and to the pages.
func (m *mind) newPages(cfg *config.Config, log *slog.Logger, gate *authn.Gate, endpoints *api.API) (*web.Pages, error) {
	var pages *web.Pages
	returns, err := headers.NewReturnAddresses(cfg.Server.PublicURL, cfg.CookieDomains(), func(host, path string) (named, ok bool) {
		if named, ok = gate.Serves(host, path); !ok {
			ok = pages.Shows(path)
		}
		return named, ok
	})
	if err != nil {
		return nil, fmt.Errorf("server.public_url: %w", err)
	}
	brand, err := brandOf(cfg.Pages, log)
	if err != nil {
		return nil, err
	}
	pages, err = web.New(web.Config{
		Logins: m.logins, Sessions: m.sessions, Accounts: m.accounts, Cookie: cfg.SessionCookie(),
		Domains: cfg.OtherDomains(),
		Trail:   m.trail, Explainer: authn.NewExplainer(gate, m.accounts), Keys: m.keys, Owns: endpoints.Owns, Answers: endpoints.Answers,
		PublicURL: cfg.Server.PublicURL, Prefix: cfg.Server.APIPrefix, Accept: returns.Accept,
		Applications: gate.Applications, Names: gate.Names,
		StatusOf: api.StatusOf, Now: time.Now, Log: log,
		MailsAreLogged: cfg.Mail.Server() == nil, MayRemember: cfg.Sessions.RememberFor > 0, Folder: cfg.Pages.Folder, Brand: brand,
	})
	if err != nil {
		return nil, fmt.Errorf("pages.folder: %w", err)
	}
	return pages, nil
}

// The backgrounds of the style's pages, light and dark.
const paper, paperDark = "#ffffff", "#16181b"

// brandOf reads the logo, and warns of colours that cannot be read.
func brandOf(cfg config.Pages, log *slog.Logger) (web.Brand, error) {
	for key, pair := range map[string][2]string{"pages.accent": {cfg.Accent, paper}, "pages.accent_dark": {cfg.AccentDark, paperDark}} {
		if ratio := web.Contrast(pair[0], pair[1]); pair[0] != "" && ratio < 4.5 {
			log.Warn("configuration", "key", key, "warning", fmt.Sprintf(
				"Is hard to read on its background: the contrast is %.1f, and WCAG asks for 4.5.", ratio))
		}
	}
	brand := web.Brand{Name: cfg.Name, Accent: cfg.Accent, AccentDark: cfg.AccentDark}
	for _, l := range cfg.Links {
		brand.Links = append(brand.Links, web.BrandLink(l))
	}
	if cfg.Logo == "" {
		return brand, nil
	}
	logo, err := os.ReadFile(cfg.Logo)
	if err != nil {
		return brand, fmt.Errorf("pages.logo: %w", err)
	}
	if len(logo) > config.MaxLogo {
		return brand, fmt.Errorf("pages.logo: %s is larger than %d bytes", cfg.Logo, config.MaxLogo)
	}
	brand.Logo, brand.LogoType = logo, config.LogoTypes()[strings.ToLower(filepath.Ext(cfg.Logo))]
	return brand, nil
}
