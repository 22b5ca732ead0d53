package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/descoped/authly/authn"
)

// CountEvents counts events in steps of time. The kinds and the time have an index; what lies outside of them is not read.
func (s *Store) CountEvents(
	ctx context.Context, kinds []authn.EventKind, since, until time.Time, step time.Duration,
) (counts []authn.EventCount, err error) {
	var w where
	steps := `(at - ` + w.param(micros(since)) + `) / ` + w.param(step.Microseconds())
	w.filter(authn.EventFilter{Kinds: kinds, Since: since, Until: until})
	statement := `SELECT kind, ` + steps + ` AS step, CAST(SUM(count) AS BIGINT) FROM audit_events` + w.clause() + ` GROUP BY kind, step`
	err = s.read(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, statement, w.args...)
		if err != nil {
			return err
		}
		counts, err = collect(rows, func(rows *sql.Rows) (c authn.EventCount, err error) {
			err = rows.Scan(&c.Kind, &c.Step, &c.Events)
			return c, err
		})
		return err
	})
	return counts, err
}
