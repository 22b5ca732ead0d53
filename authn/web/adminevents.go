package web

import (
	"cmp"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// eventView is an event in words. What has a code in the trail is shown with it: that is what logs, exports and filters know.
type eventView struct {
	At        time.Time
	Exactly   string // the same, to its last digit
	Count     string // how many events it stands for; empty: itself
	Failed    bool
	Kind      coded
	Reason    coded // without a code: there is none
	About, By trace
	From      trace // the client's address
	Place     string
	Device    string
	Agent     string
	Session   trace
	Request   trace
	ID        int64
	More      []fact
}

// coded is a word and the code that it stands for.
type coded struct{ Text, Code string }

// trace is something that has a filter of its own, and a page if it is a user who is there.
type trace struct{ Text, Href, Page string }

// fact is a detail of an event.
type fact struct {
	Name  coded
	Value string
}

// eventViews says in words what happened. Users are called by their names, those who are gone by their ids.
func (v *visit) eventViews(events []authn.Event) ([]eventView, error) {
	var ids []uuid.UUID
	for i := range events {
		ids = append(ids, events[i].Subject, actorID(events[i].Actor))
	}
	names, err := v.cfg.Accounts.Usernames(v.r.Context(), v.caller, ids)
	if err != nil {
		return nil, err
	}
	shown := make([]eventView, 0, len(events))
	for _, e := range events {
		shown = append(shown, v.eventView(e, names))
	}
	return shown, nil
}

// actorID is the id of a user; uuid.Nil of who is none.
func actorID(a authn.Actor) uuid.UUID {
	if a.Kind != authn.ActorUser {
		return uuid.Nil
	}
	id, _ := uuid.Parse(a.ID) // what is none is nobody's
	return id
}

func (v *visit) eventView(e authn.Event, names map[uuid.UUID]string) eventView {
	shown := eventView{
		At: e.At, Exactly: e.At.UTC().Format(time.RFC3339Nano), ID: e.ID, Failed: e.Outcome == authn.Failure, Kind: v.coded("audit.kind.", string(e.Kind)),
		Reason: v.coded("audit.reason.", e.Reason), By: v.actor(e.Actor, names), Place: authn.PlaceName(e.City, e.Country),
		Request: v.trace("request_id", e.From.RequestID, ""), Agent: e.From.UserAgent,
	}
	if e.Count > 1 {
		shown.Count = v.number(e.Count)
	}
	if e.From.UserAgent != "" {
		shown.Device = authn.DeviceName(e.From.UserAgent)
	}
	if e.From.Address.IsValid() {
		shown.From = v.trace("client", e.From.Address.String(), "")
	}
	if e.Subject != uuid.Nil {
		shown.About = v.trace("user", e.Subject.String(), names[e.Subject])
		shown.About.Page = v.pageOf(e.Subject, names)
	}
	if e.Session != uuid.Nil {
		shown.Session = v.trace("session", e.Session.String(), "")
	}
	for _, name := range e.Details.Names() {
		shown.More = append(shown.More, fact{v.coded("audit.detail.", string(name)), e.Details[name]})
	}
	return shown
}

// actor is who it was.
func (v *visit) actor(a authn.Actor, names map[uuid.UUID]string) trace {
	filter, text := string(a.Kind), v.coded("audit.actor.", string(a.Kind)).Text
	if a.ID == "" {
		return v.trace("actor", filter, text)
	}
	filter += ":" + a.ID
	if a.Kind == authn.ActorUser {
		who := v.trace("actor", filter, cmp.Or(names[actorID(a)], a.ID))
		who.Page = v.pageOf(actorID(a), names)
		return who
	}
	return v.trace("actor", filter, text+" "+a.ID)
}

// pageOf is the page of a user who is there; empty: they are not.
func (v *visit) pageOf(id uuid.UUID, names map[uuid.UUID]string) string {
	if names[id] == "" {
		return ""
	}
	return v.path(usersPath + "/" + id.String())
}

// trace leads to the events that have the same of something. Without a text it is called what it is.
func (v *visit) trace(filter, value, text string) trace {
	if value == "" {
		return trace{}
	}
	return trace{Text: cmp.Or(text, value), Href: v.path(auditPath) + "?" + url.Values{filter: {value}}.Encode()}
}

// coded says a code in words. One that has none, as of another version, stands for itself.
func (v *visit) coded(beginning, code string) coded {
	if code == "" {
		return coded{}
	}
	text, ok := v.tongue.find(beginning+code, nil)
	if !ok {
		text = code
	}
	return coded{text, code}
}
