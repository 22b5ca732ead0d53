package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// algorithms are those that tokens can be signed with, one of each family.
func algorithms() []string { return []string{"EdDSA", "HS256", "RS256", "PS256", "ES256"} }

const checkLong = `A front proxy's question (nginx's) about a request with a good token, on a replica that remembers 100,000 ended
sessions and has 1,000 routes, of which the last matches, beside the same bytes sent to a Go handler that answers 200 and does
nothing else. The access log is on, as by default, and read by this program.`

// check is the measurement of what a forward-auth question costs.
type check struct {
	algorithms []string
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
	f.IntVar(&m.ended, "ended", 100_000, "how many ended sessions are remembered")
	f.IntVar(&m.routes, "routes", 1000, "how many routes there are")
}

const goalCheck = 1.25

func (m *check) measure(ctx context.Context, s *stage) (*report, error) {
	if unknown := slices.DeleteFunc(slices.Clone(m.algorithms), func(a string) bool { return slices.Contains(algorithms(), a) }); len(unknown) > 0 {
		return nil, usageError{fmt.Errorf("--algorithms: %q is none of %s", unknown[0], strings.Join(algorithms(), ", "))}
	}
	if m.ended = min(m.ended, s.pace.scale(m.ended, 1000)); m.ended < 0 || m.routes < 1 {
		return nil, usageError{fmt.Errorf("--ended must be at least 0, --routes at least 1")}
	}
	empty, address, _, err := s.baseline(ctx, "empty")
	if err != nil {
		return nil, err
	}
	var all []comparison
	for _, algorithm := range m.algorithms {
		s.say("starting authly, %s", algorithm)
		g, target, ask, err := m.target(ctx, s, algorithm, gateConfig{})
		if err != nil {
			return nil, err
		}
		all = append(all, comparison{
			name: "check, " + algorithm, target: target, bound: most(goalCheck), replica: g.replica,
			baseline: s.costly("empty handler", empty, address, ask),
		})
	}
	g, quiet, ask, err := m.target(ctx, s, m.algorithms[0], gateConfig{quiet: true})
	if err != nil {
		return nil, err
	}
	all = append(all, comparison{
		name: "check, " + m.algorithms[0] + ", no access log", target: quiet, replica: g.replica,
		baseline: s.costly("empty handler", empty, address, ask),
	})
	rows, err := s.compare(ctx, all)
	if err != nil {
		return nil, err
	}
	return &report{
		Setting: []setting{
			{"ended sessions remembered", fmt.Sprint(m.ended)}, {"routes", fmt.Sprint(m.routes)},
			{"connections", fmt.Sprint(s.pace.connections)},
		},
		Rows: append(rows, missing("check, session cookie", most(goalCheck), notBuilt, "there are no cookie sessions")),
	}, nil
}

// target starts a replica and returns it under load, and what the load is.
func (m *check) target(ctx context.Context, s *stage, algorithm string, cfg gateConfig) (*gate, *contender, load, error) {
	cfg.algorithm, cfg.ended, cfg.routes = algorithm, m.ended, hostTable(m.routes)
	g, err := s.gate(ctx, cfg)
	if err != nil {
		return nil, nil, load{}, err
	}
	ask := load{requests: [][]byte{question("last.example.com", "/reports/2024?page=2", g.access)}, status: 200}
	return g, s.costly("authly", &g.process, g.authz, ask), ask, nil
}
