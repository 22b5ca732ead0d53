package api

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// eventAnswer is an event as clients see one.
type eventAnswer struct {
	ID            int64         `json:"id"`
	At            time.Time     `json:"at"`
	Kind          string        `json:"kind"`
	Outcome       string        `json:"outcome"`
	Reason        string        `json:"reason"`
	Actor         string        `json:"actor"`
	ActorID       string        `json:"actor_id"`
	UserID        *uuid.UUID    `json:"user_id"`    // null: it is about no user
	SessionID     *uuid.UUID    `json:"session_id"` // null: none
	ClientAddress string        `json:"client_address"`
	Country       string        `json:"country"`
	City          string        `json:"city"`
	UserAgent     string        `json:"user_agent"`
	RequestID     string        `json:"request_id"`
	Count         int           `json:"count"`
	Details       authn.Details `json:"details"`
}

type eventsAnswer struct {
	Events []eventAnswer `json:"events"`
	Next   *string       `json:"next"` // null: there are no more
}

func showEvent(e authn.Event) eventAnswer {
	answer := eventAnswer{
		ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), Outcome: string(e.Outcome), Reason: e.Reason,
		Actor: string(e.Actor.Kind), ActorID: e.Actor.ID, UserID: idOrNull(e.Subject), SessionID: idOrNull(e.Session),
		Country: e.Country, City: e.City, UserAgent: e.From.UserAgent, RequestID: e.From.RequestID, Count: e.Count, Details: e.Details,
	}
	if e.From.Address.IsValid() {
		answer.ClientAddress = e.From.Address.String()
	}
	if answer.Details == nil {
		answer.Details = authn.Details{}
	}
	return answer
}

func idOrNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// auditList is how a trail is read: the whole, or what concerns the caller.
type auditList struct {
	page func(context.Context, *authn.Identity, authn.EventQuery) (authn.EventPage, error)
	all  func(context.Context, *authn.Identity, authn.EventQuery) iter.Seq2[authn.Event, error]

	filters []string // that may be given
}

// audit is the trail for administrators.
func (a *API) audit(c *call) error {
	return c.answerEvents(auditList{a.cfg.Trail.List, a.cfg.Trail.All, authn.EventFilterNames()})
}

// ownAudit is what concerns the caller.
func (a *API) ownAudit(c *call) error {
	return c.answerEvents(auditList{a.cfg.Trail.ListOwn, a.cfg.Trail.AllOwn, []string{"kind", "outcome", "since", "until"}})
}

func (c *call) answerEvents(list auditList) error {
	q, format, err := c.eventQuery(list.filters)
	if err != nil {
		return err
	}
	if format != formatJSON {
		return c.export(format, list.all(c.r.Context(), c.caller, q))
	}
	if q.Limit == 0 {
		q.Limit = maxPage
	}
	page, err := list.page(c.r.Context(), c.caller, q)
	if err != nil {
		return err
	}
	answer := eventsAnswer{Events: make([]eventAnswer, 0, len(page.Events))}
	for _, e := range page.Events {
		answer.Events = append(answer.Events, showEvent(e))
	}
	if page.Next != "" {
		answer.Next = &page.Next
	}
	return c.answer(http.StatusOK, answer)
}

// eventQuery reads a query, as strictly as paging does. What is not said of the format stands in Accept.
func (c *call) eventQuery(filters []string) (q authn.EventQuery, format string, err error) {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil { // its text repeats what was sent
		return q, "", authn.Refuse(authn.CodeInvalidRequest, "Query decode error")
	}
	format = accepted(c.r.Header.Values("Accept"))
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // of several mistakes always the same one is told
	for _, name := range names {
		if len(values[name]) != 1 {
			return q, "", authn.RefuseField(shown(name), "Repeated query parameter: "+shown(name))
		}
		switch value := values[name][0]; {
		case name == "limit":
			q.Limit, err = number(name, values[name], 1, authn.MostEvents)
		case name == "cursor":
			q.Cursor = value
		case name == "format":
			format, err = formatOf(value)
		case slices.Contains(filters, name):
			err = q.Set(name, value)
		default:
			err = authn.RefuseField(shown(name), "Unknown query parameter: "+shown(name))
		}
		if err != nil {
			return q, "", err
		}
	}
	return q, format, nil
}
