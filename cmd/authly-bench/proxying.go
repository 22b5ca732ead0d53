package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"

	"github.com/descoped/authly/store/fill"
)

const proxyingLong = `A request with a good RS256 token for 1 KiB, through Authly, which checks it, removes what clients may not
say and adds who is calling, beside the same bytes through others to the same upstream: Go's ReverseProxy without any check,
HAProxy with the same check (jwt_verify) and headers, Caddy, Traefik and nginx without any. What is not installed is not found.
Traefik is looked for in PATH and in AUTHLY_BENCH_TRAEFIK.`

// proxying is the measurement of what a proxied request costs.
type proxying struct{}

func (m *proxying) measurement() measurement {
	return measurement{
		name: "proxy", short: "What a proxied request costs, beside other proxies", long: proxyingLong, measure: m.measure,
	}
}

func (m *proxying) measure(ctx context.Context, s *stage) (*report, error) {
	_, upstream, _, err := s.baseline(ctx, "upstream")
	if err != nil {
		return nil, err
	}
	s.say("starting authly")
	g, err := s.gate(ctx, gateConfig{algorithm: "RS256", routes: `
routes:
  - {name: public, paths: [/public/*], allow: public, upstream: "http://` + upstream + `"}
  - {name: app, hosts: [app.example.com], paths: [/*], allow: authenticated, upstream: "http://` + upstream + `"}
`})
	if err != nil {
		return nil, err
	}
	if err := m.try(ctx, g.address(), g.access); err != nil {
		return nil, fmt.Errorf("authly: %w", err)
	}
	get := load{requests: [][]byte{page("app.example.com", "/kib", g.access)}, status: 200, length: 1024}
	target := s.costly("authly", &g.process, g.address(), get)

	plain, address, _, err := s.baseline(ctx, "proxy", upstream)
	if err != nil {
		return nil, err
	}
	all := []comparison{{
		name: "proxy, checked, 1 KiB", target: target, bound: most(1.10), replica: g.replica,
		baseline: s.costly("ReverseProxy, no check", plain, address, get),
	}}
	var rows []row
	for _, r := range rivals(upstream, g) {
		path, err := r.find()
		if err != nil {
			rows = append(rows, missing("proxy, checked, 1 KiB: "+r.name, r.bound, notFound, err.Error()))
			continue
		}
		s.say("starting %s", r.name)
		process, address, err := s.rival(ctx, func(folder, address string) (*exec.Cmd, error) {
			return r.command(ctx, path, folder, address)
		})
		if err == nil && r.checks {
			err = m.try(ctx, address, g.access)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		all = append(all, comparison{
			name: "proxy, checked, 1 KiB: " + r.name, target: target, bound: r.bound, baseline: s.costly(r.name, process, address, get),
		})
	}
	compared, err := s.compare(ctx, all)
	return &report{Rows: append(compared, rows...)}, err
}

// try sees that who claims to check does: a good token passes and its user is told to the upstream, whatever the client says,
// and one with another signature does not pass.
func (m *proxying) try(ctx context.Context, address, access string) error {
	client := newClient()
	defer client.CloseIdleConnections()
	good, err := readToken(access)
	if err != nil {
		return err
	}
	for _, tt := range []struct {
		token  string
		status int
		says   string
	}{
		{access, http.StatusOK, fmt.Sprint([]string{fill.Username(1)})}, {good.text(nil, anotherID()), http.StatusUnauthorized, ""},
	} {
		got, err := send(ctx, client, request{
			method: http.MethodGet, url: "http://" + address + "/who", token: tt.token,
			host: "app.example.com", header: http.Header{"X-Forwarded-User": {"root"}},
		})
		if err != nil {
			return err
		}
		if got.status != tt.status || tt.status == http.StatusOK && string(got.body) != tt.says {
			return fmt.Errorf("status %d, want %d: %s", got.status, tt.status, got.body)
		}
	}
	return nil
}
