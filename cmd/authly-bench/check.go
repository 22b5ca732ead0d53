package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// algorithms are those that tokens can be signed with, one of each family.
func algorithms() []string { return []string{"EdDSA", "HS256", "RS256", "PS256", "ES256"} }

const checkLong = `A front proxy's question about a request with a good token or session cookie, on a replica that remembers 100,000 ended sessions and
has 1,000 routes, of which the last matches, beside the same bytes sent to a Go handler that answers 200 and does nothing else. The
access log is on, as by default, and read by this program.`

// check is the measurement of what a forward-auth question costs.
type check struct {
	algorithms []string
	dialects   []string
	ended      int
	routes     int
}

func (m *check) measurement() measurement {
	return measurement{
		name: "check", short: "What a forward-auth check costs, beside an empty Go handler", long: checkLong,
		flags: m.flags, measure: m.measure,
	}
}

func (m *check) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&m.algorithms, "algorithms", algorithms(), "of tokens")
	f.StringSliceVar(&m.dialects, "dialects", []string{"nginx"}, "in which it is asked; those after the first with the first algorithm alone")
	f.IntVar(&m.ended, "ended", 100_000, "how many ended sessions are remembered")
	f.IntVar(&m.routes, "routes", 1000, "how many routes there are")
}

const goalCheck = 1.25

func (m *check) check(s *stage) error {
	for _, of := range []struct {
		flag         string
		given, known []string
	}{
		{"--algorithms", m.algorithms, algorithms()}, {"--dialects", m.dialects, slices.Sorted(maps.Keys(dialects()))},
	} {
		unknown := slices.DeleteFunc(slices.Clone(of.given), func(one string) bool { return slices.Contains(of.known, one) })
		if len(unknown) > 0 || len(of.given) == 0 {
			return usageError{fmt.Errorf("%s: %q is none of %s", of.flag, unknown, strings.Join(of.known, ", "))}
		}
	}
	if m.ended = min(m.ended, s.pace.scale(m.ended, 1000)); m.ended < 0 || m.routes < 1 {
		return usageError{errors.New("--ended must be at least 0, --routes at least 1")}
	}
	return nil
}

func (m *check) measure(ctx context.Context, s *stage) (*report, error) {
	if err := m.check(s); err != nil {
		return nil, err
	}
	empty, address, _, err := s.baseline(ctx, "empty")
	if err != nil {
		return nil, err
	}
	var all []comparison
	compared := func(name string, g *gate, l load, b *bound) {
		all = append(all, comparison{
			name: "check, " + name, target: s.costly("authly", &g.process, g.authz, l), replica: g.replica,
			baseline: s.costly("empty handler", empty, address, l), bound: b,
		})
	}
	add := func(name string, g *gate, dialect string, b *bound) {
		l := load{requests: [][]byte{question(dialect, lastHost, "/reports/2024?page=2", g.access)}, status: 200}
		compared(name, g, l, b)
	}
	for i, algorithm := range m.algorithms {
		g, err := m.start(ctx, s, gateConfig{algorithm: algorithm})
		if err != nil {
			return nil, err
		}
		add(algorithm, g, m.dialects[0], most(goalCheck))
		if i > 0 {
			continue
		}
		for _, dialect := range m.dialects[1:] {
			add(algorithm+", "+dialect, g, dialect, most(goalCheck))
		}
		cookie, err := g.browse(ctx)
		if err != nil {
			return nil, err
		}
		l := load{requests: [][]byte{browserQuestion(m.dialects[0], lastHost, "/reports/2024?page=2", cookie)}, status: 200}
		compared("session cookie", g, l, most(goalCheck))
	}
	quiet, err := m.start(ctx, s, gateConfig{algorithm: m.algorithms[0], quiet: true})
	if err != nil {
		return nil, err
	}
	add(m.algorithms[0]+", no access log", quiet, m.dialects[0], nil)
	rows, err := s.compare(ctx, all)
	return &report{
		Setting: []setting{
			{"ended sessions remembered", fmt.Sprint(m.ended)}, {"routes", fmt.Sprint(m.routes)},
			{"connections", fmt.Sprint(s.pace.connections)},
		},
		Rows: rows,
	}, err
}

// start starts a replica that has much to remember.
func (m *check) start(ctx context.Context, s *stage, cfg gateConfig) (*gate, error) {
	s.say("starting authly, %s", cfg.algorithm)
	cfg.ended, cfg.routes = m.ended, hostTable(m.routes)
	return s.gate(ctx, cfg)
}
