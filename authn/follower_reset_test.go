package authn_test

import (
	"context"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// restored is a database that was put back from a backup: it does not know cursors of before, nor what happened since.
type restored struct{ authn.Feed }

func (f restored) Changes(ctx context.Context, after authn.Cursor) ([]authn.Change, authn.Cursor, error) {
	if after.Epoch != "restored" && after != (authn.Cursor{}) {
		return nil, authn.Cursor{}, authn.ErrFeedReset
	}
	return nil, authn.Cursor{Position: 1, Epoch: "restored"}, nil
}

// forgetful is the store of such a database: to it, one token that was ended still lives.
type forgetful struct {
	authn.LoginStore
	user   authn.User
	living *authn.Identity
}

func (f forgetful) TokenOwner(
	ctx context.Context, kind authn.TokenKind, jti string, hash []byte, now time.Time,
) (authn.User, authn.Token, error) {
	if jti == f.living.JTI {
		return f.user, authn.Token{UserID: f.user.ID, SessionID: f.living.SessionID}, nil
	}
	return f.LoginStore.TokenOwner(ctx, kind, jti, hash, now)
}

// A database that was put back from a backup knows neither some tokens nor some ends. What either the memory or the database
// knows to be dead is dead.
func TestDatabasePutBack(t *testing.T) {
	m := newMind(t, options{})
	alice := m.user(t, "alice")
	r := m.replica(t)
	ended, unknown, living := m.login(t, "alice").Access, m.login(t, "alice").Access, m.login(t, "alice").Access
	end := func(access string) *authn.Identity {
		caller, refusal := r.check(t, access)
		if refusal != "" {
			t.Fatal(refusal)
		}
		if _, err := m.store.EndSession(t.Context(), alice.ID, caller.SessionID, storetest.By(m.clock.Now())); err != nil {
			t.Fatal(err)
		}
		return caller
	}
	caller := end(ended)
	r.load(t)
	end(unknown) // stands for a login that is not in the backup
	r.store.LoginStore, r.store.Feed = forgetful{m.store, alice, caller}, restored{m.store}
	r.load(t)
	for what, c := range map[string]struct {
		access string
		want   authn.Code
	}{
		"ended, which the database does not know": {ended, authn.CodeInvalidCredentials},
		"unknown to the database":                 {unknown, authn.CodeInvalidCredentials},
		"living":                                  {living, ""},
	} {
		if _, refusal := r.check(t, c.access); refusal != c.want {
			t.Errorf("%s: %q, want %q", what, refusal, c.want)
		}
	}
	m.clock.advance(46 * time.Minute)
	r.load(t)
	if !r.follower.Fresh() {
		t.Error("memory is not trusted when all tokens of before have expired")
	}
}
