package authn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// counted sums up what schemes cost: bcrypt in rounds, argon2id in KiB times iterations.
func counted(t *testing.T, schemes []string) (bcrypt, argon int) {
	t.Helper()
	for _, scheme := range schemes {
		var cost, version, memory, iterations int
		if _, err := fmt.Sscanf(scheme, "$2$%d$", &cost); err == nil {
			bcrypt += 1 << cost
		} else if _, err := fmt.Sscanf(scheme, "$argon2id$v=%d$m=%d,t=%d", &version, &memory, &iterations); err == nil {
			argon += memory * iterations
		} else {
			t.Fatalf("%q is no scheme", scheme)
		}
	}
	return bcrypt, argon
}

// However old a hash is, looking at its password costs the same work, as long as such hashes are stored.
func TestOldHashesCostTheSame(t *testing.T) {
	argon := func(memory, iterations int) string {
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$", memory, iterations)
	}
	params := authn.Argon2Params{Memory: 19456, Iterations: 2, Parallelism: 1}
	for name, c := range map[string]struct {
		algorithm     string
		stored        []string
		bcrypt, argon int // what each costs
	}{
		"the cost was raised":            {authn.Bcrypt, []string{"$2$12$", "$2$10$", "$2$04$"}, 1 << 12, 0},
		"the cost was lowered":           {authn.Bcrypt, []string{"$2$12$", "$2$14$", "$2$13$"}, 1 << 14, 0},
		"from bcrypt to argon2id":        {authn.Argon2id, []string{argon(19456, 2), "$2$12$", "$2$11$"}, 1 << 12, 2 * 19456},
		"from argon2id to bcrypt":        {authn.Bcrypt, []string{"$2$12$", argon(19456, 2), argon(7168, 5)}, 1 << 12, 2 * 19456},
		"argon2id was given more memory": {authn.Argon2id, []string{argon(19456, 2), argon(9728, 2), argon(9728, 1)}, 0, 2 * 19456},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPasswords(t, authn.PasswordsConfig{Algorithm: c.algorithm, BcryptCost: 12, Argon2id: params, MinLength: 8})
			counts := map[string]int{}
			for _, scheme := range c.stored {
				counts[scheme] = 10
			}
			p.ObserveSchemes(counts)
			for _, scheme := range c.stored {
				work := p.WorkOf(scheme)
				bcrypt, argon := counted(t, work)
				if bcrypt != c.bcrypt || argon < c.argon-2 || argon > c.argon {
					t.Errorf("%s costs %d rounds of bcrypt and %d KiB of argon2id, want %d and %d: %q", scheme, bcrypt, argon, c.bcrypt, c.argon, work)
				}
				for _, one := range work {
					if authn.CheckPasswordHash(authn.DummyHash(one)) != nil {
						t.Errorf("%s: %s is no scheme that does the work", scheme, one)
					}
				}
			}
			p.ObserveSchemes(map[string]int{c.stored[0]: 10})
			if work := p.WorkOf(c.stored[0]); len(work) != 1 {
				t.Errorf("when all hashes are new a password costs %q", work)
			}
		})
	}
}

// A single hash that was brought along and takes minutes does not make everybody's login take as long.
func TestCostlyHashesAreTheirOwnersAffair(t *testing.T) {
	p := newPasswords(t, authn.PasswordsConfig{
		Algorithm: authn.Bcrypt, BcryptCost: 10, Argon2id: authn.Argon2Params{Memory: 19456, Iterations: 2, Parallelism: 1}, MinLength: 8,
	})
	p.ObserveSchemes(map[string]int{"$2$10$": 100, "$2$18$": 1, "$argon2id$v=19$m=1048576,t=16,p=1$": 1})
	if work := p.WorkOf("$2$10$"); strings.Join(work, "") != "$2$10$" {
		t.Errorf("a password costs %q", work)
	}
}

// The work is cheap, and so done on the spot, only if all of it is.
func TestCheapWork(t *testing.T) {
	cheap := authn.DummyHash("$2$04$")
	for name, c := range map[string]struct {
		work authn.PasswordWork
		want bool
	}{
		"compare, cost 4":               {authn.PasswordWork{Against: cheap}, true},
		"compare, cost 10":              {authn.PasswordWork{Against: authn.DummyHash("$2$10$")}, false},
		"compare, cost 4 and 10":        {authn.PasswordWork{Against: cheap, Besides: []string{"$2$10$"}}, false},
		"compare, argon2id of 64 KiB":   {authn.PasswordWork{Against: authn.DummyHash("$argon2id$v=19$m=64,t=1,p=1$")}, true},
		"compare, argon2id of 19 MiB":   {authn.PasswordWork{Against: authn.DummyHash("$argon2id$v=19$m=19456,t=2,p=1$")}, false},
		"hash, cost 4":                  {authn.PasswordWork{Algorithm: authn.Bcrypt, BcryptCost: 4}, true},
		"hash, cost 12":                 {authn.PasswordWork{Algorithm: authn.Bcrypt, BcryptCost: 12}, false},
		"hash, argon2id of 19 MiB":      {authn.PasswordWork{Algorithm: authn.Argon2id, Argon2id: authn.Argon2Params{Memory: 19456, Iterations: 2, Parallelism: 1}}, false},
		"compare with what is no hash ": {authn.PasswordWork{Against: "x"}, true},
	} {
		if got := c.work.Cheap(); got != c.want {
			t.Errorf("%s: cheap %v", name, got)
		}
	}
}
