package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const latencyLong = `A front proxy's questions at fixed times, 1,000 a second, whatever becomes of the ones before. Latencies count from
when a request should have been sent. The 99th percentile of each slice is compared with that of an empty Go handler.`

// latency is the measurement of how long a check takes when it is asked for at a steady rate.
type latency struct {
	rate int
}

func (m *latency) measurement() measurement {
	return measurement{
		name: "latency", short: "How long a check takes at a steady rate, beside an empty Go handler", long: latencyLong,
		flags: m.flags, measure: m.measure,
	}
}

func (m *latency) flags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&m.rate, "rate", 1000, "requests a second (10 to 20000)")
}

func (m *latency) measure(ctx context.Context, s *stage) (*report, error) {
	if m.rate < 10 || m.rate > 20_000 {
		return nil, usageError{fmt.Errorf("--rate must be 10 to 20000")}
	}
	_, address, _, err := s.baseline(ctx, "empty")
	if err != nil {
		return nil, err
	}
	g, err := s.gate(ctx, gateConfig{algorithm: algorithms()[0], routes: hostTable(1000), ended: s.pace.scale(100_000, 1000)})
	if err != nil {
		return nil, err
	}
	l := load{requests: [][]byte{ask(g.access)}, status: 200}
	of := func(percent float64, b *bound) comparison {
		return comparison{
			name:   fmt.Sprintf("check at %d a second, percentile %g", m.rate, percent),
			target: m.steady(s, "authly", g.authz, l, percent), baseline: m.steady(s, "empty handler", address, l, percent), bound: b,
		}
	}
	rows, err := s.compare(ctx, []comparison{of(99, most(1.5)), of(50, nil)})
	return &report{Setting: []setting{{"requests a second", fmt.Sprint(m.rate)}}, Rows: rows}, err
}

// steady is a server under a steady load: a percentile of its latencies.
func (m *latency) steady(s *stage, name, address string, l load, percent float64) *contender {
	d := newDrive(address, s.pace.connections, l)
	s.atEnd(func() error { d.close(); return nil })
	length := 3 * s.pace.slice // enough for a percentile
	return &contender{name: name, unit: "µs", measure: func(ctx context.Context) (float64, error) {
		all, err := d.schedule(ctx, m.rate, length)
		return float64(percentile(all, percent)) / float64(time.Microsecond), err
	}}
}
