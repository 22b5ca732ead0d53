package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func directoryCases() []promise {
	return []promise{
		{"directory/filters", "who looks for a user must find that one, and nobody by a sign that stands for others", searchFilters},
		{"directory/roles", "a role must not be found in the name of another one", searchRoles},
		{"directory/locks", "an administrator must see who is kept out, and nobody whose lock is over", searchLocks},
		{"directory/hostile texts", "what is searched for must never become a statement", searchHostile},
		{"directory/pages", "turning pages must leave nobody out and show nobody twice, in either direction, whoever comes and goes", searchPages},
		{"directory/sessions", "an administrator must see every session that lives, and none that has ended", searchSessions},
		{"directory/pages of sessions", "the same for pages of sessions", sessionPages},
		{"directory/changed meanwhile", "of two administrators who change a user side by side, the second must not undo the first", changedMeanwhile},
	}
}

// names returns the usernames that a search finds.
func names(t *testing.T, s Store, search authn.UserSearch) []string {
	t.Helper()
	search.Limit = cmp.Or(search.Limit, 1000)
	users, err := s.SearchUsers(t.Context(), search)
	must(t, err)
	found := []string{}
	for _, u := range users {
		found = append(found, u.Username)
	}
	return found
}

func searchFilters(t *testing.T, db Database) {
	s := db.open(t)
	users := map[string]authn.User{}
	for i, name := range []string{"alice", "al%ice", "al_ice", `al\ice`, "bob", "straße"} {
		u := person(name)
		u.CreatedAt = now.Add(time.Duration(i) * time.Second)
		u.EmailKey = fmt.Sprintf("mail%d@example.com", i)
		u.Active, u.Verified, u.Admin = i != 1, i != 2, i == 3
		users[name] = add(t, s, u)
	}
	for name, c := range map[string]struct {
		filter authn.UserFilter
		want   []string
	}{
		"everybody":                    {authn.UserFilter{}, []string{"alice", "al%ice", "al_ice", `al\ice`, "bob", "straße"}},
		"the beginning of a name":      {authn.UserFilter{Text: "ali"}, []string{"alice"}},
		"the middle of a name":         {authn.UserFilter{Text: "ice"}, []string{"alice", "al%ice", "al_ice", `al\ice`}},
		"the end of a name":            {authn.UserFilter{Text: "ob"}, []string{"bob"}},
		"a letter beyond ASCII":        {authn.UserFilter{Text: "aß"}, []string{"straße"}},
		"another case":                 {authn.UserFilter{Text: "ICE"}, []string{}},
		"a percent sign":               {authn.UserFilter{Text: "%"}, []string{"al%ice"}},
		"an underscore":                {authn.UserFilter{Text: "_"}, []string{"al_ice"}},
		"a backslash":                  {authn.UserFilter{Text: `\`}, []string{`al\ice`}},
		"a part of an address":         {authn.UserFilter{Text: "mail4@"}, []string{"bob"}},
		"a name and an address":        {authn.UserFilter{Text: "bobmail4"}, []string{}},
		"an id":                        {authn.UserFilter{Text: users["bob"].ID.String()}, []string{"bob"}},
		"a part of an id":              {authn.UserFilter{Text: users["bob"].ID.String()[:30]}, []string{}},
		"active":                       {authn.UserFilter{Active: ptr(true), Text: "al"}, []string{"alice", "al_ice", `al\ice`}},
		"disabled":                     {authn.UserFilter{Active: ptr(false)}, []string{"al%ice"}},
		"verified":                     {authn.UserFilter{Verified: ptr(true), Text: "al"}, []string{"alice", "al%ice", `al\ice`}},
		"unverified":                   {authn.UserFilter{Verified: ptr(false)}, []string{"al_ice"}},
		"administrators":               {authn.UserFilter{Admin: ptr(true)}, []string{`al\ice`}},
		"others":                       {authn.UserFilter{Admin: ptr(false), Text: "al"}, []string{"alice", "al%ice", "al_ice"}},
		"several":                      {authn.UserFilter{Active: ptr(true), Verified: ptr(true), Admin: ptr(false), Text: "alice"}, []string{"alice"}},
		"several that nobody has":      {authn.UserFilter{Active: ptr(false), Admin: ptr(true)}, []string{}},
		"what cannot be in a database": {authn.UserFilter{Text: "a\x00"}, []string{}},
	} {
		equal(t, name, names(t, s, authn.UserSearch{UserFilter: c.filter}), c.want)
	}
	found, err := s.SearchUsers(t.Context(), authn.UserSearch{UserFilter: authn.UserFilter{Text: "bob"}, Limit: 10})
	must(t, err)
	equal(t, "the user", found, []authn.User{users["bob"]})
}

func searchRoles(t *testing.T, db Database) {
	s := db.open(t)
	for name, roles := range map[string][]string{
		"one": {"staff"}, "two": {"reports", "staff"}, "three": {"staff", "writer"}, "part": {"staffing"}, "end": {"nostaff"},
		"quoted": {`no"staff`}, "bracket": {`["staff`}, "backslash": {`staff\`}, "tag": {"<staff>"}, "none": {},
	} {
		u := person(name)
		u.Roles = roles
		add(t, s, u)
	}
	for role, want := range map[string][]string{
		"staff": {"one", "three", "two"}, "reports": {"two"}, "writer": {"three"}, `no"staff`: {"quoted"}, `["staff`: {"bracket"},
		`staff\`: {"backslash"}, "<staff>": {"tag"}, "nobody": {}, "%": {}, `"`: {}, "staff,writer": {},
	} {
		equal(t, "those with the role "+role, names(t, s, authn.UserSearch{UserFilter: authn.UserFilter{Role: role}, ByName: true}), want)
	}
}

func searchLocks(t *testing.T, db Database) {
	s := db.open(t)
	locked, over, failed := add(t, s, person("locked")), add(t, s, person("over")), add(t, s, person("failed"))
	add(t, s, person("quiet"))
	account := func(u authn.User) string { return authn.UserAccounts + u.ID.String() }
	failTimes(t, s, account(locked), policy.Failures, now)
	failTimes(t, s, account(over), policy.Failures, now.Add(-policy.Duration))
	failTimes(t, s, account(failed), policy.Failures-1, now)
	failTimes(t, s, "name:nobody", policy.Failures, now)
	find := func(is bool, at time.Time) []string {
		t.Helper()
		return names(t, s, authn.UserSearch{
			UserFilter: authn.UserFilter{Locked: &is}, ByName: true, LocksAfter: at, LocksUntil: at.Add(policy.Duration),
		})
	}
	equal(t, "who is locked", find(true, now), []string{"locked"})
	equal(t, "who is not", find(false, now), []string{"failed", "over", "quiet"})
	equal(t, "who is locked at the end", find(true, now.Add(policy.Duration)), []string{})
	equal(t, "who is locked by a clock that was set back", find(true, now.Add(-time.Second)), []string{"over"})
	counters, err := s.AccountCounters(t.Context(), []string{account(locked), account(failed), "name:nothing"})
	must(t, err)
	equal(t, "the counters", counters, map[string]authn.Counter{
		account(locked): {Failures: policy.Failures, LastFailure: now, LockedUntil: now.Add(policy.Duration), Locks: 1},
		account(failed): {Failures: policy.Failures - 1, LastFailure: now},
	})
	none, err := s.AccountCounters(t.Context(), nil)
	must(t, err)
	equal(t, "the counters of none", none, map[string]authn.Counter{})
}

func searchHostile(t *testing.T, db Database) {
	s := db.open(t)
	add(t, s, person("witness"))
	for i, text := range hostile {
		u := person(fmt.Sprintf("%d%sz", i, text))
		u.Roles, u.EmailKey = []string{text}, fmt.Sprintf("mail%d", i)
		add(t, s, u)
		found := names(t, s, authn.UserSearch{UserFilter: authn.UserFilter{Text: text + "z", Role: text}})
		equal(t, fmt.Sprintf("who is called and has %q", text), found, []string{u.Username})
		behind := names(t, s, authn.UserSearch{ByName: true, From: &authn.UserPlace{Username: u.Username}})
		if slices.Contains(behind, u.Username) || !slices.Contains(behind, "witness") {
			t.Errorf("behind %q: %q", u.Username, behind)
		}
		must(t, s.DeleteUser(t.Context(), u.ID, By(now)))
	}
	for _, text := range notText {
		equal(t, "a role that cannot be", names(t, s, authn.UserSearch{UserFilter: authn.UserFilter{Role: text}}), []string{})
		_, err := s.SearchUsers(t.Context(), authn.UserSearch{ByName: true, From: &authn.UserPlace{Username: text}, Limit: 1})
		if err == nil {
			t.Errorf("a place that cannot be, %.20q, was looked up", text)
		}
	}
}

func searchPages(t *testing.T, db Database) {
	s := db.open(t)
	var all []authn.User
	for i := range 7 { // three at a time, their ids and names the other way round
		u := person(fmt.Sprintf("user%d", 9-i))
		u.ID, u.CreatedAt = uuid.UUID{0: byte(20 - i), 15: 1}, now.Add(time.Duration(i/3)*time.Microsecond)
		all = append(all, add(t, s, u))
	}
	place := func(u authn.User) *authn.UserPlace {
		return &authn.UserPlace{CreatedAt: u.CreatedAt, ID: u.ID, Username: u.Username}
	}
	for _, search := range []authn.UserSearch{{}, {Backward: true}, {ByName: true}, {ByName: true, Backward: true}} {
		want := ordered(all, search)
		for search.Limit = 1; search.Limit <= len(all)+1; search.Limit++ {
			got := []authn.User{}
			for search.From = nil; len(got) <= len(all); search.From = place(got[len(got)-1]) {
				page, err := s.SearchUsers(t.Context(), search)
				must(t, err)
				if got = append(got, page...); len(page) < search.Limit {
					break
				}
			}
			equal(t, fmt.Sprintf("all in pages, %+v", search), got, want)
		}
		search.From, search.Limit, search.Skip = nil, 2, 3
		skipped, err := s.SearchUsers(t.Context(), search)
		must(t, err)
		equal(t, "two behind the third", skipped, want[3:5])
	}
	must(t, s.DeleteUser(t.Context(), all[2].ID, By(now)))
	add(t, s, person("user70")) // behind user7, whoever has gone
	rest := names(t, s, authn.UserSearch{ByName: true, From: place(all[2])})
	equal(t, "those behind one who is gone", rest, []string{"user70", "user8", "user9"})
	equal(t, "those before", names(t, s, authn.UserSearch{ByName: true, Backward: true, From: place(all[2])}),
		[]string{"user6", "user5", "user4", "user3"})
}

// ordered returns users in the order of a search.
func ordered(users []authn.User, s authn.UserSearch) []authn.User {
	sorted := slices.SortedFunc(slices.Values(users), func(a, b authn.User) int {
		if s.ByName {
			return cmp.Compare(a.Username, b.Username)
		}
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	if s.Backward {
		slices.Reverse(sorted)
	}
	return sorted
}

func searchSessions(t *testing.T, db Database) {
	s := db.open(t)
	alice, bob := add(t, s, person("alice")), add(t, s, person("bob"))
	p := authn.SessionPolicy{IdleTimeout: time.Hour, MaxLifetime: 10 * time.Hour}
	began := func(u authn.User, ago time.Duration, change func(*authn.Session)) authn.UserSession {
		t.Helper()
		access, refresh := pair(u)
		session := sessionOf(refresh, now.Add(-ago))
		session.Country, session.City, session.UserAgent = "NO", "Oslo", "Firefox"
		if change != nil {
			change(&session)
		}
		must(t, s.BeginSession(t.Context(), session, access, refresh, u.PasswordHash, authn.SessionPolicy{}, By(now)))
		return authn.UserSession{Session: session, Username: u.Username}
	}
	first := began(alice, 3*time.Minute, nil)
	second := began(bob, 2*time.Minute, nil)
	remembered := began(alice, 9*time.Hour, func(s *authn.Session) { s.Remembered = true })
	began(bob, time.Hour, nil)                                                                  // idle, to the microsecond
	began(bob, 10*time.Hour, func(s *authn.Session) { s.LastSeenAt, s.Remembered = now, true }) // too old, to the microsecond
	over := began(bob, time.Minute, nil)
	_, err := s.EndSession(t.Context(), bob.ID, over.ID, By(now))
	must(t, err)
	find := func(search authn.SessionSearch) []authn.UserSession {
		t.Helper()
		search.Policy, search.Now, search.Limit = p, now, 100
		found, err := s.SearchSessions(t.Context(), search)
		must(t, err)
		return found
	}
	equal(t, "all, the latest first", find(authn.SessionSearch{Backward: true}), []authn.UserSession{second, first, remembered})
	equal(t, "all, the oldest first", find(authn.SessionSearch{}), []authn.UserSession{remembered, first, second})
	equal(t, "those of one", find(authn.SessionSearch{UserID: alice.ID, Backward: true}), []authn.UserSession{first, remembered})
	equal(t, "those of nobody", find(authn.SessionSearch{UserID: uuid.New()}), []authn.UserSession{})
	p = authn.SessionPolicy{}
	equal(t, "the number without a policy", len(find(authn.SessionSearch{})), 5)
	for _, u := range []authn.User{alice, bob} { // one and the same as for the user
		own, err := s.ListSessions(t.Context(), u.ID, p, now)
		must(t, err)
		var found []authn.Session
		for _, one := range find(authn.SessionSearch{UserID: u.ID, Backward: true}) {
			found = append(found, one.Session)
		}
		equal(t, "the sessions of "+u.Username, found, own)
	}
}

func sessionPages(t *testing.T, db Database) {
	s := db.open(t)
	var all []authn.UserSession
	for i := range 7 { // three at a time
		u := add(t, s, person(fmt.Sprintf("user%d", i)))
		access, refresh := pair(u)
		refresh.SessionID = uuid.UUID{0: byte(20 - i), 15: 1}
		access.SessionID = refresh.SessionID
		at := now.Add(time.Duration(i/3) * time.Microsecond)
		must(t, begin(t, s, access, refresh, u.PasswordHash, at))
		all = append(all, authn.UserSession{Session: sessionOf(refresh, at), Username: u.Username})
	}
	slices.SortFunc(all, func(a, b authn.UserSession) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	for _, backward := range []bool{false, true} {
		for limit := 1; limit <= len(all)+1; limit++ {
			got := []authn.UserSession{}
			var from *authn.SessionPlace
			for len(got) <= len(all) {
				page, err := s.SearchSessions(t.Context(), authn.SessionSearch{Now: now, From: from, Backward: backward, Limit: limit})
				must(t, err)
				if got = append(got, page...); len(page) < limit {
					break
				}
				last := got[len(got)-1]
				from = &authn.SessionPlace{CreatedAt: last.CreatedAt, ID: last.ID}
			}
			equal(t, fmt.Sprintf("all in pages of %d, backward: %v", limit, backward), got, all)
		}
		slices.Reverse(all)
	}
}

func changedMeanwhile(t *testing.T, db Database) {
	stores := db.replicas(t)
	alice := add(t, stores[0], person("alice"))
	errs := atOnce(20, func(i int) error {
		_, err := stores[i%2].UpdateUser(t.Context(), alice.ID, authn.UserChange{
			Roles: &[]string{fmt.Sprintf("role%d", i)}, IfUpdatedAt: alice.UpdatedAt, Act: By(now.Add(time.Duration(i+1) * time.Microsecond)),
		})
		return err
	})
	equal(t, "the number of changes of what was looked at", tally(t, errs, authn.ErrChanged), 1)
	changed, err := stores[0].UserByID(t.Context(), alice.ID)
	must(t, err)
	winner := slices.Index(errs, nil)
	equal(t, "the roles", changed.Roles, []string{fmt.Sprintf("role%d", winner)})
	_, err = stores[1].UpdateUser(t.Context(), alice.ID, authn.UserChange{
		Roles: &[]string{}, IfUpdatedAt: changed.UpdatedAt.Add(123), Act: By(now.Add(time.Second)), // as a store keeps it
	})
	must(t, err)
}
