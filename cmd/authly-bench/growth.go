package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/store/fill"
	"github.com/descoped/authly/store/pgserver"
)

const growthLong = `A login (bcrypt at its least cost, so that the store shows), a refresh, a page of the list of users and the list of one's
sessions: the median time of each on a database with a million users and as many sessions, beside one with a thousand. PostgreSQL syncs
nothing here, which would take the same time in both.`

// growth is the measurement of what the store's size does to what asks the store.
type growth struct {
	stores []string
	users  int
}

func (m *growth) measurement() measurement {
	return measurement{
		name: "growth", short: "What a million users do to login, refresh and lists", long: growthLong, flags: m.flags, measure: m.measure,
	}
}

func (m *growth) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&m.stores, "stores", []string{"postgres", "sqlite"}, "postgres, sqlite")
	cmd.Flags().IntVar(&m.users, "users", 1_000_000, "how many users and sessions the larger database has (at least 1000)")
}

// fewUsers is how many the smaller database has.
const fewUsers = 1000

func (m *growth) measure(ctx context.Context, s *stage) (*report, error) {
	for _, store := range m.stores {
		if store != "postgres" && store != "sqlite" {
			return nil, usageError{fmt.Errorf("--stores: %q is neither postgres nor sqlite", store)}
		}
	}
	if m.users < fewUsers {
		return nil, usageError{fmt.Errorf("--users must be at least %d", fewUsers)}
	}
	r := &report{}
	for _, store := range m.stores {
		// One after the other, so that at the end of each the memory is free.
		err := s.scene(func(s *stage) error {
			rows, err := m.on(ctx, s, store)
			r.Rows = append(r.Rows, rows...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	r.Rows = append(r.Rows, missing("growth, audit events", most(2), notBuilt, "there are no audit events"))
	return r, nil
}

func (m *growth) on(ctx context.Context, s *stage, store string) ([]row, error) {
	var server *pgserver.Server
	if store == "postgres" {
		var err error
		if server, err = s.postgresServer(pgserver.Config{}); err != nil {
			return nil, err
		}
	}
	sizes := []int{s.pace.scale(fewUsers, 100), s.pace.scale(m.users, fewUsers)}
	var sides [2][]*contender
	for i, users := range sizes {
		database := ""
		if server != nil {
			url, _, err := pgserver.CreateDatabase(ctx, server.Admin(), server.Owner())
			if err != nil {
				return nil, err
			}
			database = url.String()
		}
		s.say("%s, %d users and sessions", store, users)
		g, err := s.gate(ctx, gateConfig{algorithm: algorithms()[0], routes: hostTable(10), database: database, users: users, sessions: users})
		if err != nil {
			return nil, err
		}
		if sides[i], err = m.acts(ctx, s, g, users); err != nil {
			return nil, err
		}
	}
	var all []comparison
	for i, name := range []string{"login", "refresh", "users, first page", "users, last page", "own sessions"} {
		c := comparison{name: "growth, " + store + ", " + name, target: sides[1][i], baseline: sides[0][i], bound: most(2)}
		if name == "users, last page" {
			c.bound, c.note = nil, "skip= passes over all that come before"
		}
		all = append(all, c)
	}
	return s.compare(ctx, all)
}

// acts are what is done on a database, in the order of their names above.
func (m *growth) acts(ctx context.Context, s *stage, g *gate, users int) ([]*contender, error) {
	client := newClient()
	s.atEnd(func() error { client.CloseIdleConnections(); return nil })
	admin, err := g.login(ctx, client, fill.Username(0), g.password)
	if err != nil {
		return nil, err
	}
	own, err := g.login(ctx, client, fill.Username(1), g.password)
	if err != nil {
		return nil, err
	}
	get := func(path, token string) func(context.Context) error {
		return func(ctx context.Context) error { return g.must(ctx, client, http.MethodGet, path, token, nil, nil) }
	}
	var all []*contender
	for _, act := range []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := g.login(ctx, client, fill.Username(2+rand.IntN(users-2)), g.password)
			return err
		},
		func(ctx context.Context) error {
			return g.must(ctx, client, http.MethodPost, "/auth/refresh", "",
				map[string]string{"grant_type": "refresh_token", "refresh_token": own.Refresh}, &own)
		},
		get("/users/?limit=100", admin.Access),
		get(fmt.Sprintf("/users/?limit=100&skip=%d", users-100), admin.Access),
		get("/auth/sessions", own.Access),
	} {
		all = append(all, &contender{name: fmt.Sprintf("%d users", users), unit: "ms", measure: func(ctx context.Context) (float64, error) {
			return medianTime(ctx, s.pace.slice, act)
		}})
	}
	return all, nil
}

// medianTime does something again and again for a time, at least once, and returns the median of its times in milliseconds.
func medianTime(ctx context.Context, length time.Duration, do func(context.Context) error) (float64, error) {
	var all []time.Duration
	for began := time.Now(); len(all) == 0 || time.Since(began) < length; {
		each := time.Now()
		if err := do(ctx); err != nil {
			return 0, err
		}
		all = append(all, time.Since(each))
	}
	slices.Sort(all)
	return float64(percentile(all, 50)) / float64(time.Millisecond), nil
}
