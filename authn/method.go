package authn

import "strings"

// standardMethods are the methods of RFC 9110 section 9.3 and RFC 5789. Methods are compared with case, and an application
// that does not would read "get" as GET behind a rule that did not: such spellings are refused.
const standardMethods = " GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH "

// CheckMethod refuses what is no method token (RFC 9110 section 5.6.2), CONNECT and TRACE, which an application behind a
// gateway has no use for, and standard methods in another case. The error is CodeBadMethod.
func CheckMethod(method string) error {
	if method == "" || len(method) > 64 || strings.ContainsFunc(method, notTokenChar) {
		return Refuse(CodeBadMethod, "The method is malformed")
	}
	upper := strings.ToUpper(method)
	if upper == "CONNECT" || upper == "TRACE" {
		return Refuse(CodeBadMethod, "CONNECT and TRACE are not served")
	}
	if upper != method && strings.Contains(standardMethods, " "+upper+" ") {
		return Refuse(CodeBadMethod, "The method must be in upper case")
	}
	return nil
}

func notTokenChar(c rune) bool {
	isAlnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	return !isAlnum && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}
