package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// The goals: how long after the answer to a revocation another replica may still let a request begin that it allows.
const (
	goalP99 = 100 * time.Millisecond
	goalMax = 250 * time.Millisecond // and beyond the poll interval when notifications are cut
)

const revocationLong = `Three replicas on one PostgreSQL. A session's access token is used all the time on two of them, through the gateway and
as a forward-auth question; on the third the session is ended, or its user's rights are. Measured is the time from the answer to
that, which comes after the commit, until the last request was begun that either of the other two still allowed.

With --notifications=off the replicas reach PostgreSQL by a line that cuts whoever says LISTEN, as some poolers do.`

// revocation is the measurement of how soon a revocation takes effect on other replicas.
type revocation struct {
	revocations   int
	rate          int
	concurrency   int
	notifications string
	pollInterval  time.Duration
	settle        time.Duration
	limit         time.Duration

	client   *http.Client
	replicas []*replica
	admin    pair
	lines    *noListen // nil with notifications
	log      func(format string, args ...any)
}

func (m *revocation) measurement() measurement {
	return measurement{
		name: "revocation", short: "How soon a revocation on one replica takes effect on the others", long: revocationLong,
		flags: m.flags, measure: m.measure,
	}
}

func (m *revocation) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&m.revocations, "revocations", 200, "how many, of all kinds in turn (1 to 100000)")
	f.IntVar(&m.rate, "rate", 800, "requests a second, on all targets together (4 to 100000)")
	f.IntVar(&m.concurrency, "concurrency", 2, "connections to each target (1 to 64)")
	f.StringVar(&m.notifications, "notifications", "on", "on, or off: the replicas have to poll")
	f.DurationVar(&m.pollInterval, "poll-interval", time.Second, "how often the replicas look by themselves (revocation.poll_interval)")
	f.DurationVar(&m.settle, "settle", 100*time.Millisecond, "how long every target must have refused until a revocation counts as in effect")
	f.DurationVar(&m.limit, "limit", 20*time.Second, "after which a revocation that is not in effect is given up")
}

func (m *revocation) check() error {
	for _, bad := range []struct {
		is   bool
		text string
	}{
		{m.revocations < 1 || m.revocations > 100_000, "--revocations must be 1 to 100000"},
		{m.rate < 4 || m.rate > 100_000, "--rate must be 4 to 100000"},
		{m.concurrency < 1 || m.concurrency > 64, "--concurrency must be 1 to 64"},
		{m.notifications != "on" && m.notifications != "off", "--notifications must be on or off"},
		{m.pollInterval < 10*time.Millisecond, "--poll-interval must be at least 10ms"},
		{m.settle <= 0 || m.limit <= m.settle, "--settle must be above 0 and below --limit"},
	} {
		if bad.is {
			return usageError{errors.New(bad.text)}
		}
	}
	return nil
}

func (m *revocation) measure(ctx context.Context, s *stage) (*report, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	m.revocations = min(m.revocations, s.pace.scale(m.revocations, 2*len(kinds())))
	m.client, m.log = newClient(), s.say
	s.atEnd(func() error { m.client.CloseIdleConnections(); return nil })
	if err := m.build(ctx, s); err != nil {
		return nil, err
	}
	s.say("%d revocations", m.revocations)
	began := time.Now()
	var found findings
	for i := range m.revocations {
		if err := m.once(ctx, i, &found); err != nil {
			return nil, fmt.Errorf("revocation %d (%s): %w", i+1, kinds()[i%len(kinds())].name, err)
		}
		if done := i + 1; done%50 == 0 {
			s.say("%d of %d", done, m.revocations)
		}
	}
	found.took = time.Since(began)
	if err := m.after(ctx, &found); err != nil {
		return nil, err
	}
	return m.report(&found), nil
}

// build starts PostgreSQL and the replicas.
func (m *revocation) build(ctx context.Context, s *stage) error {
	database, err := s.postgres(ctx)
	if err != nil {
		return err
	}
	if m.notifications == "off" {
		if m.lines, err = newNoListen(database); err != nil {
			return err
		}
		s.atEnd(m.lines.line.Close)
		database = m.lines.line.URL()
	}
	password, masterKey := rand.Text(), rand.Text()+rand.Text()
	s.say("starting three replicas")
	for range 3 {
		r, err := s.start(ctx, replicaConfig{configuration: m.configuration(), environ: []string{
			"AUTHLY_STORE_URL=" + database.String(), "AUTHLY_ADMIN_PASSWORD=" + password, "AUTHLY_MASTER_KEY=" + masterKey,
		}})
		if err != nil {
			return err
		}
		m.replicas = append(m.replicas, r)
	}
	m.admin, err = m.replicas[0].login(ctx, m.client, "admin", password)
	return err
}

// configuration: everything at its default but what would slow the preparation down, and who may ask.
func (m *revocation) configuration() string {
	return `
revocation: {poll_interval: ` + m.pollInterval.String() + `}
server: {trusted_proxies: [127.0.0.1]}
passwords: {bcrypt_cost: 4}
limits: {login: {requests: 0, per: 1m}, registration: {requests: 0, per: 1m}}
routes:
  - {name: everything, paths: [/*], allow: authenticated, upstream: "echo:"}
`
}

// once makes one revocation and watches its effect.
func (m *revocation) once(ctx context.Context, i int, found *findings) error {
	kind, at := kinds()[i%len(kinds())], i%len(m.replicas)
	who, err := m.newSubject(ctx, m.replicas[at], fmt.Sprintf("user%d", i))
	if err != nil {
		return err
	}
	var targets []*target
	for n, r := range m.replicas {
		if n != at {
			targets = append(targets, m.gateway(r), m.forwardAuth(r))
		}
	}
	h := newHammer(targets, who.victim.Access, kind.granted)
	h.start(ctx, m.rate, m.concurrency)
	defer h.stop()
	if err := h.warm(ctx, m.limit); err != nil {
		return err
	}
	// Not in step with the replicas' polling, which ended the last one.
	if err := wait(ctx, time.Duration(mathrand.Int64N(int64(m.phase())))); err != nil { // #nosec G404 -- spreads measurements in time
		return err
	}
	sent := time.Now()
	if err := kind.revoke(ctx, m, m.replicas[at], who); err != nil {
		return err
	}
	answered := time.Now()
	inEffect, err := h.refused(ctx, answered, m.settle, m.limit)
	if err != nil {
		return err
	}
	h.stop()
	found.add(kind, who, h, sent, answered, inEffect)
	return nil
}

// phase is the time in which revocations are spread at random.
func (m *revocation) phase() time.Duration {
	if m.notifications == "off" {
		return m.pollInterval
	}
	return 20 * time.Millisecond
}

// wait waits for a time, or the end of ctx, which is an error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
