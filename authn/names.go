package authn

import (
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// Bounds on what an account holds. Roles travel in one header field, twice, through proxies that allow 4 KiB in all.
const (
	maxUsernameChars = 50
	maxEmailBytes    = 254 // RFC 5321 section 4.5.3.1.3, less the angle brackets
	maxRoleBytes     = 64
	maxRolesBytes    = 1024
)

// ParseUsername maps a username as RFC 8265 section 3.3 says (UsernameCaseMapped): width and case are folded, so that
// everything a person could type for the same name becomes the same text. The result has 1 to 50 characters and no @, so
// that it can never be taken for an email address.
func ParseUsername(typed string) (string, error) {
	name, err := precis.UsernameCaseMapped.String(typed)
	switch {
	case err != nil || !utf8.ValidString(typed):
		return "", RefuseField("username", "Invalid field: username may hold letters, digits and signs, without spaces")
	case name == "" || utf8.RuneCountInString(name) > maxUsernameChars:
		return "", RefuseField("username", "Invalid field: username must have 1 to 50 characters")
	case strings.Contains(name, "@"):
		return "", RefuseField("username", "Invalid field: username cannot contain @")
	}
	return name, nil
}

// ParseEmail checks an address (RFC 5322 addr-spec, without display name, quotes or comments) and returns the key under
// which it is unique: case and width are folded as in a username.
func ParseEmail(typed string) (key string, err error) {
	invalid := RefuseField("email", "Invalid field: email must be an address such as name@example.com")
	if len(typed) > maxEmailBytes || strings.ContainsAny(typed, "\"<>(),;:\\[] \t\r\n") {
		return "", invalid
	}
	parsed, err := mail.ParseAddress(typed)
	if err != nil || parsed.Address != typed || parsed.Name != "" {
		return "", invalid
	}
	key, err = precis.UsernameCaseMapped.String(typed)
	if err != nil || strings.Count(key, "@") != 1 {
		return "", invalid
	}
	return key, nil
}

// SameEmail reports whether two addresses are one, whatever their case and width.
func SameEmail(a, b string) bool {
	keyA, errA := ParseEmail(a)
	keyB, errB := ParseEmail(b)
	return errA == nil && errB == nil && keyA == keyB
}

// ParseRoles checks the names of roles and returns them sorted, each once. A role has 1 to 64 bytes, no comma (which
// separates roles in a header field), no space around it and no control character; all together at most 1024 bytes.
func ParseRoles(typed []string) ([]string, error) {
	total := 0
	for _, role := range typed {
		total += len(role) + 1
		switch {
		case role == "" || len(role) > maxRoleBytes || !utf8.ValidString(role) || strings.TrimSpace(role) != role:
			return nil, RefuseField("roles", "Invalid field: roles must be names of 1 to 64 bytes")
		case strings.ContainsFunc(role, func(c rune) bool { return c == ',' || !unicode.IsPrint(c) }):
			return nil, RefuseField("roles", "Invalid field: roles cannot contain commas or control characters")
		}
	}
	if total > maxRolesBytes {
		return nil, RefuseField("roles", "Invalid field: roles are too many: 1024 bytes in all")
	}
	roles := slices.Clone(typed)
	slices.Sort(roles)
	roles = slices.Compact(roles)
	if roles == nil {
		roles = []string{}
	}
	return roles, nil
}
