package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/descoped/authly/store/fill"
)

const refusalLong = `A front proxy's question about a request with a bad token, of each kind that there is and never the same one twice
where that can be, beside a Go handler that verifies a good token with golang-jwt each time. Whoever sends rubbish must not cost more
than honest work.`

// refusal is the measurement of what it costs to refuse bad tokens.
type refusal struct{}

func (m *refusal) measurement() measurement {
	return measurement{
		name: "refusal", short: "What a refusal costs, beside verifying a good token", long: refusalLong, measure: m.measure,
	}
}

func (m *refusal) measure(ctx context.Context, s *stage) (*report, error) {
	var all []comparison
	for _, algorithm := range algorithms()[:s.pace.scale(len(algorithms()), 2)] {
		of, err := m.compare(ctx, s, algorithm)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", algorithm, err)
		}
		all = append(all, of...)
	}
	rows, err := s.compare(ctx, all)
	return &report{Rows: rows}, err
}

// compare sets up what is to be compared with verifying tokens of an algorithm: for the first algorithm every kind of rubbish,
// for the others a wrong signature.
func (m *refusal) compare(ctx context.Context, s *stage, algorithm string) ([]comparison, error) {
	s.say("starting authly and golang-jwt, %s", algorithm)
	verifier, address, said, err := s.baseline(ctx, "verify", algorithm)
	if err != nil {
		return nil, err
	}
	honest := s.costly("golang-jwt "+algorithm, verifier, address, load{requests: [][]byte{ask(said[0])}, status: http.StatusOK})
	g, err := s.gate(ctx, gateConfig{algorithm: algorithm, routes: hostTable(10), ended: 1})
	if err != nil {
		return nil, err
	}
	kinds, err := m.kinds(ctx, s, g, algorithm)
	if err != nil {
		return nil, err
	}
	var all []comparison
	empty, emptyAddress, _, err := s.baseline(ctx, "empty")
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		if k.long { // then it is the reading that costs
			all = append(all, comparison{
				name: "refusal, " + k.name, target: s.costly("authly", &k.at.process, k.at.authz, k.load),
				baseline: s.costly("empty handler", empty, emptyAddress, load{requests: k.load.requests, status: http.StatusOK}),
			})
		}
		all = append(all, comparison{
			name: "refusal, " + k.name, target: s.costly("authly", &k.at.process, k.at.authz, k.load), baseline: honest, bound: most(1.0),
			replica: k.at.replica,
		})
	}
	if algorithm == "HS256" {
		good, err := fresh(g, s.pace.scale(100_000, 2000))
		if err != nil {
			return nil, err
		}
		all = append(all, comparison{
			name: "good token, seen for the first time, HS256", target: s.costly("authly", &g.process, g.authz, good), baseline: honest,
		})
	}
	return all, nil
}

// fresh are n good tokens of as many logins, so many that none is remembered when it comes again.
func fresh(g *gate, n int) (load, error) {
	pattern, err := readToken(g.access)
	if err != nil {
		return load{}, err
	}
	l := load{status: http.StatusOK}
	for range n {
		l.requests = append(l.requests, ask(pattern.signed(anotherID(), g.secret)))
	}
	return l, nil
}

// expired returns tokens that are no longer valid, from a replica whose tokens live for a second.
func (m *refusal) expired(ctx context.Context, s *stage, algorithm string) (*gate, [][]byte, error) {
	g, err := s.gate(ctx, gateConfig{algorithm: algorithm, routes: hostTable(10), more: "tokens: {access_ttl: 1s, leeway: 0s}\n"})
	if err != nil {
		return nil, nil, err
	}
	w := newWire(g.authz)
	defer w.close()
	client := newClient()
	defer client.CloseIdleConnections()
	var requests [][]byte
	for range s.pace.scale(256, 8) {
		p, err := g.login(ctx, client, fill.Username(1), g.password)
		if err != nil {
			return nil, nil, err
		}
		requests = append(requests, ask(p.Access))
	}
	deadline := time.Now().Add(startLimit)
	for { // the last of them was issued last
		got, err := w.do(requests[len(requests)-1])
		if err != nil || got.status == http.StatusUnauthorized {
			return g, requests, err
		}
		if time.Now().After(deadline) {
			return nil, nil, fmt.Errorf("a token of one second is still good")
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return nil, nil, err
		}
	}
}
