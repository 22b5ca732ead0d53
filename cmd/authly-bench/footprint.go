package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/descoped/authly/store/fill"
)

const footprintLong = `A replica on PostgreSQL with a million users and 100,000 living sessions, each of which has asked at least once whether
it may pass, while users log in and administrators go through the list of users: the memory that the process has (VmRSS).`

// footprint is the measurement of how much memory a replica needs.
type footprint struct{}

// goalMemory is in MiB.
const goalMemory = 150

func (m *footprint) measurement() measurement {
	return measurement{
		name: "memory", short: "How much memory a million users and 100,000 sessions take", long: footprintLong, measure: m.measure,
	}
}

func (m *footprint) measure(ctx context.Context, s *stage) (*report, error) {
	users, sessions := s.pace.scale(1_000_000, 2000), s.pace.scale(100_000, 1000)
	database, err := s.postgres(ctx)
	if err != nil {
		return nil, err
	}
	s.say("%d users, %d sessions", users, sessions)
	g, err := s.gate(ctx, gateConfig{
		algorithm: "HS256", routes: hostTable(1000), database: database.String(), users: users, sessions: sessions,
	})
	if err != nil {
		return nil, err
	}
	l, err := m.load(g, sessions, users)
	if err != nil {
		return nil, err
	}
	d := newDrive(g.authz, s.pace.connections, l)
	defer d.close()
	s.say("every session asks")
	for d.turn.Load() < uint64(sessions) { // #nosec G115 -- a number of sessions
		if _, err := d.run(ctx, s.pace.slice); err != nil {
			return nil, err
		}
	}
	var now []float64
	var highest int64
	for range s.pace.rounds {
		if _, err := d.run(ctx, s.pace.slice); err != nil {
			return nil, err
		}
		if err := m.others(ctx, g, users); err != nil {
			return nil, err
		}
		bytes, most, err := g.resident()
		if err != nil {
			return nil, err
		}
		now, highest = append(now, float64(bytes)/(1<<20)), most
	}
	r := row{
		Name: fmt.Sprintf("memory, %d users, %d sessions, PostgreSQL", users, sessions), Got: spreadOf(now), Unit: "MiB", Bound: most(goalMemory),
		Target: newSide(&contender{name: "authly", unit: "MiB"}, now), Note: fmt.Sprintf("%d MiB at most", highest>>20),
	}
	r.judge()
	return &report{Rows: []row{r}}, nil
}

// load is a question of every session.
func (m *footprint) load(g *gate, sessions, users int) (load, error) {
	pattern, err := readToken(g.access)
	l := load{status: http.StatusOK}
	for i := range sessions {
		user := i % users
		claims := anotherID()
		claims["sub"], claims["sid"] = fill.UserID(user), fill.SessionID(i)
		claims["username"], claims["email"] = fill.Username(user), fill.Username(user)+"@example.com"
		l.requests = append(l.requests, ask(pattern.signed(claims, g.secret)))
	}
	return l, err
}

// others log in, and look at users.
func (m *footprint) others(ctx context.Context, g *gate, users int) error {
	client := newClient()
	defer client.CloseIdleConnections()
	for i := range 20 {
		if _, err := g.login(ctx, client, fill.Username(users/20*i), g.password); err != nil {
			return err
		}
	}
	admin, err := g.login(ctx, client, fill.Username(0), g.password)
	if err != nil {
		return err
	}
	for i := range 20 {
		path := fmt.Sprintf("/users/?skip=%d&limit=100", 100*i)
		if err := g.must(ctx, client, http.MethodGet, path, admin.Access, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
