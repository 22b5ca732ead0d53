package authn_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// waits are the refusals that end by themselves.
func waits(err error) (time.Duration, bool) {
	refusal, ok := errors.AsType[*authn.Error](err)
	if !ok {
		return 0, false
	}
	switch refusal.Code {
	case authn.CodeRateLimited, authn.CodeDelayed, authn.CodeLocked:
		return refusal.RetryAfter, true
	}
	return 0, false
}

// retrier is something that is refused when it is done too often, and its clock.
type retrier struct {
	do    func() error
	clock *clock
}

// guessing tries wrong passwords, each time by the name and from where next says.
func guessing(t *testing.T, o options, next func(i int) (name string, from authn.Client)) retrier {
	m := newMind(t, o)
	m.user(t, "alice")
	i := 0
	return retrier{func() error {
		name, from := next(i)
		i++
		_, err := m.logins.Login(t.Context(), name, "wrong password", from)
		return err
	}, m.clock}
}

// asking asks a gate.
func asking(general, route authn.Limit, byUser bool) retrier {
	c := &clock{now: time.Now()}
	gate := authn.NewGate(authn.GateConfig{
		Routes:  []authn.Route{{Name: "all", Paths: []string{"/*"}, Access: authn.AllowPublic, Limit: route, LimitByUser: byUser}},
		General: general, Now: c.Now,
	})
	return retrier{func() error {
		d := gate.Decide(context.Background(), authn.Request{Method: "GET", Host: "app.example.com", RawPath: "/x", Client: from.Address})
		if d.Refusal == nil {
			return nil
		}
		return d.Refusal
	}, c}
}

