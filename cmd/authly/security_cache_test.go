package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// That tokens are remembered can be told by the speed of an answer and by nothing else. Every case of a token is tried on a
// server that has never seen a good one, and twice on one that has just seen the very token that the case is made from; a third
// server asks the store each time. What they answer, and what the application sees, is the same to the byte.
func TestSecurityTokensColdAndWarm(t *testing.T) {
	t.Parallel()
	const alone = "AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:0"
	warm := guardPeople(t, sqliteURL(t), "", alone)
	cold, asking := guard(t, warm.storeURL, "", alone), guard(t, warm.storeURL, "", alone, askTheStore)
	cold.id, asking.id = warm.id, warm.id
	f, fetched := newForge(t, warm, false), newTrap(t)
	good := attempt{lines: []string{bearerLine(warm.alice.Access)}}
	for _, c := range append(badTokens(fetched.url), goodTokens()...) { // the good ones last: they warm the cold one
		t.Run(c.name, func(t *testing.T) {
			a := attempt{lines: c.lines(t, f)}
			for _, e := range []entrance{gateways()[0], questions()[0], questions()[3]} {
				warm.passed(t, e, good)
				for _, target := range []string{"/closed/x", "/public/x"} {
					a.target = target
					want := cold.outcome(t, e, a)
					for name, g := range map[string]*guarded{"warm": warm, "warm again": warm, "asking the store": asking} {
						if diff := cmp.Diff(want, g.outcome(t, e, a)); diff != "" {
							t.Errorf("%s, %s: (-cold +%s):\n%s", e.name, target, name, diff)
						}
					}
				}
			}
		})
	}
}

// outcome is everything that comes of an attempt but what is another each time.
func (g *guarded) outcome(t *testing.T, e entrance, a attempt) string {
	t.Helper()
	r := g.try(t, e, a)
	text := fmt.Sprintf("%d, the application saw %d requests\n%s", r.status, len(r.seen), sameEachTime(r.reply))
	if e.proxies {
		if len(r.seen) == 1 {
			text += fmt.Sprint(r.identity(e))
		}
		return text
	}
	alone := exchange(t, e.from, g.address["server.authz_address"], e.bytes(a.complete()))
	if diff := cmp.Diff(sameEachTime(r.reply), sameEachTime(alone)); r.status != alone.status || diff != "" {
		t.Errorf("%s: %d, and %d on the listener for checks alone: (-all +alone):\n%s", e.name, r.status, alone.status, diff)
	}
	return text
}

func sameEachTime(r reply) string {
	header, id := r.header.Clone(), r.header.Get("X-Request-Id")
	header.Del("Date")
	if len(id) == 32 {
		header.Set("X-Request-Id", "its id")
	}
	return headerText(header) + strings.ReplaceAll(r.body, id, "its id") + "\n"
}
