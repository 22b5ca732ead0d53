package authn

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"
)

// Authly's bcrypt is that of golang.org/x/crypto: either accepts what the other has made, and nothing else.
func TestBcryptIsBcrypt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := string(rapid.SliceOfN(rapid.Byte(), 0, bcryptMaxBytes).Draw(t, "password"))
		cost := rapid.IntRange(bcrypt.MinCost, bcrypt.MinCost+1).Draw(t, "cost")
		gaveWay := 0
		ours, err := hashBcrypt(password, cost, func() { gaveWay++ })
		if err != nil || bcrypt.CompareHashAndPassword([]byte(ours), []byte(password)) != nil {
			t.Fatalf("%s is not accepted, %v", ours, err)
		}
		if got, err := bcrypt.Cost([]byte(ours)); got != cost || err != nil || gaveWay != 1<<cost {
			t.Errorf("cost %d, %v, want %d; gave way %d times", got, err, cost, gaveWay)
		}
		theirs, err := bcrypt.GenerateFromPassword([]byte(password), cost)
		if err != nil {
			t.Fatal(err)
		}
		variant := "$2" + rapid.SampledFrom([]string{"a", "b", "y"}).Draw(t, "variant") + string(theirs[3:])
		if !compareBcrypt(variant, password, nil) {
			t.Fatalf("%s is not accepted", variant)
		}
		other := variant
		if at := rapid.IntRange(0, len(variant)-1).Draw(t, "at"); rapid.Bool().Draw(t, "changed hash") {
			other = variant[:at] + string(rapid.SampledFrom([]rune("./AZaz09$ ")).Draw(t, "character")) + variant[at+1:]
		} else {
			password = strings.ToUpper(password) + "."[:at%2]
		}
		if cost, err := bcrypt.Cost([]byte(other)); err == nil && cost > bcrypt.MinCost+2 {
			return // it would take long
		}
		theyAccept := bcrypt.CompareHashAndPassword([]byte(other), []byte(password)) == nil
		if compareBcrypt(other, password, nil) != theyAccept {
			t.Errorf("%s: golang.org/x/crypto accepts it: %v, and Authly does not agree", other, theyAccept)
		}
	})
}

// Hashes that other programs publish with their passwords.
func TestBcryptOfOthers(t *testing.T) {
	for hash, password := range map[string]string{
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": "U*U",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK": "U*U*",
		"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a": "U*U*U",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy": "",
	} {
		if !compareBcrypt(hash, password, nil) || compareBcrypt(hash, password+"x", nil) {
			t.Errorf("%s of %q", hash, password)
		}
	}
	if _, err := hashBcrypt(strings.Repeat("a", bcryptMaxBytes+1), bcrypt.MinCost, nil); err == nil {
		t.Error("a password of 73 bytes is hashed")
	}
}
