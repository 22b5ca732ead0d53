package web

import (
	"cmp"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// activityPage is how many events are on a page.
const activityPage = 25

// activityView is what the template shows.
type activityView struct {
	Events []activity
	Pager  pager
}

// activity is an event in words.
type activity struct {
	At             time.Time
	What, Why, Who string
	Device, Place  string
	Failed         bool
}

func (v *visit) showActivity() (any, error) {
	cursor, err := v.cursor()
	if err != nil {
		return nil, err
	}
	page, err := v.cfg.Trail.ListOwn(v.r.Context(), v.caller, authn.EventQuery{Cursor: cursor, Limit: activityPage})
	if err != nil {
		return nil, err
	}
	shown := activityView{Pager: v.pager(activityPath, cursor, "", page.Next)}
	for _, e := range page.Events {
		shown.Events = append(shown.Events, v.activity(e))
	}
	return shown, nil
}

// activity puts an event into words. What is only a name of its own, such as a program's, is told as it is.
func (v *visit) activity(e authn.Event) activity {
	told := activity{
		At: e.At, What: v.t("event." + string(e.Kind)), Failed: e.Outcome == authn.Failure, Place: where(e.City, e.Country, addressOf(e.From)),
		Who: v.t("event.by."+string(e.Actor.Kind), "Name", e.Actor.ID),
	}
	switch {
	case e.Details[authn.DetailCheck] != "": // asked for within a session, by who has not proved to be its user
		told.What, told.Who = v.t("event.password_refused"), v.t("event.by.session")
	case e.Kind == authn.EventUserCreated && e.Actor.Kind == authn.ActorAnonymous:
		told.Who = v.t("event.by.registration")
	}
	if e.From.UserAgent != "" {
		told.Device = authn.DeviceName(e.From.UserAgent)
	}
	told.Why = strings.Join(v.particulars(e), " ")
	return told
}

func addressOf(c authn.Client) string {
	if !c.Address.IsValid() {
		return ""
	}
	return c.Address.Unmap().String()
}

// particulars are what there is to say of an event beside what has happened, each a sentence.
func (v *visit) particulars(e authn.Event) (told []string) {
	if e.Outcome == authn.Failure {
		if text, ok := v.tongue.find("event.because."+e.Reason, nil); ok {
			told = append(told, text)
		}
	}
	if text, ok := v.tongue.find("event.for."+e.Details[authn.DetailCheck], nil); ok {
		told = append(told, text)
	}
	switch {
	case e.Kind == authn.EventRolesChanged && e.Details[authn.DetailAdmin] != "":
		told = append(told, v.t("event.admin."+e.Details[authn.DetailAdmin]))
	case e.Kind == authn.EventUserChanged && e.Details[authn.DetailUsername] != "":
		told = append(told, v.t("event.now", "Value", e.Details[authn.DetailUsername]))
	}
	if roles, ok := e.Details[authn.DetailRoles]; ok && e.Kind == authn.EventRolesChanged {
		told = append(told, v.t("event.now", "Value", cmp.Or(strings.ReplaceAll(roles, ",", ", "), "–")))
	}
	if e.Count > 1 {
		told = append(told, v.t("event.times", "Count", e.Count))
	}
	return told
}
