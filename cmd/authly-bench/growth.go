package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/store/fill"
	"github.com/descoped/authly/store/pgserver"
)

const growthLong = `A login (bcrypt at its least cost, so that the store shows), a refresh, a page of the list of users, the list of one's
sessions and a page of the audit trail: the median time of each on a database with a million users and as many sessions and
events, beside one with a thousand. PostgreSQL syncs
nothing here, which would take the same time in both.`

// growth is the measurement of what the store's size does to what asks the store.
type growth struct {
	stores []string
	users  int
}

func (m *growth) measurement() measurement {
	return measurement{
		name: "growth", short: "What a million users do to login, refresh, lists and the audit trail", long: growthLong, flags: m.flags, measure: m.measure,
	}
}

func (m *growth) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&m.stores, "stores", []string{"postgres", "sqlite"}, "postgres, sqlite")
	cmd.Flags().IntVar(&m.users, "users", 1_000_000, "how many users, sessions and events the larger database has (at least 1000)")
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
	return r, nil
}

func (m *growth) on(ctx context.Context, s *stage, store string) ([]row, error) {
	var server *pgserver.Server
	if store == "postgres" {
		var err error
		where := pgserver.Config{Folder: os.TempDir()} // a million users are too much for memory
		if server, err = s.postgresServer(where); err != nil {
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
		s.say("%s, %d users, sessions and events", store, users)
		g, err := s.gate(ctx, gateConfig{algorithm: algorithms()[0], routes: hostTable(10), database: database, users: users, sessions: users, events: users})
		if err != nil {
			return nil, err
		}
		if sides[i], err = m.acts(ctx, s, g, users); err != nil {
			return nil, err
		}
	}
	var all []comparison
	for i, name := range []string{
		"login", "refresh", "users, first page", "users, last page", "users, last page by skip", "own sessions",
		"audit, first page", "audit, half-way down", "audit, of one user",
	} {
		c := comparison{name: "growth, " + store + ", " + name, target: sides[1][i], baseline: sides[0][i], bound: most(2)}
		if name == "users, last page by skip" {
			c.bound, c.note = nil, "skip= passes over all that come before; Link= does not"
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
	next, err := g.nextUsers(ctx, client, admin.Access, users-200)
	if err != nil {
		return nil, err
	}
	var deep struct{ Next string }
	until := url.QueryEscape(time.Now().Add(-30 * time.Minute).Format(time.RFC3339))
	if err := g.must(ctx, client, http.MethodGet, "/audit?limit=100&until="+until, admin.Access, nil, &deep); err != nil {
		return nil, err
	}
	get := func(path, token string) func(context.Context) error {
		return func(ctx context.Context) error { return g.must(ctx, client, http.MethodGet, path, token, nil, nil) }
	}
	var all []*contender
	for _, act := range []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := g.login(ctx, client, fill.Username(2+rand.IntN(users-2)), g.password) // #nosec G404 -- any user will do
			return err
		},
		func(ctx context.Context) error {
			return g.must(ctx, client, http.MethodPost, "/auth/refresh", "",
				map[string]string{"grant_type": "refresh_token", "refresh_token": own.Refresh}, &own)
		},
		get("/users/?limit=100", admin.Access),
		get(next, admin.Access),
		get(fmt.Sprintf("/users/?limit=100&skip=%d", users-100), admin.Access),
		get("/auth/sessions", own.Access),
		get("/audit?limit=100", admin.Access),
		get("/audit?limit=100&cursor="+deep.Next, admin.Access),
		get("/audit?limit=100&user="+fill.UserID(2), admin.Access),
	} {
		all = append(all, &contender{name: fmt.Sprintf("%d users", users), unit: "ms", measure: func(ctx context.Context) (float64, error) {
			return medianTime(ctx, s.pace.slice, act)
		}})
	}
	return all, nil
}

// nextUsers returns the path of the page of users that comes after one, as its Link says.
func (g *gate) nextUsers(ctx context.Context, client *http.Client, token string, skip int) (string, error) {
	got, err := send(ctx, client, request{
		method: http.MethodGet, url: fmt.Sprintf("%s/users/?limit=100&skip=%d", g.base, max(skip, 0)), token: token,
	})
	if err != nil {
		return "", err
	}
	_, query, linked := strings.Cut(got.header.Get("Link"), "?")
	query, _, closed := strings.Cut(query, ">")
	if !linked || !closed {
		return "", fmt.Errorf("GET /users/: status %d has no Link to the next page", got.status)
	}
	return "/users/?" + query, nil
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
