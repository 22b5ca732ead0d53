package proxy_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// sessions are real ones, in a real store whose feed a real follower follows. As an authn.Authenticator it takes the id of a
// living session for a token.
type sessions struct {
	store    *store.Store
	follower *authn.Follower

	mu    sync.Mutex
	users map[string]authn.User
	known map[string]authn.Identity // by the session's id
}

func newSessions(t testing.TB) *sessions {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "authly.db"), store.Options{MaxConnections: 4, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s := &sessions{store: db, users: map[string]authn.User{}, known: map[string]authn.Identity{}}
	start := time.Now()
	s.follower = authn.NewFollower(authn.FollowerConfig{
		Feed: db, Users: db, TokenLife: time.Hour, PollEvery: time.Second, MaxStaleness: 10 * time.Second, Log: log,
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(start) },
	})
	if err := s.follower.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { s.follower.Run(ctx) })
	t.Cleanup(func() { stop(); work.Wait(); db.Close() })
	return s
}

// login begins a session of a user, who is made if need be, and returns the token for it.
func (s *sessions) login(t testing.TB, name string) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	user, ok := s.users[name]
	now := time.Now().Truncate(time.Microsecond)
	if !ok {
		user = authn.User{
			ID: uuid.New(), Username: name, Email: name + "@example.com", EmailKey: name + "@example.com", PasswordHash: "$2b$04$x",
			Active: true, Verified: true, CreatedAt: now, UpdatedAt: now,
		}
		if err := s.store.CreateUser(t.Context(), user, storetest.By(now)); err != nil {
			t.Fatal(err)
		}
		s.users[name] = user
	}
	session := authn.Session{ID: uuid.New(), UserID: user.ID, CreatedAt: now, LastSeenAt: now}
	token := func(kind authn.TokenKind) authn.Token {
		id := uuid.New()
		return authn.Token{ID: id, JTI: id.String(), Kind: kind, UserID: user.ID, SessionID: session.ID, Hash: id[:], CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	}
	err := s.store.BeginSession(t.Context(), session, token(authn.AccessToken), token(authn.RefreshToken), user.PasswordHash, authn.SessionPolicy{}, storetest.By(now))
	if err != nil {
		t.Fatal(err)
	}
	s.known[session.ID.String()] = authn.Identity{UserID: user.ID, SessionID: session.ID, Username: name}
	return session.ID.String()
}

// Authenticate lets in whose session lives.
func (s *sessions) Authenticate(ctx context.Context, c authn.Credentials) (*authn.Identity, error) {
	if c.Kind != authn.BearerCredential {
		return nil, authn.Refuse(authn.CodeNoCredentials, "Not authenticated")
	}
	s.mu.Lock()
	identity, ok := s.known[c.Token]
	s.mu.Unlock()
	session, err := s.store.SessionByID(ctx, identity.UserID, identity.SessionID)
	if !ok || err != nil || !session.EndedAt.IsZero() {
		return nil, authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials")
	}
	return &identity, nil
}

// end ends a session.
func (s *sessions) end(t testing.TB, token string) {
	t.Helper()
	s.mu.Lock()
	identity := s.known[token]
	s.mu.Unlock()
	if _, err := s.store.EndSession(t.Context(), identity.UserID, identity.SessionID, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
}

// change changes a user, and ends the sessions of one who may no longer come in.
func (s *sessions) change(t testing.TB, name string, change authn.UserChange) {
	t.Helper()
	change.Act = storetest.By(time.Now())
	if _, err := s.store.UpdateUser(t.Context(), s.users[name].ID, change); err != nil {
		t.Fatal(err)
	}
}

// gateway is in front of an application, and lets in whose session lives; to /public everybody.
func (s *sessions) gateway(t testing.TB, upstream string, vary func(*gatewayConfig)) *gateway {
	t.Helper()
	c := withUpstream(upstream)
	c.people, c.watch = s, s.follower.Watch
	if vary != nil {
		vary(&c)
	}
	return newGateway(t, c)
}

// eventually polls what no channel tells.
func eventually(t testing.TB, what string, condition func() error) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(fmt.Errorf("waited in vain: %s: %w", what, err))
		}
	}
}
