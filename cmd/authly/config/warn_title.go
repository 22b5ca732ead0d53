package config

import (
	"slices"

	"github.com/descoped/authly/authn"
)

// unlisted warns of a title that nobody gets to read, since its address is not the route's to decide about, or nobody comes in by it.
func (w *warnings) unlisted(path string, r *Route, rule *authn.Route, earlier []authn.Route) {
	if rule.Application == nil {
		if r.URL != "" {
			w.add(join(path, "url"), "Is of no use: the route has no title.")
		}
		return
	}
	decoded, _ := authn.ParsePath(rule.Application.RawPath)
	asked := &authn.Route{Hosts: []string{rule.Application.Host}, Paths: []string{decoded}, Methods: []string{"GET"}, Networks: rule.Networks}
	switch by := covered(asked, earlier); {
	case by != nil:
		w.add(join(path, "title"), "Is in nobody's list: requests to its address are decided by earlier routes ("+either(by, "and")+").")
	case r.Allow.Access == authn.AllowNobody:
		w.add(join(path, "title"), "Is in nobody's list: nobody may pass.")
	case r.Allow.Access != authn.AllowPublic && !slices.Contains(r.Credentials, "cookie"):
		w.add(join(path, "title"), "Is in nobody's list: the route takes no cookie, and so no browser's word for who it is.")
	}
}
