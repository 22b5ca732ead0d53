package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const startingLong = `How long it takes from the start of the program until it answers a check with 200, on SQLite with 100,000 users.`

// starting is the measurement of how soon the program is there.
type starting struct{}

// goalStart is in milliseconds.
const goalStart = 100

func (m *starting) measurement() measurement {
	return measurement{name: "start", short: "How soon the program answers", long: startingLong, measure: m.measure}
}

func (m *starting) measure(ctx context.Context, s *stage) (*report, error) {
	users := s.pace.scale(100_000, 1000)
	i, token, err := m.prepare(ctx, s, users)
	if err != nil {
		return nil, err
	}
	var took []float64
	for range s.pace.rounds {
		one, err := m.once(ctx, i, token)
		if err != nil {
			return nil, err
		}
		took = append(took, float64(one)/float64(time.Millisecond))
	}
	r := row{
		Name: fmt.Sprintf("start to the first 200, SQLite, %d users", users), Got: spreadOf(took), Unit: "ms", Bound: most(goalStart),
		Target: newSide(&contender{name: "authly", unit: "ms"}, took),
	}
	r.judge()
	return &report{Rows: []row{r}}, nil
}

// prepare makes an installation that has run once, and a token for it.
func (m *starting) prepare(ctx context.Context, s *stage, users int) (i *installation, token string, err error) {
	err = s.scene(func(inner *stage) error {
		g, err := inner.gate(ctx, gateConfig{algorithm: algorithms()[0], routes: hostTable(10), users: users, quiet: true})
		if err == nil {
			i, token = g.installation, g.access
		}
		return err
	})
	return i, token, err
}

// once starts the program and asks until it says 200.
func (m *starting) once(ctx context.Context, i *installation, token string) (took time.Duration, err error) {
	process := i.command("serve")
	w := newWire(i.replica.authz)
	defer w.close()
	began := time.Now()
	if err := process.Start(); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait() // however it ended
		close(ended)
	}()
	for {
		got, err := w.do(ask(token))
		if err == nil && got.status == 200 {
			took = time.Since(began)
			break
		}
		select {
		case <-ended:
			return 0, fmt.Errorf("authly serve has ended by itself: %s", process.ProcessState)
		default:
		}
		if ctx.Err() != nil || time.Since(began) > startLimit {
			err = fmt.Errorf("no 200 from authly serve: status %d, %w", got.status, err)
			return 0, errors.Join(err, end(process, ended))
		}
		sleepUntil(time.Now().Add(500 * time.Microsecond))
	}
	return took, end(process, ended)
}
