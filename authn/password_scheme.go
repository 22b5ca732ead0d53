package authn

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// PasswordScheme returns the algorithm and parameters of a hash, without salt and digest: "$2$12$" for every bcrypt variant
// at cost 12, "$argon2id$v=19$m=19456,t=2,p=1$". It is empty for what is no hash that Authly verifies.
func PasswordScheme(hash string) string {
	if strings.HasPrefix(hash, argon2Prefix) {
		params, _, _, err := parseArgon2id(hash)
		if err != nil {
			return ""
		}
		return params.prefix()
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || len(hash) != bcryptChars {
		return ""
	}
	return bcryptScheme(cost)
}

func bcryptScheme(cost int) string { return fmt.Sprintf("$2$%02d$", cost) }

// CheckPasswordHash refuses what could not be verified later, for hashes that come from elsewhere: bcrypt as $2a$, $2b$ or
// $2y$ up to cost 18, argon2id with parameters in a sane range.
func CheckPasswordHash(hash string) error {
	scheme := PasswordScheme(hash)
	cost, isBcrypt := strings.CutPrefix(scheme, "$2$")
	n, _ := strconv.Atoi(strings.TrimSuffix(cost, "$"))
	switch {
	case scheme == "":
		return RefuseField("password_hash", "Invalid field: password_hash must be a bcrypt or argon2id hash")
	case isBcrypt && !slices.Contains([]string{"$2a$", "$2b$", "$2y$"}, hash[:4]):
		return RefuseField("password_hash", "Invalid field: password_hash must start with $2a$, $2b$ or $2y$")
	case isBcrypt && n > 18:
		return RefuseField("password_hash", "Invalid field: password_hash has a cost above 18")
	}
	return nil
}

// dummyHash returns a well-formed hash of the scheme that no password has: comparing with it does all the work.
func dummyHash(scheme string) string {
	if strings.HasPrefix(scheme, argon2Prefix) {
		return scheme + rawBase64(16) + "$" + rawBase64(32)
	}
	encode := func(n int) string { return bcryptAlphabet.EncodeToString(randomBytes(n)) }
	return "$2a$" + strings.TrimPrefix(scheme, "$2$") + encode(bcryptSaltBytes) + encode(23)
}

func rawBase64(n int) string { return base64.RawStdEncoding.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// schemeShares is how the stored hashes divide among schemes, as running totals.
type schemeShares struct {
	schemes []string
	upTo    []uint64
}

func newSchemeShares(counts map[string]int) *schemeShares {
	s := &schemeShares{}
	total := uint64(0)
	for scheme, n := range counts {
		if scheme != "" && n > 0 {
			s.schemes = append(s.schemes, scheme)
		}
	}
	slices.Sort(s.schemes)
	for _, scheme := range s.schemes {
		total += uint64(counts[scheme]) // #nosec G115 -- a number of users
		s.upTo = append(s.upTo, total)
	}
	return s
}

// pick draws a scheme by the account's name; fallback when nothing is stored.
func (s *schemeShares) pick(account, fallback string) string {
	if s == nil || len(s.schemes) == 0 {
		return fallback
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(account)) // a hash takes everything
	at := h.Sum64() % s.upTo[len(s.upTo)-1]
	i, found := slices.BinarySearch(s.upTo, at)
	if found {
		i++
	}
	return s.schemes[i]
}
