package config

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// MaxLogo bounds the file of Pages.Logo, in bytes.
const MaxLogo = 256 << 10

// LogoTypes are the media types of what Pages.Logo may name, by the ending of its name.
func LogoTypes() map[string]string {
	return map[string]string{".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
}

var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// checkPages looks at what the pages are to look like.
func (d *decoder) checkPages() {
	p := d.config.Pages
	if logo := p.Logo; logo != "" && LogoTypes()[strings.ToLower(filepath.Ext(logo))] == "" {
		d.bad("pages.logo", "is no picture that browsers show, expected a file whose name ends in .svg, .png, .jpg or .webp")
	}
	const noColour = `is no colour, expected one such as "#1a4b8c"`
	if p.Accent != "" && !colour.MatchString(p.Accent) {
		d.bad("pages.accent", noColour)
	}
	if p.AccentDark != "" && !colour.MatchString(p.AccentDark) {
		d.bad("pages.accent_dark", noColour)
	}
	for i, link := range p.Links {
		path := at("pages.links", i)
		if link.Title == "" {
			d.bad(path+".title", "is missing")
		}
		if !isLink(link.URL) {
			d.bad(path+".url", "is no address, expected one such as https://www.example.com/imprint or mailto:help@example.com")
		}
	}
}

// isLink reports whether an address may be a link: nothing that a browser would run.
func isLink(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "https", "http":
		return u.Host != "" && u.User == nil
	case "mailto":
		return u.Opaque != ""
	}
	return false
}
