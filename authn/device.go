package authn

import (
	"strings"

	"github.com/mileusna/useragent"
)

// DeviceName says in a few words what a user agent is, such as "Firefox on Linux", so that people recognise their devices. Of a
// program that is no browser it is the name, such as "curl"; "Unknown" of what says nothing. A user agent is whatever its
// sender likes: a name is at most 80 bytes of ASCII letters, digits, spaces and the characters . _ + -, and so harmless
// wherever it is shown, but it proves nothing.
func DeviceName(userAgent string) string {
	ua := useragent.Parse(userAgent)
	name := ua.Name
	if ua.Version == "" { // no product of a browser, but some word or other
		name = firstProduct(userAgent)
	}
	if !plainName(name) {
		name = ""
	}
	switch {
	case name != "" && ua.OS != "":
		return name + " on " + ua.OS
	case name != "":
		return name
	case ua.OS != "":
		return ua.OS
	}
	return "Unknown"
}

// firstProduct is the name in front of a user agent (RFC 9110 section 10.1.5); none if it is the one that every browser has.
func firstProduct(userAgent string) string {
	name, _, _ := strings.Cut(userAgent, " ")
	name, _, _ = strings.Cut(name, "/")
	if name == useragent.Mozilla {
		return ""
	}
	return name
}

// plainName reports whether a name is short, begins with a letter, and holds nothing that means something somewhere.
func plainName(name string) bool {
	const most = 40
	if name == "" || len(name) > most || !asciiLetter(rune(name[0])) {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return !asciiLetter(c) && (c < '0' || c > '9') && !strings.ContainsRune(" ._+-", c)
	})
}

func asciiLetter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
