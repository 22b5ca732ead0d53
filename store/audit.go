package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/descoped/authly/authn"
)

// The audit trail is the table audit_events. The event of a change is written in its transaction. When that is committed the
// events are told to who listens (Options.Audited), such as the log.

// errNobody is a mistake of the caller.
var errNobody = errors.New("store: a change for which nobody answers")

// record adds events to the trail. q is the transaction that makes the changes. Whoever makes none of their own calls checkAct
// instead.
func (s *Store) record(ctx context.Context, q querier, events ...authn.Event) error {
	for _, e := range events {
		if e.Actor.Kind == "" || e.At.IsZero() {
			return errNobody
		}
		e = s.locate(kept(e))
		details, err := json.Marshal(e.Details)
		if err != nil {
			return err
		}
		err = q.QueryRowContext(ctx, `INSERT INTO audit_events (at, kind, outcome, reason, actor_kind, actor_id, subject, session_id,
				client_address, client_key, country, city, user_agent, request_id, count, details)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id`,
			micros(e.At), string(e.Kind), string(e.Outcome), e.Reason, string(e.Actor.Kind), e.Actor.ID, nullID(e.Subject),
			nullID(e.Session), addressText(e.From.Address), nullText(addressKey(e.From.Address)), e.Country, e.City,
			e.From.UserAgent, e.From.RequestID, e.Count, string(details)).Scan(&e.ID)
		if err != nil {
			return fmt.Errorf("keeping an audit event: %w", err)
		}
		w := q.(*work)
		w.events = append(w.events, e)
	}
	return nil
}

// checkAct refuses an act for which nobody answers before anything is done.
func checkAct(act authn.Act) error {
	if act.By.Kind == "" || act.At.IsZero() {
		return errNobody
	}
	return nil
}

// kept is the event as it will be read back. What a database could not keep is cut or replaced: nobody may prevent a change,
// or their own traces, by a strange user agent.
func kept(e authn.Event) authn.Event {
	e.ID, e.Count = 0, max(e.Count, 1)
	e.At = fromMicros(micros(e.At))
	e.Reason, e.Actor.ID, e.From.RequestID = keepable(e.Reason), keepable(e.Actor.ID), keepable(e.From.RequestID)
	e.From.UserAgent = keepable(e.From.UserAgent)
	e.From.Address = e.From.Address.Unmap().WithZone("")
	details := authn.Details{}
	for name, value := range e.Details {
		details[name] = keepable(value)
	}
	e.Details = details
	return e
}

// locate says where the client of an event is. It is asked for each event that is kept, not for each that is counted.
func (s *Store) locate(e authn.Event) authn.Event {
	e.Country, e.City = "", ""
	if s.geo != nil && e.From.Address.IsValid() {
		place := s.geo.Locate(e.From.Address)
		e.Country, e.City = keepable(place.Country), keepable(place.City)
	}
	return e
}

// keepable returns a text of at most 1,024 bytes, UTF-8 without NUL.
func keepable(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "?"), "?")
	if len(text) <= keyLimit {
		return text
	}
	most := keyLimit
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

func addressText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// addressKey is how addresses are compared: 32 hex digits, of IPv4 those of its IPv4-mapped form; empty for none.
func addressKey(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	bytes := addr.As16()
	return hex.EncodeToString(bytes[:])
}

// RecordEvents adds events that belong to no change.
func (s *Store) RecordEvents(ctx context.Context, events ...authn.Event) error {
	if len(events) == 0 {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, q querier) error { return s.record(ctx, q, events...) })
}

// PurgeEvents removes events from before the given time.
func (s *Store) PurgeEvents(ctx context.Context, before time.Time) (int, error) {
	return s.purge(ctx, `DELETE FROM audit_events WHERE id IN (
		SELECT id FROM audit_events WHERE at < $1 ORDER BY at, id LIMIT $2`+s.engine.skipLocked+`)`, micros(before))
}
