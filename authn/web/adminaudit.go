package web

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// auditPath is where administrators read the trail.
const auditPath = adminPath + "/audit"

// eventsPerPage is how many events a page of the trail holds.
const eventsPerPage = 50

// auditPages is the trail. Its form is sent by GET: whoever wants to show somebody what they found sends them the address.
func (p *Pages) auditPages() []page {
	filter := func(name, kind string) field {
		return field{name: name, kind: kind, label: "audit.field." + name, optional: true}
	}
	hinted := func(f field) field {
		f.hint = "audit.hint." + f.name
		return f
	}
	outcome := filter("outcome", "select")
	outcome.options = []option{{"", "audit.any"}, {string(authn.Success), "audit.success"}, {string(authn.Failure), "audit.failure"}}
	return []page{{
		path: auditPath, name: "audit", menu: adminMenu, show: (*visit).showAudit,
		fields: []field{
			hinted(filter("user", "search")), hinted(filter("actor", "search")), outcome,
			hinted(filter("since", "")), filter("until", ""),
			hinted(filter("client", "search")), hinted(filter("country", "search")), filter("session", "search"), filter("request_id", "search"),
		},
	}}
}

// auditView is what the template shows.
type auditView struct {
	Kinds    []kindGroup
	Filtered bool // not everything is asked for
	Chosen   bool // among the kinds
	Events   []eventView
	Pager    pager
	CSV      string // all that the form asks for, as a file
	NDJSON   string
}

// kindGroup are kinds of events that have to do with each other.
type kindGroup struct {
	Name  string // of a word
	Kinds []optionView
}

// eventGroup is a group by the name of its word.
type eventGroup struct {
	name  string
	kinds []authn.EventKind
}

// eventGroups are all kinds of events, each in one group.
func eventGroups() []eventGroup {
	return []eventGroup{
		{"audit.group.signing_in", []authn.EventKind{
			authn.EventLogin, authn.EventLoginFailed, authn.EventLocked, authn.EventUnlocked,
		}},
		{"audit.group.sessions", []authn.EventKind{
			authn.EventLogout, authn.EventSessionRevoked, authn.EventTokenRevoked, authn.EventRefreshReused, authn.EventClientRefused,
		}},
		{"audit.group.users", []authn.EventKind{
			authn.EventUserCreated, authn.EventUserInvited, authn.EventInvitationWithdrawn, authn.EventUserChanged, authn.EventRolesChanged,
			authn.EventUserDisabled, authn.EventUserEnabled, authn.EventUserDeleted,
		}},
		{"audit.group.addresses", []authn.EventKind{
			authn.EventPasswordChanged, authn.EventPasswordRehashed, authn.EventResetRequested, authn.EventUserVerified,
			authn.EventVerificationRequested, authn.EventEmailChanged, authn.EventEmailChangeRequested, authn.EventMailTokenRefused,
		}},
		{"audit.group.server", []authn.EventKind{
			authn.EventKeyAdded, authn.EventKeyRevoked, authn.EventKeySealed, authn.EventDataKeyAdded, authn.EventMasterKeyReplaced,
			authn.EventConfigurationLoaded, authn.EventConfigurationReloaded, authn.EventRequestDenied,
		}},
	}
}

// showAudit shows a page of the trail. A filter that is none comes back in the form, and finds nothing.
func (v *visit) showAudit() (any, error) {
	asked, q, err := v.askedEvents(v.r.URL.Query())
	shown := auditView{Filtered: len(asked) > 0, Chosen: asked.Has("kind")}
	shown.Kinds = v.kindsOf(strings.Split(asked.Get("kind"), ","))
	if err == nil {
		q.Limit = eventsPerPage
		q.Cursor, err = v.cursor()
	}
	if err == nil {
		err = v.fillAudit(&shown, asked, q)
	}
	if e := authn.Fault(err); err != nil && e.Field != "" {
		v.wrong = e
		return shown, nil
	}
	return shown, err
}

func (v *visit) fillAudit(shown *auditView, asked url.Values, q authn.EventQuery) error {
	page, err := v.cfg.Trail.List(v.r.Context(), v.caller, q)
	if err != nil {
		return err
	}
	shown.Pager.Label = v.t("pager.label")
	if q.Cursor != "" {
		shown.Pager.add(v.t("pager.first"), v.path(auditPath), asked)
	}
	if page.Next != "" {
		shown.Pager.add(v.t("pager.next"), v.path(auditPath), with(asked, cursorParameter, page.Next))
	}
	shown.CSV = v.path(auditFilePath) + "?" + with(asked, "format", "csv").Encode()
	shown.NDJSON = v.path(auditFilePath) + "?" + with(asked, "format", "ndjson").Encode()
	shown.Events, err = v.eventViews(page.Events)
	return err
}

// with returns a query that has one more value.
func with(query url.Values, name, value string) url.Values {
	more := maps.Clone(query)
	more.Set(name, value)
	return more
}

// askedEvents reads what the form asks for, and returns it in the words of the endpoint too. Names become ids, and times without a
// zone are of UTC.
func (v *visit) askedEvents(query url.Values) (asked url.Values, q authn.EventQuery, err error) {
	asked = url.Values{}
	if v.filled, err = pick(query, v.page.fields); err != nil {
		return asked, q, err
	}
	given := form{"kind": strings.Join(slices.DeleteFunc(query["kind"], func(kind string) bool { return kind == "" }), ",")}
	for name, text := range v.filled {
		given[name] = strings.TrimSpace(text)
	}
	for _, name := range authn.EventFilterNames() {
		text := given[name]
		if text == "" {
			continue
		}
		if text, err = v.plainFilter(name, text); err == nil {
			err = q.Set(name, text)
		}
		if err != nil {
			return asked, q, err
		}
		asked.Set(name, text)
	}
	return asked, q, nil
}

// plainFilter is a filter as the trail knows it.
func (v *visit) plainFilter(name, text string) (string, error) {
	switch name {
	case "user":
		return v.userID(name, text)
	case "actor":
		kind, rest, isKnown := strings.Cut(text, ":")
		switch kind {
		case string(authn.ActorOperator), string(authn.ActorSystem), string(authn.ActorAnonymous), string(authn.ActorClient):
			return text, nil
		case string(authn.ActorUser):
			if !isKnown {
				return text, nil
			}
			text = rest
		}
		id, err := v.userID(name, text)
		return string(authn.ActorUser) + ":" + id, err
	case "since", "until":
		for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.Format(time.RFC3339), nil
			}
		}
	}
	return text, nil
}

// userID is the id of a user by their name. An id need not be anybody's any more.
func (v *visit) userID(name, text string) (string, error) {
	if id, err := uuid.Parse(text); err == nil {
		return id.String(), nil
	}
	user, err := v.cfg.Accounts.Find(v.r.Context(), v.caller, text)
	if err != nil && authn.Fault(err).Code == authn.CodeNotFound {
		return "", authn.RefuseField(name, "There is no such user: who was deleted is found by their id")
	}
	return user.ID.String(), err
}

// kindsOf are all kinds to choose from.
func (v *visit) kindsOf(chosen []string) (groups []kindGroup) {
	for _, g := range eventGroups() {
		group := kindGroup{Name: g.name}
		for _, kind := range g.kinds {
			group.Kinds = append(group.Kinds, optionView{
				Value: string(kind), Label: v.t("audit.kind." + string(kind)), Selected: slices.Contains(chosen, string(kind)),
			})
		}
		groups = append(groups, group)
	}
	return groups
}
