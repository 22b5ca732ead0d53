package main_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// likenesses are spellings of a header's name that some reader takes for the name.
func likenesses(name string) map[string]string {
	return map[string]string{
		"plain": name, "lower case": strings.ToLower(name), "upper case": strings.ToUpper(name),
		"underscores": strings.ReplaceAll(name, "-", "_"), "dots": strings.ReplaceAll(name, "-", "."),
		"upper case and underscores": strings.ToUpper(strings.ReplaceAll(name, "-", "_")),
		"mixed dashes":               strings.Replace(name, "-", "_", 1),
		"other signs":                strings.ReplaceAll(name, "-", "~"),
		"mixed case":                 strings.ToLower(name[:3]) + strings.ToUpper(name[3:]),
	}
}

// caller is who asks, and what an application is to be told of them.
type caller struct {
	name         string
	attempt      attempt
	user, groups string // "": nobody
}

func callers(g *guarded) []caller {
	return []caller{
		{"signed in", attempt{lines: []string{bearerLine(g.alice.Access)}}, "alice", "staff,writer"},
		{"signed in without roles", attempt{lines: []string{bearerLine(g.bare.Access)}}, "bare", ""},
		{"signed in on a public route", attempt{target: "/public/x", lines: []string{bearerLine(g.alice.Access)}}, "alice", "staff,writer"},
		{"nobody on a public route", attempt{target: "/public/x"}, "", ""},
		{"a bad token on a public route", attempt{target: "/public/x", lines: []string{bearerLine("x.y.z")}}, "", ""},
		{"a token that is not read", attempt{target: "/basic/x", lines: []string{bearerLine(g.alice.Access)}}, "", ""},
	}
}

// Whatever a client sends by the name of an identity header, the application gets what Authly wrote and nothing else.
func TestSecurityIdentityHeaders(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	tricks := map[string]func(name, spelling string) []string{
		"CVE-2025-64484 sent": func(_, spelling string) []string { return []string{spelling + ": boss"} },
		"CVE-2026-26308 sent twice": func(_, spelling string) []string {
			return []string{spelling + ": boss", spelling + ": admin"}
		},
		"CVE-2026-33433 sent empty": func(_, spelling string) []string { return []string{spelling + ":"} },
		"CVE-2024-45410 named in Connection": func(name, spelling string) []string {
			return []string{spelling + ": boss", "Connection: " + strings.ToLower(name)}
		},
		"CVE-2024-45410 listed in Connection, twice": func(name, spelling string) []string {
			return []string{spelling + ": boss", "Connection: keep-alive, " + name + ", " + spelling, "connection: " + name}
		},
	}
	for trick, lines := range tricks {
		for _, name := range identityHeaders() {
			for how, spelling := range likenesses(name) {
				t.Run(trick+" "+name+" "+how, func(t *testing.T) {
					for _, c := range callers(g) {
						e := gateways()[0]
						c.attempt.lines = slices.Concat(lines(name, spelling), c.attempt.lines)
						g.wantIdentity(t, e, g.passed(t, e, c.attempt), c.user, c.groups)
					}
				})
			}
		}
	}
}

// The same with all names and spellings at once, at every entrance and on both databases: what a client sends neither reaches
// the application nor decides.
func TestSecurityIdentityEverywhere(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		var forged []string
		for _, name := range append(identityHeaders(), "X-Authly-User", "X-Authly-Assertion", "X-Authly-Reason") {
			for _, spelling := range likenesses(name) {
				forged = append(forged, spelling+": boss")
			}
		}
		for _, c := range callers(g) {
			t.Run("CVE-2026-30851 "+c.name, func(t *testing.T) {
				for _, e := range entrances() {
					plain := g.passed(t, e, c.attempt)
					g.wantIdentity(t, e, plain, c.user, c.groups)
					spoofed := c.attempt
					spoofed.lines = slices.Concat(forged, c.attempt.lines)
					g.wantIdentity(t, e, g.passed(t, e, spoofed), c.user, c.groups)
				}
			})
		}
		t.Run("CVE-2025-64484 an identity header is no credential", func(t *testing.T) {
			for _, e := range entrances() {
				g.refused(t, e, attempt{lines: forged}, http.StatusUnauthorized)
				g.refused(t, e, attempt{target: "/admin/x", lines: forged}, http.StatusUnauthorized)
				g.refused(t, e, attempt{target: "/admin/x", lines: append([]string{bearerLine(g.alice.Access)}, forged...)}, http.StatusForbidden)
				g.passed(t, e, attempt{target: "/admin/x", lines: append([]string{bearerLine(g.boss.Access)}, forged...)})
			}
		})
	})
}

