package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/store/fill"
)

const floodLong = `A front proxy's questions at fixed times, first alone and then while clients of as many networks log in without pause at
bcrypt cost 12. Latencies count from when a question should have been sent. Logins are held against what the processors could hash in
the time that the questions, and this program, which asks them, leave idle. Limits and lockout are off: it is the pool of hashers alone
that keeps the logins from the questions. A question that is not answered with 200 ends the measurement.`

// flood is the measurement of what a flood of logins does to checks.
type flood struct {
	rate, clients int
}

// Goals: the 99th percentile may rise to so many times its idle value, or to so many µs if that is more; the process may grow
// by less than so many MiB; and so much of what is idle has to be used.
const (
	goalFloodRatio  = 1.5
	goalFloodMicros = 1000
	goalFloodGrowth = 32
	goalFloodShare  = 0.8
)

func (m *flood) measurement() measurement {
	return measurement{
		name: "flood", short: "What a flood of logins does to checks", long: floodLong, flags: m.flags, measure: m.measure,
	}
}

func (m *flood) flags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&m.rate, "rate", 1000, "checks a second (10 to 20000)")
	cmd.Flags().IntVar(&m.clients, "clients", 64, "clients that log in (1 to 1024)")
}

func (m *flood) measure(ctx context.Context, s *stage) (*report, error) {
	if m.rate < 10 || m.rate > 20_000 || m.clients < 1 || m.clients > 1024 {
		return nil, usageError{errors.New("--rate must be 10 to 20000, --clients 1 to 1024")}
	}
	cost := s.pace.scale(loginCost, bcrypt.MinCost)
	g, err := s.gate(ctx, gateConfig{
		algorithm: algorithms()[0], routes: hostTable(1000), users: 1000, cost: cost, more: "lockout: {failures: 1000}\n",
	})
	if err != nil {
		return nil, err
	}
	one, err := bareHash(cost)
	if err != nil {
		return nil, err
	}
	d := newDrive(g.authz, s.pace.connections, load{requests: [][]byte{ask(g.access)}, status: http.StatusOK})
	defer d.close()
	p := &floodPlace{flood: m, stage: s, gate: g, drive: d, hash: one}
	for n := range s.pace.rounds + 1 { // the first counts for nothing
		r, err := p.round(ctx)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			p.rounds = append(p.rounds, r)
			s.say("round %d of %d", n, s.pace.rounds)
		}
	}
	return p.report(cost), nil
}

// bareHash is the processor time of one bcrypt that is not disturbed: the least of some.
func bareHash(cost int) (time.Duration, error) {
	self := &process{pid: os.Getpid(), alone: true}
	hash, err := bcrypt.GenerateFromPassword([]byte("password"), cost)
	least := time.Hour
	for range 5 {
		if err != nil {
			break
		}
		var used time.Duration
		used, err = self.during(func() error { return bcrypt.CompareHashAndPassword(hash, []byte("password")) })
		least = min(least, used)
	}
	return least, err
}

// floodPlace is where it takes place, and what it has shown.
type floodPlace struct {
	*flood
	stage  *stage
	gate   *gate
	drive  *drive
	hash   time.Duration // processor time of one
	rounds []floodRound
}

// floodRound is what one round has shown.
type floodRound struct {
	idle, flooded    float64 // 99th percentile of a check in µs
	logins, possible float64 // a second
	growth           float64 // of memory, MiB
	refused          int64
}

// round asks for some time without a flood, and then with one.
func (p *floodPlace) round(ctx context.Context) (r floodRound, err error) {
	length := 3 * p.stage.pace.slice
	var used time.Duration
	before, _, err := p.gate.resident()
	if err != nil {
		return r, err
	}
	used, err = p.everybody(func() (err error) { r.idle, err = p.checks(ctx, length); return err })
	if err != nil {
		return r, err
	}
	idle := time.Duration(runtime.NumCPU())*length - used
	r.possible = float64(idle) / float64(p.hash) / length.Seconds()

	flooding, stop := context.WithCancel(ctx)
	defer stop()
	f := newFlooding(flooding, p)
	if err := errors.Join(f.rise(ctx), f.watch(flooding, p.gate)); err != nil {
		return r, err
	}
	began, done := time.Now(), f.done.Load()
	r.flooded, err = p.checks(ctx, length)
	r.logins = float64(f.done.Load()-done) / time.Since(began).Seconds()
	most := f.resident.Load()
	stop()
	f.work.Wait()
	r.growth, r.refused = float64(max(0, most-before))/(1<<20), f.refused.Load()
	return r, errors.Join(err, f.failed())
}

// everybody is the processor time that the replica and this program use while something is done.
func (p *floodPlace) everybody(do func() error) (time.Duration, error) {
	self := &process{pid: os.Getpid(), alone: true}
	var ours time.Duration
	theirs, err := p.gate.during(func() (err error) { ours, err = self.during(do); return err })
	return ours + theirs, err
}

