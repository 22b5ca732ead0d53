package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/descoped/authly/store/fill"
)

const loginsLong = `Logins by password at bcrypt cost 12, as many at a time as two for each core, beside what the cores can do: their
number, divided by the time of one bcrypt that has a core for itself.`

// logins is the measurement of how many logins there can be.
type logins struct{}

// loginCost is the default of passwords.bcrypt_cost.
const loginCost = 12

func (m *logins) measurement() measurement {
	return measurement{
		name: "login", short: "How many logins there can be, beside bare bcrypt", long: loginsLong, measure: m.measure,
	}
}

func (m *logins) measure(ctx context.Context, s *stage) (*report, error) {
	cost := s.pace.scale(loginCost, bcrypt.MinCost)
	g, err := s.gate(ctx, gateConfig{
		algorithm: algorithms()[0], routes: hostTable(10), users: 1000, cost: cost,
	})
	if err != nil {
		return nil, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(g.password), cost)
	if err != nil {
		return nil, err
	}
	target := m.logins(s, g)
	costly, bare := m.costs(s, g, hash)
	rows, err := s.compare(ctx, []comparison{
		{name: "login, bcrypt " + fmt.Sprint(cost), target: target, baseline: m.bare(s, hash, g.password, 1), bound: least(0.9)},
		{name: "login, bcrypt " + fmt.Sprint(cost), target: target, baseline: m.bare(s, hash, g.password, runtime.NumCPU())},
		{name: "login, bcrypt " + fmt.Sprint(cost) + ", processor time", target: costly, baseline: bare},
	})
	return &report{Rows: rows}, err
}

// logins is how many logins a replica answers in a second, of others each time: those of one account take turns.
func (m *logins) logins(s *stage, g *gate) *contender {
	login := m.login(s, g)
	return &contender{name: "authly", unit: "a second", measure: func(ctx context.Context) (float64, error) {
		return perSecond(ctx, s.pace.slice*3, 2*runtime.NumCPU(), login)
	}}
}

func (m *logins) login(s *stage, g *gate) func(context.Context) error {
	client := newClient()
	s.atEnd(func() error { client.CloseIdleConnections(); return nil })
	var turn atomic.Int64
	return func(ctx context.Context) error {
		_, err := g.login(ctx, client, fill.Username(int(turn.Add(1)%1000)), g.password)
		return err
	}
}

// costs are the processor time of a login and of a bare bcrypt: what else the machine does disturbs them less.
func (m *logins) costs(s *stage, g *gate, hash []byte) (login, bare *contender) {
	of := func(name string, p *process, do func(context.Context) error) *contender {
		return &contender{name: name, unit: "ms", measure: func(ctx context.Context) (float64, error) {
			const times = 4
			used, err := p.during(func() error {
				for range times {
					if err := do(ctx); err != nil {
						return err
					}
				}
				return nil
			})
			return float64(used) / float64(time.Millisecond) / times, err
		}}
	}
	return of("authly", &g.process, m.login(s, g)), of("bare bcrypt", &process{pid: os.Getpid(), alone: true}, func(context.Context) error {
		return bcrypt.CompareHashAndPassword(hash, []byte(g.password))
	})
}

// bare is how many passwords all cores can check in a second, measured with so many of them at a time.
func (m *logins) bare(s *stage, hash []byte, password string, atATime int) *contender {
	name := "cores ÷ time of a bare bcrypt"
	if atATime > 1 {
		name = "bare bcrypt on all cores at once"
	}
	return &contender{name: name, unit: "a second", measure: func(ctx context.Context) (float64, error) {
		rate, err := perSecond(ctx, s.pace.slice, atATime, func(context.Context) error {
			return bcrypt.CompareHashAndPassword(hash, []byte(password))
		})
		return rate * float64(runtime.NumCPU()) / float64(atATime), err
	}}
}

// perSecond does something again and again, so often at a time, and returns how often it was done in a second. What has begun
// when the time is over is waited for.
func perSecond(ctx context.Context, length time.Duration, atATime int, do func(context.Context) error) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var done atomic.Int64
	var work sync.WaitGroup
	errs := make([]error, atATime)
	began := time.Now()
	for i := range atATime {
		work.Go(func() {
			for time.Since(began) < length && ctx.Err() == nil {
				if errs[i] = do(ctx); errs[i] != nil {
					cancel()
					return
				}
				done.Add(1)
			}
		})
	}
	work.Wait()
	took := time.Since(began).Seconds()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return float64(done.Load()) / took, ctx.Err()
}
