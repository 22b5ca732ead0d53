package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// The keys of assertions and of encrypted claims are replaced and revoked like the others, while servers run.
func TestKeysOfOtherPurposes(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "", "AUTHLY_TOKENS_ENCRYPTED_CLAIMS=email, roles")
		e := gateways()[0]
		told := func(access string) string {
			return g.passed(t, e, attempt{target: "/told/x", lines: []string{bearerLine(access)}}).assertion(t, e)
		}
		kidOf := func(jwt string) any { return segmentOf(t, strings.Split(jwt, ".")[0])["kid"] }
		sealedBy := func(access string) any {
			sealed, _ := segmentOf(t, strings.Split(access, ".")[1])["enc"].(string)
			return kidOf(sealed)
		}
		text := func(id any) string { s, _ := id.(string); return s }
		before := map[string]string{"assertion": text(kidOf(told(g.alice.Access))), "claims": text(sealedBy(g.alice.Access))}
		after := map[string]string{}
		for purpose := range before {
			after[purpose] = text(g.command(t, "", "key", "rotate", "--purpose", purpose, "--now")["id"])
		}
		eventually(t, "an assertion of the next key", func() bool { return kidOf(told(g.alice.Access)) == after["assertion"] })
		g.verifyAssertion(t, told(g.alice.Access), "told")
		published := g.must(t, http.StatusOK, "GET", "/.well-known/jwks.json", "", "").body
		for _, id := range []string{before["assertion"], after["assertion"]} {
			if !strings.Contains(published, id) {
				t.Errorf("the key %s is not published", id)
			}
		}
		for _, id := range []string{before["claims"], after["claims"]} {
			if strings.Contains(published, id) {
				t.Errorf("the key %s is published, and is secret", id)
			}
		}
		var fresh tokens
		eventually(t, "claims sealed with the next key", func() bool {
			fresh = g.login(t, "alice", passwordOf("alice"))
			return sealedBy(fresh.Access) == after["claims"]
		})
		for _, access := range []string{g.alice.Access, fresh.Access} {
			g.wantIdentity(t, e, g.passed(t, e, attempt{lines: []string{bearerLine(access)}}), "alice", "staff,writer")
		}

		g.command(t, "", "key", "revoke", before["claims"])
		// A front proxy's question, since a request that is on its way to the application is cut off, and reaches it or does not.
		eventually(t, "a token with claims of a revoked key is dead", func() bool {
			return g.try(t, questions()[0], attempt{lines: []string{bearerLine(g.alice.Access)}}).status == http.StatusUnauthorized
		})
		for _, e := range everywhere() {
			g.refused(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}}, http.StatusUnauthorized)
			g.passed(t, e, attempt{lines: []string{bearerLine(fresh.Access)}})
		}
		g.command(t, "", "key", "revoke", after["assertion"])
		eventually(t, "an assertion of the key that took the place of a revoked one", func() bool {
			kid := kidOf(told(fresh.Access))
			return kid != after["assertion"] && kid != before["assertion"]
		})
		g.verifyAssertion(t, told(fresh.Access), "told")
	})
}