func (p *floodPlace) checks(ctx context.Context, length time.Duration) (float64, error) {
	all, err := p.drive.schedule(ctx, p.rate, length)
	return float64(percentile(all, 99)) / float64(time.Microsecond), err
}

// flooding are clients that log in.
type flooding struct {
	work          sync.WaitGroup
	done, refused atomic.Int64
	resident      atomic.Int64 // the most bytes of memory
	errs          chan error
}

// newFlooding starts the clients, each of a network of its own.
func newFlooding(ctx context.Context, p *floodPlace) *flooding {
	f := &flooding{errs: make(chan error, p.clients+1)}
	client := newClient()
	for n := range p.clients {
		f.work.Go(func() {
			for i := n; ctx.Err() == nil; i += p.clients {
				f.count(ctx, f.login(ctx, client, p.gate, n, i%1000))
			}
		})
	}
	context.AfterFunc(ctx, client.CloseIdleConnections)
	return f
}

// watch looks at the memory of the server and of its hasher, which runs by now. They are looked up once: that takes a look at all
// processes of the machine, some milliseconds in which nobody is asked anything.
func (f *flooding) watch(ctx context.Context, g *gate) error {
	pids, err := g.pids()
	if err != nil {
		return err
	}
	f.work.Go(func() {
		for ctx.Err() == nil {
			now, _, err := resident(pids)
			f.count(ctx, err)
			f.resident.Store(max(f.resident.Load(), now))
			_ = wait(ctx, 50*time.Millisecond) // the loop sees that it is over
		}
	})
	return nil
}

// count keeps an error, unless it is that all is over.
func (f *flooding) count(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		select {
		case f.errs <- err:
		default:
		}
	}
}

func (f *flooding) login(ctx context.Context, client *http.Client, g *gate, network, user int) error {
	got, err := send(ctx, client, request{
		method: http.MethodPost, url: g.base + "/auth/token",
		header: http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.%d.%d", 100+network/256, network%256)}},
		json:   map[string]string{"grant_type": "password", "username": fill.Username(user), "password": g.password},
	})
	switch {
	case err != nil:
		return err
	case got.status == http.StatusOK:
		f.done.Add(1)
	case got.status == http.StatusServiceUnavailable:
		f.refused.Add(1)
		// It does as it is told: else what would be measured is how often a refusal can be asked for on this machine.
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		if err != nil {
			return fmt.Errorf("a login is refused without saying until when: %w", err)
		}
		return wait(ctx, time.Duration(seconds)*time.Second)
	default:
		return fmt.Errorf("a login is answered with %d: %s", got.status, got.body)
	}
	return nil
}

// rise returns when there is a flood: some have logged in, and the others wait.
func (f *flooding) rise(ctx context.Context) error {
	for f.done.Load() < int64(2*runtime.NumCPU()) && len(f.errs) == 0 {
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (f *flooding) failed() error {
	select {
	case err := <-f.errs:
		return err
	default:
		return nil
	}
}

func (p *floodPlace) report(cost int) *report {
	of := func(which func(floodRound) float64) (all []float64) {
		for _, r := range p.rounds {
			all = append(all, which(r))
		}
		return all
	}
	idle, flooded := of(func(r floodRound) float64 { return r.idle }), of(func(r floodRound) float64 { return r.flooded })
	logins, possible := of(func(r floodRound) float64 { return r.logins }), of(func(r floodRound) float64 { return r.possible })
	side := func(name, unit string, all []float64) *side { return newSide(&contender{name: name, unit: unit}, all) }
	refused := int64(0)
	for _, r := range p.rounds {
		refused += r.refused
	}
	rows := []row{
		{
			Name:   fmt.Sprintf("flood, check at %d a second, percentile 99", p.rate),
			Target: side("flooded", "µs", flooded), Baseline: side("idle", "µs", idle), Got: spreadOf(flooded), Unit: "µs",
			Bound: most(max(goalFloodRatio*spreadOf(idle).Median, goalFloodMicros)),
		},
		{
			Name:   fmt.Sprintf("flood, logins of what was idle, bcrypt %d", cost),
			Target: side("logins", "a second", logins), Baseline: side("idle ÷ bcrypt", "a second", possible),
			Got: spreadOf(of(func(r floodRound) float64 { return r.logins / r.possible })), Unit: "x", Bound: least(goalFloodShare),
		},
		{
			Name: fmt.Sprintf("flood, memory for %d clients", p.clients), Got: spreadOf(of(func(r floodRound) float64 { return r.growth })),
			Unit: "MiB", Bound: most(goalFloodGrowth),
		},
	}
	for i := range rows {
		rows[i].judge()
	}
	return &report{
		Setting: []setting{
			{"checks a second", fmt.Sprint(p.rate)}, {"clients that log in", fmt.Sprint(p.clients)},
			{"processor time of a bcrypt", p.hash.Round(time.Millisecond / 10).String()},
		},
		Counts: []count{{"logins refused for want of time", refused}}, Rows: rows,
	}
}
