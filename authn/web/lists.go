package web

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
)

// filter reads the fields of a form that is sent as the query of a page's address, so that what was found can be found again.
func (v *visit) filter() (form, error) {
	f, err := pick(v.r.URL.Query(), v.page.fields)
	for name, text := range f {
		v.filled[name] = strings.TrimSpace(text)
	}
	return v.filled, err
}

// pager leads to the pages of a list beside the one that is shown.
type pager struct {
	Label string
	Links []link
}

// pager leads from the page at the current cursor to those at others, where one is empty that there is not. It keeps what the filter holds.
func (v *visit) pager(path, current, previous, next string) (p pager) {
	query := url.Values{}
	for _, f := range v.page.fields {
		if text := v.filled[f.name]; text != "" {
			query.Set(f.name, text)
		}
	}
	p.Label = v.t("pager.label")
	if current != "" {
		p.add(v.t("pager.first"), v.path(path), query)
	}
	for _, one := range []struct{ cursor, text string }{{previous, v.t("pager.previous")}, {next, v.t("pager.next")}} {
		if one.cursor != "" {
			query.Set(cursorParameter, one.cursor)
			p.add(one.text, v.path(path), query)
		}
	}
	return p
}

func (p *pager) add(text, path string, query url.Values) {
	p.Links = append(p.Links, link{Text: text, Href: path + "?" + query.Encode()})
}

// cursorParameter is where the page of a list lies; it is in no form.
const cursorParameter = "cursor"

func (v *visit) cursor() (string, error) {
	given := v.r.URL.Query()[cursorParameter]
	if len(given) > 1 {
		return "", authn.RefuseField(cursorParameter, "Repeated field: "+cursorParameter)
	}
	return strings.Join(given, ""), nil
}

// skip is how many lines of a list that has no cursors lie before the page.
func (v *visit) skip() int {
	n, err := strconv.Atoi(v.r.URL.Query().Get("skip"))
	if err != nil || n < 0 || n > 1<<30 {
		return 0
	}
	return n
}

// skipPager is pager for such a list.
func (v *visit) skipPager(path string, skip int, more bool) (p pager) {
	p.Label = v.t("pager.label")
	at := func(n int) url.Values { return url.Values{"skip": {strconv.Itoa(n)}} }
	if skip > 0 {
		p.add(v.t("pager.previous"), v.path(path), at(max(skip-perPage, 0)))
	}
	if more {
		p.add(v.t("pager.next"), v.path(path), at(skip+perPage))
	}
	return p
}
