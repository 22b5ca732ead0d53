package web

import (
	"slices"
	"strings"
)

// A page is what people see at one address.
type page struct {
	path string // below the prefix; a segment in braces stands for any one segment
	who  audience
	name string // of its template, and what the names of its words begin with: NAME.title is its heading
	menu menu   // in which it is offered

	under string // the path of the page that stands for it in the menu; empty: it is in the menu itself

	// fields are what its form may send: nothing else is read. What they are called here is what authn calls them in an error.
	fields []field

	// lead is where whoever opens it is sent at once; empty: it is shown, as if lead were nil.
	lead func(*visit) (to string, err error)

	// show gathers what the template finds in .Data. It is called again for a form that comes back with what was wrong, so that it fills
	// only fields that were not sent. Nil: there is nothing to gather.
	show func(*visit) (any, error)

	// act does what the form asks for and answers, by visit.goTo or visit.tell. With an error the form comes back. Nil: there is no form.
	act func(*visit) error

	renew renewal // of a page that needs the code of a mail
}

// audience says who may open a page.
type audience int

const (
	administrators audience = iota // the zero value, so that forgetting it closes a page and never opens one
	signedIn
	anyone
)

// menu is a list of pages that is shown on each of them.
type menu int

const (
	noMenu menu = iota
	accountMenu
	adminMenu
)

// table lists every page, in the order of the menus. Pages without a variable come first where both would match.
func (p *Pages) table() []page {
	return slices.Concat(p.signInPages(), p.requestPages(), p.mailPages(), p.accountPages(),
		p.frontPages(), p.peoplePages(), p.auditPages(), p.routePages(), p.keyPages())
}

// blind reports whether the page is only sent to, and not opened.
func (pg *page) blind() bool { return pg.name == "" }

// find returns the page at a decoded path, and what stands for the variables of its own; nil if there is none. It is asked about
// every request to Authly itself.
func (p *Pages) find(path string) (*page, map[string]string) {
	rest, ok := strings.CutPrefix(path, p.cfg.Prefix)
	if !ok {
		return nil, nil
	}
	for i := range p.pages {
		if vars, ok := match(p.pages[i].path, rest); ok {
			return &p.pages[i], vars
		}
	}
	return nil, nil
}

// match compares a path with a pattern, segment by segment, and returns what stands for each variable; nil if there is none.
func match(pattern, path string) (vars map[string]string, ok bool) {
	for more := true; more; {
		var want, got string
		var moreOfPath bool
		want, pattern, more = strings.Cut(pattern, "/")
		got, path, moreOfPath = strings.Cut(path, "/")
		switch name, isVariable := strings.CutPrefix(want, "{"); {
		case more != moreOfPath:
			return nil, false
		case isVariable && got != "":
			if vars == nil {
				vars = map[string]string{}
			}
			vars[strings.TrimSuffix(name, "}")] = got
		case want != got:
			return nil, false
		}
	}
	return vars, true
}
