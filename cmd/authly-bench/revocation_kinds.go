package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/descoped/authly/store/pgserver"
)

// subject is a user with two sessions: one that others use, and another from which the user acts.
type subject struct {
	id, name, password string
	victim, own        pair
}

// role is what every subject has at first.
const role = "staff"

func (m *revocation) newSubject(ctx context.Context, at *replica, name string) (*subject, error) {
	s := &subject{name: name, password: rand.Text()}
	var user struct{ ID string }
	err := at.must(ctx, m.client, http.MethodPost, "/users", "",
		map[string]string{"username": name, "email": name + "@example.com", "password": s.password}, &user)
	if err != nil {
		return nil, err
	}
	s.id = user.ID
	err = at.must(ctx, m.client, http.MethodPut, "/users/"+s.id, m.admin.Access, map[string]any{"is_verified": true, "roles": []string{role}}, nil)
	if err != nil {
		return nil, err
	}
	if s.victim, err = at.login(ctx, m.client, name, s.password); err != nil {
		return nil, err
	}
	s.own, err = at.login(ctx, m.client, name, s.password)
	return s, err
}

// kind is a way to take something back.
type kind struct {
	name    string
	revoke  func(ctx context.Context, m *revocation, at *replica, s *subject) error // returns once it is answered
	granted func(status int, groups []string) bool                                  // whether the old right still shows
}

func kinds() []kind {
	allowed := func(status int, _ []string) bool { return status == http.StatusOK }
	return []kind{
		{"session ended", endSession, allowed},
		{"logout", logout, allowed},
		{"user disabled", disable, allowed},
		{"role taken away", takeRole, func(status int, groups []string) bool {
			return status == http.StatusOK && slices.Contains(groups, role)
		}},
		{"password changed", changePassword, allowed},
	}
}

func endSession(ctx context.Context, m *revocation, at *replica, s *subject) error {
	id, err := sessionOf(s.victim.Access)
	if err != nil {
		return err
	}
	return at.must(ctx, m.client, http.MethodDelete, "/auth/sessions/"+id, s.own.Access, nil, nil)
}

func logout(ctx context.Context, m *revocation, at *replica, s *subject) error {
	return at.must(ctx, m.client, http.MethodPost, "/auth/logout", s.victim.Access, nil, nil)
}

func disable(ctx context.Context, m *revocation, at *replica, s *subject) error {
	return at.must(ctx, m.client, http.MethodPut, "/users/"+s.id, m.admin.Access, map[string]bool{"is_active": false}, nil)
}

func takeRole(ctx context.Context, m *revocation, at *replica, s *subject) error {
	return at.must(ctx, m.client, http.MethodPut, "/users/"+s.id, m.admin.Access, map[string][]string{"roles": {}}, nil)
}

func changePassword(ctx context.Context, m *revocation, at *replica, s *subject) error {
	return at.must(ctx, m.client, http.MethodPut, "/users/"+s.id, s.own.Access,
		map[string]string{"password": rand.Text(), "current_password": s.password}, nil)
}

// target is where a token is used.
type target struct {
	name string
	ask  func(ctx context.Context, token string) (status int, groups []string, err error)
}

// gateway sends a request through a replica to the built-in upstream, which answers with what it was told of the caller.
func (m *revocation) gateway(r *replica) *target {
	return &target{"gateway " + r.base, func(ctx context.Context, token string) (int, []string, error) {
		got, err := send(ctx, m.client, request{method: http.MethodGet, url: r.base + "/x", token: token})
		if err != nil || got.status != http.StatusOK {
			return got.status, nil, err
		}
		var echo struct{ Headers http.Header }
		if err := json.Unmarshal(got.body, &echo); err != nil {
			return 0, nil, fmt.Errorf("the echo: %w", err)
		}
		return got.status, groupsOf(echo.Headers), nil
	}}
}

// forwardAuth asks a replica as Caddy does.
func (m *revocation) forwardAuth(r *replica) *target {
	question := http.Header{
		"X-Forwarded-Method": {http.MethodGet}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"app.example.com"},
		"X-Forwarded-Uri": {"/x"}, "X-Forwarded-For": {"203.0.113.9"},
	}
	return &target{"forward-auth " + r.base, func(ctx context.Context, token string) (int, []string, error) {
		got, err := send(ctx, m.client, request{method: http.MethodGet, url: r.base + "/authz/caddy", token: token, header: question})
		return got.status, groupsOf(got.header), err
	}}
}

func groupsOf(h http.Header) []string { return strings.Split(h.Get("X-Forwarded-Groups"), ",") }

// noListen is a line to a database on which nobody hears of notifications.
type noListen struct {
	line *pgserver.Line
	cut  counter // whoever said LISTEN
}

func newNoListen(database *url.URL) (*noListen, error) {
	n := new(noListen)
	var err error
	n.line, err = pgserver.NewLine(database, func(m pgserver.Message) pgserver.Verdict {
		if statement := strings.TrimSpace(m.Statement()); len(statement) >= 6 && strings.EqualFold(statement[:6], "LISTEN") {
			n.cut.Add(1)
			return pgserver.Cut
		}
		return pgserver.Pass
	})
	return n, err
}
