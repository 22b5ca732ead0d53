package web

import (
	"net/url"
	"time"

	"github.com/descoped/authly/authn"
)

// adminPath is where administrators begin.
const adminPath = "/auth/admin"

// latestEvents is how many events the first page shows.
const latestEvents = 10

// frontPages is where administrators see how it goes.
func (p *Pages) frontPages() []page {
	return []page{{path: adminPath, name: "admin", menu: adminMenu, show: (*visit).showFront}}
}

// frontView is what the template shows.
type frontView struct {
	Charts []chart
	Hours  []hourView // the same as in the charts, the latest first
	Latest []eventView
}

// hourView is an hour in numbers as the language writes them.
type hourView struct {
	From                     time.Time
	SignIns, Failures, Locks string
}

// showFront shows the last day and what happened last.
func (v *visit) showFront() (any, error) {
	hours, err := v.cfg.Trail.Activity(v.r.Context(), v.caller)
	if err != nil {
		return nil, err
	}
	page, err := v.cfg.Trail.List(v.r.Context(), v.caller, authn.EventQuery{Limit: latestEvents})
	if err != nil {
		return nil, err
	}
	shown := frontView{Charts: []chart{
		v.chartOf("sign_ins", v.t("admin.sign_ins"), hours, authn.EventLogin, func(h authn.ActivityHour) int { return h.SignIns }),
		v.chartOf("failures", v.t("admin.failures"), hours, authn.EventLoginFailed, func(h authn.ActivityHour) int { return h.Failures }),
		v.chartOf("locks", v.t("admin.locks"), hours, authn.EventLocked, func(h authn.ActivityHour) int { return h.Locks }),
	}}
	for i := range hours {
		h := hours[len(hours)-1-i]
		shown.Hours = append(shown.Hours, hourView{h.From, v.number(h.SignIns), v.number(h.Failures), v.number(h.Locks)})
	}
	shown.Latest, err = v.eventViews(page.Events)
	return shown, err
}

// chartOf draws how often something happened, with a way to the events themselves.
func (v *visit) chartOf(name, title string, hours []authn.ActivityHour, kind authn.EventKind, count func(authn.ActivityHour) int) chart {
	c := v.drawChart(name, title, hours, count)
	c.Events = v.path(auditPath) + "?" + url.Values{"kind": {string(kind)}, "since": {c.From.Format(time.RFC3339)}}.Encode()
	return c
}
