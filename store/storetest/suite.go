package storetest

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// Store is everything that a store is for authn and its owner.
type Store interface {
	authn.LoginStore
	authn.KeyStore
	authn.DataKeyStore
	authn.MailStore
	authn.Feed
	authn.Pinger
	Close() error
}

// Database opens one database. Every call returns another Store on it, as another replica or the next start would.
type Database func(ctx context.Context) (Store, error)

// Run holds the stores on databases made by create to the contract of authn's interfaces. Every case gets an empty database
// of its own; cases about simultaneous calls spread them over two replicas.
func Run(t *testing.T, create func(t *testing.T) Database) {
	for _, group := range [][]promise{
		userCases(), updateCases(), administratorCases(), firstStartCases(), tokenCases(), sessionCases(),
		limitCases(), expiryCases(), arrivalCases(), refreshCases(), reuseCases(), endingCases(), feedCases(),
		lockoutCases(), keyCases(), textCases(), lifeCases(), auditCases(), mailCases(), mailTokenCases(), dataKeyCases(),
		invitationCases(), cookieCases(), handoverCases(), personalCases(), directoryCases(),
	} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("why this matters: %s", c.why)
					}
				})
				c.run(t, create(t))
			})
		}
	}
}

// promise is one sentence of the contract, and its test.
type promise struct {
	name string
	why  string // what goes wrong for people where the promise is broken
	run  func(t *testing.T, db Database)
}

// now is when every case takes place. Stores keep microseconds.
var now = time.Date(2031, 2, 3, 4, 5, 6, 789_012_000, time.UTC)

// open returns a store that is closed when the test ends.
func (db Database) open(t *testing.T) Store {
	t.Helper()
	s, err := db(t.Context())
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

// replicas returns two stores on the database.
func (db Database) replicas(t *testing.T) []Store {
	t.Helper()
	return []Store{db.open(t), db.open(t)}
}

// By is an act of an operator at a time, for tests to which it does not matter whose it is.
func By(at time.Time) authn.Act {
	return authn.Act{By: authn.Actor{Kind: authn.ActorOperator}, At: at}
}

// hash stands for the hash of a password: stores do not look into it but for its scheme.
const hash = "$2b$12$WApznUPhDubN0oeveSXHpeFKfWv2vDlBoHXiKuBFHqe1mOq4dmWFK"

// person returns a user who is active and verified and no administrator.
func person(name string) authn.User {
	return authn.User{
		ID: uuid.New(), Username: name, Email: name + "@Example.com", EmailKey: name + "@example.com", PasswordHash: hash,
		Active: true, Verified: true, Roles: []string{"editor", "reader"}, CreatedAt: now, UpdatedAt: now,
	}
}

// administrator returns a user who is one.
func administrator(name string) authn.User {
	u := person(name)
	u.Admin = true
	return u
}

// add keeps a new user.
func add(t *testing.T, s Store, u authn.User) authn.User {
	t.Helper()
	must(t, s.CreateUser(t.Context(), u, By(now)))
	return u
}

// pair returns the tokens of a new session of u.
func pair(u authn.User) (access, refresh authn.Token) { return pairOf(u.ID, uuid.New()) }

func pairOf(user, session uuid.UUID) (access, refresh authn.Token) {
	token := func(kind authn.TokenKind, life time.Duration) authn.Token {
		id := uuid.New()
		return authn.Token{
			ID: id, JTI: id.String() + id.String(), Kind: kind, UserID: user, SessionID: session, Hash: append(id[:], id[:]...),
			CreatedAt: now, ExpiresAt: now.Add(life), ClientAddress: "192.0.2.1", UserAgent: "curl/8.0",
			KeyID: "0123456789abcdef", Claims: []byte(`{"sub":"` + user.String() + `"}`),
		}
	}
	return token(authn.AccessToken, time.Hour), token(authn.RefreshToken, 24*time.Hour)
}

// sessionOf returns the session that begins with a refresh token.
func sessionOf(refresh authn.Token, at time.Time) authn.Session {
	return authn.Session{
		ID: refresh.SessionID, UserID: refresh.UserID, CreatedAt: at, LastSeenAt: at,
		ClientAddress: refresh.ClientAddress, UserAgent: refresh.UserAgent,
	}
}

// begin keeps a session that no policy bounds.
func begin(t *testing.T, s Store, access, refresh authn.Token, passwordHash string, at time.Time) error {
	t.Helper()
	return s.BeginSession(t.Context(), sessionOf(refresh, at), access, refresh, passwordHash, authn.SessionPolicy{}, By(now))
}

// rotate uses a refresh token without grace and policy.
func rotate(t *testing.T, s Store, jti string, hash []byte, access, refresh authn.Token, at time.Time) error {
	t.Helper()
	_, _, err := s.RotateRefresh(t.Context(), authn.Rotation{
		JTI: jti, Hash: hash, UserAgent: refresh.UserAgent, Access: access, Refresh: refresh, Act: By(at),
	})
	return err
}

// login keeps a new session of u.
func login(t *testing.T, s Store, u authn.User) (access, refresh authn.Token) {
	t.Helper()
	access, refresh = pair(u)
	must(t, begin(t, s, access, refresh, u.PasswordHash, now))
	return access, refresh
}

// liveness returns what the store says of a token at a time.
func liveness(t *testing.T, s Store, token authn.Token, at time.Time) error {
	t.Helper()
	_, _, err := s.TokenOwner(t.Context(), token.Kind, token.JTI, token.Hash, at)
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// want fails unless err is the answer; a nil answer is success.
func want(t *testing.T, what string, err, answer error) {
	t.Helper()
	if !errors.Is(err, answer) {
		t.Errorf("%s: got error %v, want %v", what, err, answer)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// stored fails unless the store holds u exactly.
func stored(t *testing.T, s Store, u authn.User) {
	t.Helper()
	got, err := s.UserByID(t.Context(), u.ID)
	must(t, err)
	equal(t, "the stored user", got, u)
}

// atOnce makes n calls that all begin when all are ready, and returns what they returned.
func atOnce(n int, call func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-begin
			errs[i] = call(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return errs
}

// tally returns how many of the errors are nil; every other one must be one of the answers.
func tally(t *testing.T, errs []error, answers ...error) int {
	t.Helper()
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
			continue
		}
		if !slices.ContainsFunc(answers, func(answer error) bool { return errors.Is(err, answer) }) {
			t.Errorf("a simultaneous call failed with %v, want nil or one of %v", err, answers)
		}
	}
	return succeeded
}