// Some servers merge trailers into the headers.
func TestSecurityIdentityInTrailers(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	names := append(identityHeaders(), "X-Authly-User", "X-Forwarded-For", "Authorization", "X-Original-URL")
	for _, name := range names {
		for how, spelling := range likenesses(name) {
			t.Run("trailer "+name+" "+how, func(t *testing.T) {
				for _, announced := range []string{"X-Checksum, " + spelling, "X-Checksum"} {
					g.behind.take()
					answer := exchange(t, strangerAddress, g.address["server.address"],
						requestBytes("POST", "/closed/x", "Host: app.example.com", bearerLine(g.alice.Access), "Transfer-Encoding: chunked", "Trailer: "+announced)+
							"2\r\nhi\r\n0\r\nX-Checksum: 7\r\n"+spelling+": boss\r\n\r\n")
					seen := g.behind.take()
					if answer.status != http.StatusOK || len(seen) != 1 {
						t.Fatalf("%d, and the application saw %d requests", answer.status, len(seen))
					}
					if seen[0].trailer.Get("X-Checksum") != "7" || len(seen[0].trailer) != 1 || strings.Contains(seen[0].raw, "boss") {
						t.Errorf("it passed: %q", seen[0].raw)
					}
				}
			})
		}
	}
}

// Headers by which frameworks let themselves be told another path or method, from outside: they neither decide nor arrive.
func TestSecurityControlHeaders(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	for _, name := range []string{
		"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Original-Method", "X-HTTP-Method-Override", "X-HTTP-Method",
		"X-Method-Override", "X-Middleware-Subrequest", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Path", "Proxy",
	} {
		t.Run("CVE-2025-29927 "+name, func(t *testing.T) {
			for how, spelling := range likenesses(name) {
				for _, e := range gateways() {
					for _, value := range []string{"/public/x", "GET", "middleware:middleware:middleware"} {
						g.refused(t, e, attempt{lines: []string{spelling + ": " + value}}, http.StatusUnauthorized)
						g.refused(t, e, attempt{method: "DELETE", target: "/read/x", lines: []string{spelling + ": " + value}}, http.StatusForbidden)
					}
					r := g.passed(t, e, attempt{target: "/public/x", lines: []string{spelling + ": /admin/x", "X-Harmless: stays"}})
					if lines := r.seen[0].lines(name); len(lines) != 0 {
						t.Errorf("%s (%s): %q", e.name, how, lines)
					}
					if len(r.seen[0].lines("X-Harmless")) != 1 {
						t.Errorf("%s: another header went with it", e.name)
					}
				}
			}
		})
	}
}

// A token that Authly has read is not for the application, and a client cannot make it arrive by way of Connection.
func TestSecurityAuthorizationStaysHere(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	for name, lines := range map[string][]string{
		"plain": nil, "CVE-2024-45410 Authorization in Connection": {"Connection: Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, e := range gateways() {
				r := g.passed(t, e, attempt{lines: append([]string{bearerLine(g.alice.Access)}, lines...)})
				if strings.Contains(r.seen[0].raw, g.alice.Access) {
					t.Errorf("%s: the token reached the application", e.name)
				}
			}
		})
	}
}

// What comes behind a request on the same connection is the next request's own, and so is its identity.
func TestSecurityIdentityOnOneConnection(t *testing.T) {
	g := guardPeople(t, sqliteURL(t), "")
	l := call(t, strangerAddress, g.address["server.address"])
	defer l.Close()
	for i := range 4 {
		for _, c := range callers(g) {
			g.behind.take()
			if _, err := io.WriteString(l, throughGateway(c.attempt.complete())); err != nil {
				t.Fatal(err)
			}
			answer, err := l.listen()
			if err != nil || answer.status != http.StatusOK {
				t.Fatalf("request %d of %s: %d, %v", i, c.name, answer.status, err)
			}
			g.wantIdentity(t, gateways()[0], result{answer, g.behind.take()}, c.user, c.groups)
		}
	}
}
