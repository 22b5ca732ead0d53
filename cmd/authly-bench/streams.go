package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
)

const streamsLong = `One body after the other, 1 GiB down and 1 GiB up, through Authly, which checks a token, and through Go's ReverseProxy,
which does not, to the same upstream. Then, each time in new processes, the most memory that either has ever taken when there are 10,000
open WebSockets and a body goes each way.`

// streams is the measurement of large bodies and of many open connections.
type streams struct {
	sockets int
	mib     int

	upstreamPID int
	upstream    string
}

func (m *streams) measurement() measurement {
	return measurement{
		name: "streams", short: "Large bodies and many WebSockets, beside Go's ReverseProxy", long: streamsLong,
		flags: m.flags, measure: m.measure,
	}
}

func (m *streams) flags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&m.sockets, "sockets", 10_000, "how many WebSockets are open (1 to 60000)")
	cmd.Flags().IntVar(&m.mib, "mib", 1024, "how many MiB a body has (1 to 1048576)")
}

func (m *streams) measure(ctx context.Context, s *stage) (*report, error) {
	m.sockets, m.mib = min(m.sockets, s.pace.scale(m.sockets, 100)), min(m.mib, s.pace.scale(m.mib, 16))
	if m.sockets < 1 || m.sockets > 60_000 || m.mib < 1 || m.mib > 1<<20 {
		return nil, usageError{fmt.Errorf("--sockets must be 1 to 60000, --mib 1 to 1048576")}
	}
	note, err := m.fit()
	if err != nil {
		return nil, err
	}
	upstream, address, _, err := s.baseline(ctx, "upstream")
	if err != nil {
		return nil, err
	}
	m.upstreamPID, m.upstream = upstream.pid, address
	rows, err := m.bodies(ctx, s)
	if err != nil {
		return nil, err
	}
	most, err := m.memory(ctx, s, note)
	return &report{
		Setting: []setting{{"WebSockets", fmt.Sprint(m.sockets)}, {"bytes of a body", fmt.Sprint(m.mib, " MiB")}},
		Rows:    append(rows, most...),
	}, err
}

// files is how many a proxy opens: two for each WebSocket, and some.
func (m *streams) files() uint64 { return uint64(2*m.sockets + 300) } // #nosec G115 -- a number of sockets

// fit makes the WebSockets fewer, if the machine does not allow as many open files as they need.
func (m *streams) fit() (note string, err error) {
	wanted := m.files()
	got, err := allowFiles(os.Getpid(), wanted)
	if err != nil || got >= wanted {
		return "", err
	}
	m.sockets -= int(wanted-got+1) / 2 // #nosec G115 -- less than the files that m.sockets asks for
	return fmt.Sprintf("no more than %d open files are allowed here (ulimit -Hn)", got), nil
}

func (m *streams) authly(ctx context.Context, s *stage) (*through, error) {
	g, err := s.gate(ctx, gateConfig{algorithm: algorithms()[0], routes: `
routes:
  - {name: app, hosts: [app.example.com], paths: [/*], allow: authenticated, upstream: "http://` + m.upstream + `"}
`})
	if err != nil {
		return nil, err
	}
	return m.way(s, &g.process, g.address(), g.access), nil
}

func (m *streams) reverseProxy(ctx context.Context, s *stage) (*through, error) {
	p, address, _, err := s.baseline(ctx, "proxy", m.upstream)
	if err != nil {
		return nil, err
	}
	return m.way(s, p, address, "not.looked.at"), nil
}

func (m *streams) way(s *stage, p *process, address, token string) *through {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, ReadBufferSize: 256 << 10, WriteBufferSize: 256 << 10}}
	s.atEnd(func() error { client.CloseIdleConnections(); return nil })
	return &through{process: p, address: address, token: token, client: client}
}

func (m *streams) bodies(ctx context.Context, s *stage) ([]row, error) {
	target, err := m.authly(ctx, s)
	if err != nil {
		return nil, err
	}
	baseline, err := m.reverseProxy(ctx, s)
	if err != nil {
		return nil, err
	}
	var all []comparison
	for _, way := range []struct {
		name string
		move func(*through, context.Context, int64) error
	}{{"down", (*through).down}, {"up", (*through).up}} {
		throughput := func(t *through, name string) *contender {
			return &contender{name: name, unit: "MiB/s", measure: func(ctx context.Context) (float64, error) {
				began := time.Now()
				err := way.move(t, ctx, int64(m.mib)<<20)
				return float64(m.mib) / time.Since(began).Seconds(), err
			}}
		}
		cost := func(t *through, name string) *contender {
			return &contender{name: name, unit: "µs", measure: func(ctx context.Context) (float64, error) {
				used, err := t.process.during(func() error { return way.move(t, ctx, int64(m.mib)<<20) })
				return float64(used.Microseconds()) / float64(m.mib), err
			}}
		}
		all = append(all,
			comparison{name: "body " + way.name + ", throughput", target: throughput(target, "authly"),
				baseline: throughput(baseline, "ReverseProxy"), bound: least(0.95)},
			comparison{name: "body " + way.name + ", processor time for a MiB", target: cost(target, "authly"),
				baseline: cost(baseline, "ReverseProxy")})
	}
	return s.compare(ctx, all)
}

// memory compares the most memory that new processes take.
func (m *streams) memory(ctx context.Context, s *stage, note string) ([]row, error) {
	peak := func(name string, start func(context.Context, *stage) (*through, error)) *contender {
		return &contender{name: name, unit: "MiB", measure: func(ctx context.Context) (mib float64, err error) {
			err = s.scene(func(s *stage) error {
				t, err := start(ctx, s)
				if err != nil {
					return err
				}
				mib, err = m.peak(ctx, t)
				return err
			})
			return mib, err
		}}
	}
	return s.compareCold(ctx, min(s.pace.rounds, 3), []comparison{{
		name:   fmt.Sprintf("memory, %d WebSockets and bodies", m.sockets),
		target: peak("authly", m.authly), baseline: peak("ReverseProxy", m.reverseProxy), bound: most(1.2),
		note: note,
	}})
}

func (m *streams) peak(ctx context.Context, t *through) (mib float64, err error) {
	for _, pid := range []int{os.Getpid(), m.upstreamPID, t.process.pid} {
		if _, err := allowFiles(pid, m.files()); err != nil {
			return 0, err
		}
	}
	open, err := openSockets(ctx, t.address, t.token, m.sockets)
	if err != nil {
		return 0, err
	}
	defer open.close()
	if err := t.down(ctx, int64(m.mib)<<20); err != nil {
		return 0, err
	}
	if err := t.up(ctx, int64(m.mib)<<20); err != nil {
		return 0, err
	}
	_, most, err := t.process.resident()
	return float64(most) / (1 << 20), err
}
