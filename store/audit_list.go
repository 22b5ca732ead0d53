package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

const eventColumns = `id, at, kind, outcome, reason, actor_kind, actor_id, subject, session_id, client_address, country, city, user_agent,
	request_id, count, details`

// ListEvents returns events, the newest first. Each filter has an index that ends with the place, so that a page costs the
// same wherever it lies.
func (s *Store) ListEvents(
	ctx context.Context, f authn.EventFilter, after authn.EventPlace, limit int,
) (events []authn.Event, err error) {
	var w where
	w.filter(f)
	if after != (authn.EventPlace{}) {
		w.add(`(at, id) < (?, ?)`, micros(after.At), after.ID)
	}
	statement := `SELECT ` + eventColumns + ` FROM audit_events` + w.clause() +
		` ORDER BY at DESC, id DESC LIMIT ` + w.param(max(limit, 0))
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, statement, w.args...)
		if err != nil {
			return err
		}
		events, err = collect(rows, scanEvent)
		return err
	})
	return events, err
}

// where is the condition of a query, in the making.
type where struct {
	conditions []string
	args       []any
}

// add adds a condition, in which each question mark stands for an argument.
func (w *where) add(condition string, args ...any) {
	var b strings.Builder
	for i, part := range strings.Split(condition, "?") {
		if i > 0 {
			b.WriteString(w.param(args[i-1])) // #nosec G602 -- there is one for each question mark
		}
		b.WriteString(part)
	}
	w.conditions = append(w.conditions, b.String())
}

func (w *where) param(arg any) string {
	w.args = append(w.args, arg)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) clause() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(w.conditions, ` AND `)
}

// in adds the condition that a column has one of the values, of which there is at least one.
func in[T ~string](w *where, column string, values []T) {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	w.add(column+` IN (`+strings.TrimSuffix(strings.Repeat(`?, `, len(args)), `, `)+`)`, args...)
}

func (w *where) filter(f authn.EventFilter) {
	if len(f.Kinds) > 0 {
		in(w, `kind`, f.Kinds)
	}
	for _, one := range []struct {
		column string
		value  string
	}{
		{"outcome", string(f.Outcome)}, {"country", f.Country}, {"request_id", f.RequestID}, {"subject", idText(f.Subject)}, {"session_id", idText(f.Session)},
	} {
		if one.value != "" {
			w.add(one.column+` = ?`, keepable(one.value))
		}
	}
	w.actor(f.Actor)
	if f.Network.IsValid() {
		if first, last := bounds(f.Network); first == last {
			w.add(`client_key = ?`, first)
		} else {
			w.add(`client_key BETWEEN ? AND ?`, first, last)
		}
	}
	if !f.Since.IsZero() {
		w.add(`at >= ?`, micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.add(`at < ?`, micros(f.Until))
	}
}

// actor adds a condition on who it was. Most of what happens is done by users: whoever asks for all of them is served by the
// order of time, and not by gathering them first.
func (w *where) actor(a authn.Actor) {
	switch {
	case a.Kind == "":
	case a.ID == "" && (a.Kind == authn.ActorUser || a.Kind == authn.ActorClient):
		w.add(`actor_kind || '' = ?`, string(a.Kind))
	default:
		w.add(`actor_kind = ?`, string(a.Kind))
		w.add(`actor_id = ?`, keepable(a.ID))
	}
}

func idText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

// bounds returns the keys of the first and the last address of a network.
func bounds(network netip.Prefix) (first, last string) {
	network = network.Masked()
	bits := network.Bits()
	if network.Addr().Is4() {
		bits += 96
	}
	end := network.Addr().As16()
	for i := bits; i < 128; i++ {
		end[i/8] |= 0x80 >> (i % 8)
	}
	return addressKey(network.Addr()), addressKey(netip.AddrFrom16(end))
}

func scanEvent(rows *sql.Rows) (e authn.Event, err error) {
	var at int64
	var subject, session uuid.NullUUID
	var address, details string
	err = rows.Scan(&e.ID, &at, &e.Kind, &e.Outcome, &e.Reason, &e.Actor.Kind, &e.Actor.ID, &subject, &session, &address,
		&e.Country, &e.City, &e.From.UserAgent, &e.From.RequestID, &e.Count, &details)
	if err != nil {
		return e, err
	}
	e.At, e.Subject, e.Session = fromMicros(at), subject.UUID, session.UUID
	if address != "" {
		if e.From.Address, err = netip.ParseAddr(address); err != nil {
			return e, err
		}
	}
	err = json.Unmarshal([]byte(details), &e.Details)
	return e, err
}
