package api

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/descoped/authly/authn"
)

// maxPage is the most users in one answer, and how many there are when the client does not say.
const maxPage = 100

// page says which part of a list is wanted.
type page struct {
	skip, limit int
	after       string // a cursor, instead of skip
	hasAfter    bool
}

// paging reads skip or after, and limit, from a query.
func paging(rawQuery string) (page, error) {
	return pagingAnd(rawQuery, func(name string, _ []string) error { return unknownParameter(name) })
}

// pagingAnd reads skip or after, and limit, from a query, and has other read the rest. It is as strict as a body: a misspelt limit
// must not list everybody.
func pagingAnd(rawQuery string, other func(name string, values []string) error) (p page, err error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil { // its text repeats what was sent
		return p, authn.Refuse(authn.CodeInvalidRequest, "Query decode error")
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // of several mistakes always the same one is told
	p.limit = maxPage
	for _, name := range names {
		switch name {
		case "skip":
			p.skip, err = number(name, values[name], 0, 1<<31-1)
		case "limit":
			p.limit, err = number(name, values[name], 1, maxPage)
		case "after":
			if p.after, p.hasAfter = values[name][0], true; len(values[name]) != 1 {
				err = repeatedParameter(name)
			} else if len(values["skip"]) > 0 {
				err = authn.RefuseField(name, "Query parameter after cannot be given together with skip")
			}
		default:
			err = other(name, values[name])
		}
		if err != nil {
			return page{}, err
		}
	}
	return p, nil
}

func unknownParameter(name string) error {
	return authn.RefuseField(shown(name), "Unknown query parameter: "+shown(name))
}

func repeatedParameter(name string) error {
	return authn.RefuseField(name, "Repeated query parameter: "+name)
}

// number reads a parameter that is one whole number, digits and nothing else, from least to most.
func number(name string, values []string, least, most int) (int, error) {
	if len(values) != 1 {
		return 0, repeatedParameter(name)
	}
	n, err := strconv.ParseUint(values[0], 10, 31)
	if err != nil || int(n) < least || int(n) > most {
		return 0, authn.RefuseField(name, "Query parameter "+name+" must be a whole number from "+
			strconv.Itoa(least)+" to "+strconv.Itoa(most))
	}
	return int(n), nil
}