// Whoever comes again after so many whole seconds as Retry-After says is looked at, and who comes a second before that is not:
// whatever it was that they had to wait for, at whatever moment.
func TestRetryAfterHolds(t *testing.T) {
	awkward := []authn.Limit{{Requests: 3, Per: time.Minute}, {Requests: 7, Per: time.Minute}, {Requests: 1, Per: 10 * time.Second}, {Requests: 11, Per: time.Hour}}
	alice := func(int) (string, authn.Client) { return "alice", from }
	unlocked := authn.LockoutPolicy{Failures: 1000, Duration: 5 * time.Minute}
	kinds := map[string]func(t *testing.T, l authn.Limit) retrier{
		"login-client": func(t *testing.T, l authn.Limit) retrier {
			return guessing(t, options{limit: l, lockout: unlocked}, func(i int) (string, authn.Client) { return fmt.Sprint("nobody", i), from })
		},
		"login-name": func(t *testing.T, l authn.Limit) retrier {
			return guessing(t, options{limit: l, lockout: unlocked}, func(i int) (string, authn.Client) {
				return "alice", client(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), "")
			})
		},
		"login-pair": func(t *testing.T, l authn.Limit) retrier {
			return guessing(t, options{lockout: unlocked, login: func(c *authn.LoginsConfig) { c.PairLimit = l }}, alice)
		},
		"login-spraying": func(t *testing.T, l authn.Limit) retrier {
			return guessing(t, options{lockout: unlocked, login: func(c *authn.LoginsConfig) { c.SprayingLimit = l }}, alice)
		},
		"login-overall": func(t *testing.T, l authn.Limit) retrier {
			return guessing(t, options{lockout: unlocked, login: func(c *authn.LoginsConfig) { c.OverallLimit = l }}, alice)
		},
		"all of them": func(t *testing.T, l authn.Limit) retrier {
			return guessing(t, options{limit: authn.Limit{Requests: 5, Per: time.Minute}, login: func(c *authn.LoginsConfig) {
				c.PairLimit, c.SprayingLimit, c.OverallLimit = l, authn.Limit{Requests: 6, Per: time.Hour}, authn.Limit{Requests: 4, Per: 7 * time.Second}
			}, lockout: authn.LockoutPolicy{Failures: 5, Duration: 3*time.Second + time.Millisecond, MaxDuration: time.Minute, MaxDelay: time.Minute}}, alice)
		},
		"delay": func(t *testing.T, _ authn.Limit) retrier {
			return guessing(t, options{lockout: authn.LockoutPolicy{Failures: 1000, Duration: time.Hour, MaxDelay: time.Minute}}, alice)
		},
		"lock": func(t *testing.T, _ authn.Limit) retrier {
			return guessing(t, options{lockout: authn.LockoutPolicy{Failures: 2, Duration: 90*time.Second + 333*time.Microsecond, MaxDuration: time.Hour}}, alice)
		},
		"registration": func(t *testing.T, l authn.Limit) retrier {
			m := newMind(t, options{})
			accounts := authn.NewAccounts(authn.AccountsConfig{
				Store: m.store, Logins: m.logins, Passwords: m.passwords, OpenRegistration: true, Limit: l, Now: m.clock.Now, Log: discard(),
			})
			return retrier{func() error {
				_, err := accounts.Register(t.Context(), authn.Registration{Username: "x", Email: "no address", Password: password}, from)
				return err
			}, m.clock}
		},
		"mail": func(t *testing.T, l authn.Limit) retrier {
			p := withMail(t, newMind(t, options{}), func(m *authn.MailsConfig, _ *authn.AccountsConfig) { m.Limit = l })
			return retrier{func() error {
				return p.accounts.RequestPasswordReset(t.Context(), uuid.NewString()+"@example.com", from)
			}, p.clock}
		},
		"mail to an address": func(t *testing.T, l authn.Limit) retrier {
			p, i := withMail(t, newMind(t, options{}), func(m *authn.MailsConfig, _ *authn.AccountsConfig) { m.Limit = l }), 0
			return retrier{func() error {
				i++
				return p.accounts.RequestPasswordReset(t.Context(), "a@example.com", client(fmt.Sprintf("10.0.0.%d", i), ""))
			}, p.clock}
		},
		"client secret": func(t *testing.T, l authn.Limit) retrier {
			m := newMind(t, options{})
			clients := authn.NewClients(m.passwords, authn.NewLimiter(l, m.clock.Now), m.trailOf(), nil)
			return retrier{func() error { return clients.Authenticate(t.Context(), "app", "a guess", from) }, m.clock}
		},
		"general": func(_ *testing.T, l authn.Limit) retrier { return asking(l, authn.Limit{}, false) },
		"route":   func(_ *testing.T, l authn.Limit) retrier { return asking(authn.Limit{}, l, false) },
		"route by user": func(_ *testing.T, l authn.Limit) retrier {
			return asking(authn.Limit{}, l, true)
		},
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, l := range awkward {
				if (name == "delay" || name == "lock") && i > 0 {
					break
				}
				kind(t, l).holds(t, name, l, name != "all of them")
			}
		})
	}
}

// holds does it until it is refused, three times, and comes again. Where there are several limits, who comes too early uses up what
// there is in one of them, and has to wait longer for it.
func (r retrier) holds(t *testing.T, name string, l authn.Limit, tooEarly bool) {
	t.Helper()
	for round := range 3 {
		r.clock.advance(time.Duration(333_333_333 + round)) // no moment is a round one
		var wait time.Duration
		refused := false
		for range 20 {
			if wait, refused = waits(r.do()); refused {
				break
			}
			r.clock.advance(7 * time.Millisecond)
		}
		if !refused || wait <= 0 {
			t.Fatalf("%s, %v: never refused", name, l)
		}
		seconds := (wait + time.Second - 1) / time.Second * time.Second // as the header has it
		r.clock.advance(seconds - time.Second)
		if tooEarly {
			if _, refused := waits(r.do()); !refused {
				t.Errorf("%s, %v: let through a second before Retry-After", name, l)
			}
		}
		r.clock.advance(time.Second)
		if more, again := waits(r.do()); again {
			t.Errorf("%s, %v, round %d: after %v it is %v more", name, l, round+1, seconds, more)
		}
	}
}
