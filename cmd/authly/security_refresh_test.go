package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The refresh tokens that no refresh may take, at both endpoints that take one.
func TestSecurityRefreshTokens(t *testing.T) {
	t.Parallel()
	onBothDatabases(t, func(t *testing.T, storeURL string) {
		g := guardPeople(t, storeURL, "")
		f := newForge(t, g, true)
		expired := changes{"exp": 1_000_000_000}
		signedBadly := *f
		signedBadly.secret = accessSecret
		const malformed, spent, claims, kind = "Invalid refresh token", "Token is invalid or expired",
			"Invalid token claims", "Invalid token type"
		cases := map[string]struct {
			token, detail string
			status        int
		}{
			"CVE-2024-47616 access token":                 {g.alice.Access, kind, 400},
			"CVE-2024-47616 type of a verification token": {f.make(t, nil, changes{"type": "verify"}), kind, 400},
			"CVE-2024-47616 type missing":                 {f.make(t, nil, changes{"type": omitted{}}), kind, 400},
			"CVE-2024-47616 typ of an access token":       {f.make(t, changes{"typ": "at+jwt"}, nil), malformed, 401},
			"CVE-2024-51744 expired":                      {f.make(t, nil, expired), spent, 401},
			"CVE-2024-51744 badly signed":                 {signedBadly.make(t, nil, nil), malformed, 401},
			"CVE-2024-51744 expired and badly signed":     {signedBadly.make(t, nil, expired), malformed, 401},
			"CVE-2020-26160 aud wrong":                    {f.make(t, nil, changes{"aud": "other"}), claims, 400},
			"CVE-2020-26160 aud missing":                  {f.make(t, nil, changes{"aud": omitted{}}), claims, 400},
			"CVE-2024-53861 iss suffix": {f.make(t, nil, changes{"iss": publicURL + ".evil.example"}),
				claims, 400},
			"exp missing":          {f.make(t, nil, changes{"exp": omitted{}}), claims, 400},
			"sub of somebody else": {f.make(t, nil, changes{"sub": g.id["boss"]}), spent, 401},
			"alg none":             {f.make(t, changes{"alg": "none"}, nil), malformed, 401},
			"crit": {f.make(t, changes{"crit": []string{"exp"}}, nil), malformed,
				401},
			"never issued": {f.sign(t, f.header,
				changes{"jti": freshJTI()}.apply(f.claims)), spent, 401},
			"CVE-2025-30204 dots":                {strings.Repeat(".", 60_000), malformed, 401},
			"empty":                              {"", malformed, 401},
			"padded":                             {g.alice.Refresh + "=", malformed, 401},
			"re-encoded":                         {respelled(g.alice.Refresh)["re-encoded"], malformed, 401},
			"line feed behind":                   {g.alice.Refresh + "\n", malformed, 401},
			"CVE-2024-28180 five parts with p2c": {g.alice.Refresh + ".x.y", malformed, 401},
			"SQL":                                {"' OR '1'='1", malformed, 401},
			"a token of the same claims, signed as an access one": {f.sign(t, newForge(t, g, false).header, f.claims),
				malformed, 401},
		}
		for part, token := range flips(g.alice.Refresh) {
			cases["bit flipped: "+part] = struct {
				token, detail string
				status        int
			}{token, malformed, 401}
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				for _, path := range []string{"/auth/refresh", "/auth/token"} {
					answer := g.must(t, c.status, "POST", path, "", refreshBody(t, c.token))
					if detail := detailOf(t, answer); detail != c.detail {
						t.Errorf("%s: %q, want %q", path, detail, c.detail)
					}
				}
			})
		}
		g.refreshed(t, f.make(t, nil, nil))
		g.refreshed(t, g.alice.Refresh) // nothing of all that has spent it
	})
}

func detailOf(t *testing.T, answer reply) string {
	t.Helper()
	var problem struct{ Detail string }
	if err := json.Unmarshal([]byte(answer.body), &problem); err != nil {
		t.Fatalf("no problem document: %s", answer.body)
	}
	return problem.Detail
}

// Even where one secret signs both kinds of token, neither is accepted for the other.
func TestSecurityOneSecretForBothKinds(t *testing.T) {
	t.Parallel()
	g := guardPeople(t, sqliteURL(t), "", "JWT_REFRESH_SECRET_KEY="+accessSecret)
	t.Run("CVE-2024-47616 same secret, refresh token as bearer", func(t *testing.T) {
		for _, e := range everywhere() {
			g.refused(t, e, attempt{lines: []string{bearerLine(g.alice.Refresh)}}, http.StatusUnauthorized)
			g.passed(t, e, attempt{lines: []string{bearerLine(g.alice.Access)}})
		}
	})
	t.Run("CVE-2024-47616 same secret, access token for refreshing", func(t *testing.T) {
		g.must(t, http.StatusBadRequest, "POST", "/auth/refresh", "", refreshBody(t, g.alice.Access))
		g.refreshed(t, g.alice.Refresh)
	})
}
