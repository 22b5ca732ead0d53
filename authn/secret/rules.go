package secret

import (
	"bytes"
	"fmt"
	"strings"
)

// Flaw is why a secret can be guessed; the zero value is none that could be seen. Those up to FlawPlaceholder stop the start:
// nobody means such a secret, or everybody knows it. The others are only warned of, since a program that ran yesterday has to run
// today, but for a master key, which a thief of the database can try for as long as he likes: there FlawShort stops the start too.
//
// That there is no secret at all is no flaw: Authly then makes and keeps its own. One that is given and empty is a mistake.
type Flaw int

// The flaws, the worst first: only the first that a secret has is told.
const (
	FlawNone        Flaw = iota
	FlawEmpty            // it is given and holds nothing, or nothing but space
	FlawPublished        // it is an example of some documentation, and so in everybody's word lists
	FlawPlaceholder      // it says itself that it is to be replaced, as examples do: your-…-secret, change-me
	FlawOneByte          // it is one character again and again
	FlawShort            // it has fewer bytes than it should
	FlawRepeated         // it is a piece of at most eight bytes, three times or more
	FlawUniform          // it has fewer than eight different characters
)

// Stops reports whether a secret with the flaw stops the start, and is not only warned of.
func (f Flaw) Stops() bool { return f != FlawNone && f <= FlawOneByte }

// Problem is what to say of a secret that stops the start, behind the name of its key.
func (f Flaw) Problem() string {
	const expected = ", expected a random secret of at least 32 bytes"
	switch f {
	case FlawEmpty:
		return "is nothing but space" + expected
	case FlawPublished:
		return "is a published example" + expected
	case FlawPlaceholder:
		return "is a placeholder" + expected
	case FlawOneByte:
		return "is one character again and again" + expected
	case FlawShort:
		return "is too short" + expected
	}
	return ""
}

// Warning is a sentence about a secret that is used all the same. least is the number of bytes that it should have.
func (f Flaw) Warning(least int) string {
	const remedy = "and so is easier to guess than its length says: authly secret generate makes one."
	switch f {
	case FlawShort:
		return fmt.Sprintf("Is shorter than the hash of the algorithm, %d bytes, and so easier to guess.", least)
	case FlawRepeated:
		return "Repeats a short piece, " + remedy
	case FlawUniform:
		return "Has few different characters, " + remedy
	}
	return ""
}

// Judge returns the worst flaw of a secret that should have at least so many bytes. What an HMAC needs is the length of its hash
// (RFC 7518 section 3.2), a master key 32 bytes.
//
// It is a sieve and no proof: what passes may still be a pet's name. Random bytes in base64 or in hexadecimal always pass.
func Judge(material []byte, least int) Flaw {
	switch {
	case len(bytes.TrimSpace(material)) == 0:
		return FlawEmpty
	case isPublished(material):
		return FlawPublished
	case isPlaceholder(material):
		return FlawPlaceholder
	case period(material) == 1:
		return FlawOneByte
	case len(material) < least:
		return FlawShort
	case period(material) <= 8 && 3*period(material) <= len(material):
		return FlawRepeated
	case different(material) < 8:
		return FlawUniform
	}
	return FlawNone
}

// period returns the length of the piece that material repeats, the last time perhaps not to its end.
func period(material []byte) int {
	for p := 1; p < len(material); p++ {
		if bytes.Equal(material[p:], material[:len(material)-p]) {
			return p
		}
	}
	return len(material)
}

// different counts the different bytes.
func different(material []byte) int {
	var seen [256]bool
	n := 0
	for _, b := range material {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}

// plain is a secret as examples are compared: in lower case, and without what people put between words.
func plain(material []byte) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_ .!<>{}[]()*'\"", r) {
			return -1
		}
		return r
	}, strings.ToLower(string(material)))
}

// isPlaceholder reports whether a secret holds words that only examples hold. Random letters and digits do so by chance once in
// some billions.
func isPlaceholder(material []byte) bool {
	said := plain(material)
	for _, words := range placeholders() {
		if strings.Contains(said, words) {
			return true
		}
	}
	return false
}

func isPublished(material []byte) bool {
	said := plain(material)
	for _, example := range published() {
		if said == plain([]byte(example)) {
			return true
		}
	}
	return false
}
