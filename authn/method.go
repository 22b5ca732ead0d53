package authn

import "strings"

// CheckMethod refuses, with CodeBadMethod, methods that no rule can be written for: CONNECT and TRACE (and TRACK, its other
// name), whatever is no token (RFC 9110 section 5.6.2), and lower-case letters. Methods are case-sensitive (section 9.1)
// and every registered one is in capitals; a program behind Authly that reads "get" as GET would run around a rule for GET.
func CheckMethod(method string) error {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return nil
	}
	served := method != "" && len(method) <= 64 && !strings.ContainsFunc(method, notMethodChar)
	switch method {
	case "CONNECT", "TRACE", "TRACK":
		served = false
	}
	if !served {
		return Refuse(CodeBadMethod, "The method is not served")
	}
	return nil
}

// notMethodChar tells what is no capital letter, digit or other sign of a token.
func notMethodChar(c rune) bool {
	isAlnum := '0' <= c && c <= '9' || 'A' <= c && c <= 'Z'
	return !isAlnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}
