package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// kills is how often TestKills kills on each database; AUTHLY_TEST_KILLS says otherwise.
func kills(t *testing.T) int {
	t.Helper()
	text, given := os.LookupEnv("AUTHLY_TEST_KILLS")
	if !given {
		return 12
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("AUTHLY_TEST_KILLS is %q, and must be a number above 0", text)
	}
	return n
}

// Some people log in, refresh and log out all the time, the process is killed at any moment, and another one started on the
// same database: what was answered holds, and what was not has happened or has not, but never by half. What the people know
// lives on from one kill to the next.
func TestKills(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		a := start(t, storeURL, protectedEcho)
		admin := a.login(t, "admin", adminPassword)
		var people []*holder
		for i := range 4 {
			name := fmt.Sprintf("holder%d", i)
			a.register(t, admin, name, passwordOf(name))
			people = append(people, &holder{name: name, random: rand.New(rand.NewPCG(seed, uint64(i)+1))})
		}
		var seen tally
		for range kills(t) {
			a.killWhile(t, people, random, &seen)
			a = start(t, storeURL, protectedEcho)
			for _, p := range people {
				p.settle(t, a, &seen)
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("%d kills: %s", kills(t), &seen)
		if seen.logins.Load() == 0 || seen.refreshes.Load() == 0 || seen.logouts.Load() == 0 || seen.cut.Load() == 0 {
			t.Errorf("something was never tried: %s", &seen)
		}
	})
}

// tally counts what was tried, answered unless it was cut.
type tally struct {
	logins, refreshes, logouts, cut atomic.Int64
	done, undone                    atomic.Int64 // of what was cut, as far as it shows
	reused                          atomic.Int64 // spent tokens
}

func (c *tally) String() string {
	return fmt.Sprintf("%d logins, %d refreshes and %d logouts were answered; %d acts were cut, of which %d had been done and %d had not; "+
		"%d spent tokens were tried", c.logins.Load(), c.refreshes.Load(), c.logouts.Load(), c.cut.Load(), c.done.Load(), c.undone.Load(),
		c.reused.Load())
}

// killWhile lets people act, and kills the process at a random moment of the act that a random number says.
func (a *authly) killWhile(t *testing.T, people []*holder, random *rand.Rand, seen *tally) {
	t.Helper()
	last, reached := 1+random.Int64N(60), make(chan struct{})
	var begun atomic.Int64
	var acts sync.WaitGroup
	for _, p := range people {
		acts.Go(func() {
			for p.act(t, a, seen) {
				if begun.Add(1) == last {
					close(reached)
				}
			}
		})
	}
	select {
	case <-reached:
	case <-a.exited:
		t.Error("the process ended by itself")
	}
	<-time.After(time.Duration(random.Int64N(int64(5 * time.Millisecond)))) // within an act and not only between two
	a.kill(t)
	acts.Wait()
}

// holder is somebody with some sessions, and what they were told of them.
type holder struct {
	name   string
	random *rand.Rand
	living []*held
	over   []*held // ended since the last kill
	old    []*held // ended before
}

// held is a session as its holder knows it.
type held struct {
	pair       tokens   // the latest that was answered
	spent      []string // refresh tokens whose use was answered
	refreshing bool     // the latest was used, and that was not answered
	leaving    bool     // a logout that concerns it was not answered
}

// act does one thing, and reports false once the process does not answer any more.
func (p *holder) act(t *testing.T, a *authly, seen *tally) bool {
	choice := p.random.IntN(10)
	switch {
	case len(p.living) == 0 || len(p.living) < 4 && choice < 3:
		return p.logIn(t, a, seen)
	case choice < 8:
		return p.refresh(t, a, seen, p.living[p.random.IntN(len(p.living))])
	case choice < 9:
		return p.logOut(t, a, seen, []*held{p.living[p.random.IntN(len(p.living))]}, `{"scope":"session"}`)
	}
	return p.logOut(t, a, seen, p.living, "")
}

// answered sends a request, and reports false if there was no answer. Every answer must be a 200. Either is counted.
func (p *holder) answered(t *testing.T, a *authly, cut, counted *atomic.Int64, path, token, body string) (reply, bool) {
	answer, err := a.send(t.Context(), "POST", path, token, body)
	if err != nil {
		cut.Add(1)
		return reply{}, false
	}
	if answer.status != http.StatusOK {
		t.Errorf("%s of %s: %d %s", path, p.name, answer.status, answer.body)
		return reply{}, false
	}
	counted.Add(1)
	return answer, true
}

func (p *holder) logIn(t *testing.T, a *authly, seen *tally) bool {
	answer, ok := p.answered(t, a, &seen.cut, &seen.logins, "/auth/token", "", loginBody(p.name, passwordOf(p.name)))
	if !ok {
		return false // whatever has become of it, nobody has its tokens
	}
	p.living = append(p.living, &held{pair: pairIn(t, answer)})
	return true
}

func (p *holder) refresh(t *testing.T, a *authly, seen *tally, h *held) bool {
	h.refreshing = true
	answer, ok := p.answered(t, a, &seen.cut, &seen.refreshes, "/auth/refresh", "", refreshBody(t, h.pair.Refresh))
	if ok {
		h.refreshed(pairIn(t, answer))
	}
	return ok
}

func (h *held) refreshed(next tokens) {
	h.refreshing = false
	h.spent = append(h.spent, h.pair.Refresh)
	h.pair = next
}

func (p *holder) logOut(t *testing.T, a *authly, seen *tally, sessions []*held, body string) bool {
	for _, h := range sessions {
		h.leaving = true
	}
	_, ok := p.answered(t, a, &seen.cut, &seen.logouts, "/auth/logout", sessions[0].pair.Access, body)
	if ok {
		p.end(sessions...)
	}
	return ok
}

// pairIn reads the tokens of an answer; without any it returns none, which then are good for nothing.
func pairIn(t *testing.T, answer reply) (pair tokens) {
	if err := json.Unmarshal([]byte(answer.body), &pair); err != nil || pair.Access == "" || pair.Refresh == "" {
		t.Errorf("no tokens in the answer: %s", answer.body)
	}
	return pair
}
