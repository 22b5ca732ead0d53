package authn

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/google/uuid"
)

// UserOrder is the order in which users are listed.
type UserOrder string

// The orders. The empty one is OldestFirst.
const (
	OldestFirst   UserOrder = "created"
	NewestFirst   UserOrder = "-created"
	ByName        UserOrder = "username" // by the bytes of the mapped name
	ByNameReverse UserOrder = "-username"
)

// UserOrders returns every order.
func UserOrders() []UserOrder { return []UserOrder{OldestFirst, NewestFirst, ByName, ByNameReverse} }

// UserQuery asks for users.
type UserQuery struct {
	UserFilter
	Order  UserOrder
	Cursor string // Next or Previous of another page in the same order; empty: from the beginning
	Skip   int    // instead of a cursor: users to pass over, at least 0
	Limit  int    // 1 to 100
}

// FoundUser is a user, and until when wrong passwords keep them out.
type FoundUser struct {
	User
	LockedUntil time.Time // zero: they do not
}

// UserPage is a part of a list of users.
type UserPage struct {
	Users          []FoundUser
	Previous, Next string // the cursors of the pages beside it; empty: there is none
}

// Search returns users to an administrator. Text is searched for whatever its case and width, as names are compared. Errors:
// CodeForbidden; CodeInvalidRequest with the field, which is search, role, order, cursor, skip or limit.
func (a *Accounts) Search(ctx context.Context, caller *Identity, q UserQuery) (UserPage, error) {
	if !caller.Admin {
		return UserPage{}, Refuse(CodeForbidden, "Not authorized to list users")
	}
	search, mark, err := a.search(q)
	if err != nil {
		return UserPage{}, err
	}
	users, before, after, err := turnTo(mark, q.Limit, func(from *UserPlace, back bool, limit int) ([]User, error) {
		s := search
		s.From, s.Backward, s.Limit = from, search.Backward != back, limit
		return a.cfg.Store.SearchUsers(ctx, s)
	})
	if err != nil {
		return UserPage{}, Fault(err)
	}
	page := UserPage{}
	if page.Users, err = a.withLocks(ctx, users); err != nil {
		return UserPage{}, err
	}
	if n := len(users); n > 0 && before && q.Skip == 0 {
		page.Previous = cursorOfUsers(search.ByName, search.Backward, true, users[0])
	}
	if n := len(users); n > 0 && after {
		page.Next = cursorOfUsers(search.ByName, search.Backward, false, users[n-1])
	}
	return page, nil
}

// search checks a query and says what the store is asked, and from where.
func (a *Accounts) search(q UserQuery) (s UserSearch, mark bookmark[UserPlace], err error) {
	if err := checkPaging(q.Skip, q.Limit); err != nil {
		return s, mark, err
	}
	s.UserFilter, s.Skip = q.UserFilter, q.Skip
	if s.Text, err = searchText(q.Text); err != nil {
		return s, mark, err
	}
	if q.Role != "" {
		if _, err := ParseRoles([]string{q.Role}); err != nil {
			return s, mark, RefuseField("role", "Invalid field: role must be the name of one")
		}
	}
	switch q.Order {
	case "", OldestFirst:
	case NewestFirst:
		s.Backward = true
	case ByName:
		s.ByName = true
	case ByNameReverse:
		s.ByName, s.Backward = true, true
	default:
		return s, mark, RefuseField("order", "Invalid field: order must be created, -created, username or -username")
	}
	if q.Cursor != "" {
		if mark, err = parseCursorOfUsers(q.Cursor, s.ByName, s.Backward); err != nil {
			return s, mark, err
		}
		s.Skip = 0
	}
	s.LocksAfter, s.LocksUntil = a.cfg.Logins.guard.lockWindow()
	return s, mark, nil
}

// withLocks adds until when users are kept out.
func (a *Accounts) withLocks(ctx context.Context, users []User) ([]FoundUser, error) {
	ids := make([]uuid.UUID, len(users))
	for i, u := range users {
		ids[i] = u.ID
	}
	standings, err := a.cfg.Logins.guard.standings(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make([]FoundUser, len(users))
	for i, u := range users {
		found[i] = FoundUser{User: u, LockedUntil: standings[u.ID].LockedUntil}
	}
	return found, nil
}

// searchable maps text as ParseUsername and ParseEmail map names, but takes parts of names, which may not be names.
var searchable = precis.NewFreeform(precis.FoldWidth, precis.LowerCase(), precis.Norm(norm.NFC))

// searchText maps what somebody searches for.
func searchText(typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", nil
	}
	mapped, err := searchable.String(typed)
	if err != nil || len(typed) > maxEmailBytes || len(mapped) > maxEmailBytes || !utf8.ValidString(typed) {
		return "", RefuseField("search", "Invalid field: search must be a part of a username or of an email address")
	}
	return mapped, nil
}
