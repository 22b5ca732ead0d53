package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/descoped/authly/authn"
)

// userList says which users are wanted.
type userList struct {
	page
	search url.Values // what is searched for, as it was given; empty: everybody is listed
	query  authn.UserQuery
}

func (a *API) listUsers(c *call) error {
	list, err := readUserList(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	if len(list.search) > 0 {
		return a.searchUsers(c, list)
	}
	var users []authn.User
	if list.hasAfter {
		users, err = a.cfg.Accounts.ListAfter(c.r.Context(), c.caller, list.after, list.limit)
	} else {
		users, err = a.cfg.Accounts.List(c.r.Context(), c.caller, list.skip, list.limit)
	}
	if err != nil {
		return err
	}
	if len(users) == list.limit { // there may be more (RFC 8288)
		next := url.Values{"limit": {strconv.Itoa(list.limit)}, "after": {authn.UserCursor(users[len(users)-1])}}
		c.w.Header().Set("Link", a.usersLink(next, "next"))
	}
	answer := make([]userAnswer, 0, len(users))
	for _, u := range users {
		answer = append(answer, show(u))
	}
	return c.answer(http.StatusOK, answer)
}

// searchUsers answers with those who are searched for. Its links lead to what is searched for in the same way.
func (a *API) searchUsers(c *call, list userList) error {
	found, err := a.cfg.Accounts.Search(c.r.Context(), c.caller, list.query)
	if err != nil {
		return err
	}
	var links []string
	for _, one := range []struct{ cursor, relation string }{{found.Previous, "prev"}, {found.Next, "next"}} {
		if one.cursor != "" {
			list.search.Set("cursor", one.cursor)
			list.search.Set("limit", strconv.Itoa(list.limit))
			links = append(links, a.usersLink(list.search, one.relation))
		}
	}
	if len(links) > 0 {
		c.w.Header().Set("Link", strings.Join(links, ", "))
	}
	answer := make([]userAnswer, 0, len(found.Users))
	for _, u := range found.Users {
		answer = append(answer, show(u.User))
	}
	return c.answer(http.StatusOK, answer)
}

func (a *API) usersLink(query url.Values, relation string) string {
	return "<" + a.base + "/users/?" + query.Encode() + `>; rel="` + relation + `"`
}

// readUserList reads what is wanted from a query.
func readUserList(rawQuery string) (list userList, err error) {
	list.search = url.Values{}
	q := &list.query
	list.page, err = pagingAnd(rawQuery, func(name string, values []string) (err error) {
		if len(values) != 1 {
			return repeatedParameter(shown(name))
		}
		switch name {
		case "search":
			q.Text = values[0]
		case "role":
			q.Role = values[0]
		case "order":
			q.Order = authn.UserOrder(values[0])
		case "cursor":
			q.Cursor = values[0]
		case "active":
			q.Active, err = truth(name, values[0])
		case "verified":
			q.Verified, err = truth(name, values[0])
		case "admin":
			q.Admin, err = truth(name, values[0])
		case "locked":
			q.Locked, err = truth(name, values[0])
		default:
			return unknownParameter(name)
		}
		list.search.Set(name, values[0])
		return err
	})
	q.Skip, q.Limit = list.skip, list.limit
	switch {
	case err != nil:
	case len(list.search) > 0 && list.hasAfter:
		err = authn.RefuseField("after", "Query parameter after is for the list of everybody: a search has cursor")
	case q.Cursor != "" && q.Skip > 0:
		err = authn.RefuseField("cursor", "Query parameter cursor cannot be given together with skip")
	}
	return list, err
}

// truth reads a parameter that is true or false.
func truth(name, value string) (*bool, error) {
	is := value == "true"
	if !is && value != "false" {
		return nil, authn.RefuseField(name, "Query parameter "+name+" must be true or false")
	}
	return &is, nil
}
