package main

import (
	"context"
	"fmt"
)

const rulesLong = `A front proxy's question on replicas with 10, 1,000 and 10,000 routes of which the last matches: a table of hosts with
three routes each, and one of paths on any host.`

// rules is the measurement of what routes cost.
type rules struct{}

func (m *rules) measurement() measurement {
	return measurement{
		name: "rules", short: "What a check costs with 10, 1,000 and 10,000 routes", long: rulesLong, measure: m.measure,
	}
}

func (m *rules) measure(ctx context.Context, s *stage) (*report, error) {
	var all []comparison
	for _, t := range []struct {
		name  string
		table func(int) string
		ask   func(n int, token string) []byte
	}{
		{"hosts", hostTable, func(_ int, token string) []byte { return question("nginx", lastHost, "/reports", token) }},
		{"paths", pathTable, func(n int, token string) []byte {
			return question("nginx", "app.example.com", fmt.Sprintf("/service%d/reports", n-1), token)
		}},
	} {
		of := func(n int) (*contender, error) {
			s.say("starting authly, %d routes by %s", n, t.name)
			g, err := s.gate(ctx, gateConfig{algorithm: algorithms()[0], routes: t.table(n)})
			if err != nil {
				return nil, err
			}
			return s.costly(fmt.Sprintf("%d routes", n), &g.process, g.authz,
				load{requests: [][]byte{t.ask(n, g.access)}, status: 200}), nil
		}
		few, err1 := of(10)
		some, err2 := of(1000)
		many, err3 := of(10_000)
		for _, err := range []error{err1, err2, err3} {
			if err != nil {
				return nil, err
			}
		}
		all = append(all,
			comparison{name: "check, routes by " + t.name, target: many, baseline: few, bound: most(2)},
			comparison{name: "check, routes by " + t.name, target: some, baseline: few})
	}
	rows, err := s.compare(ctx, all)
	return &report{Rows: rows}, err
}
