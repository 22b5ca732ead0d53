package config

import (
	"strings"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// maxTitle bounds the title of a route, in characters: it is a line of a list.
const maxTitle = 80

// checkTitle looks at what people are told of a route, and where that leads them.
func (d *decoder) checkTitle(path string, r *Route) {
	title, address := join(path, "title"), join(path, "url")
	if r.Title == "" {
		if d.wasGiven(title) {
			d.bad(title, "is empty, expected some words; leave the key out for a route that is in no list")
		}
		return
	}
	if r.Title != strings.TrimSpace(r.Title) || utf8.RuneCountInString(r.Title) > maxTitle {
		d.bad(title, "is no title, expected at most %d characters without spaces around them", maxTitle)
	}
	app, err := r.application(d.config.Server.PublicURL)
	if err != nil {
		d.bad(address, "%s", err)
		return
	}
	rule := r.Rule()
	alone := authn.Route{Hosts: rule.Hosts, Paths: rule.Paths, Methods: rule.Methods, Access: authn.AllowPublic}
	decoded, _ := authn.ParsePath(app.RawPath)
	if _, ok := authn.NewGate(authn.GateConfig{Routes: []authn.Route{alone}}).Serves(app.Host, decoded); !ok {
		d.bad(address, "is not matched by the route, expected an address of its hosts and paths that may be opened with GET")
	}
}
