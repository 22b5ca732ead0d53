package authn

import (
	"strings"
	"unicode/utf8"
)

// ParsePath decodes the path of a request target as it stood on the wire (RFC 3986 section 3.3), without its query, and
// refuses every path that two programs could read in two ways: what is decided on must be what the application sees.
//
// Refused are: a path that does not start with a slash, empty segments (//) except at the end of nothing, segments that are
// . or .., backslashes, semicolons and number signs, plain or encoded; encoded slashes, percent signs, question marks and
// dots; invalid escapes; control characters, plain or encoded; bytes outside printable ASCII, and escapes that are not UTF-8.
//
// The error is CodeAmbiguousPath and says which of these it was, never the path.
func ParsePath(raw string) (string, error) {
	if raw == "" || raw[0] != '/' {
		return "", ambiguous("it does not start with /")
	}
	path, err := decodePath(raw)
	if err != nil {
		return "", err
	}
	for rest := path[1:]; ; {
		segment, after, more := strings.Cut(rest, "/")
		switch {
		case segment == "" && more:
			return "", ambiguous("it holds an empty segment")
		case segment == "." || segment == "..":
			return "", ambiguous("it holds a dot segment")
		}
		if !more {
			return path, nil
		}
		rest = after
	}
}

// decodePath decodes escapes and judges bytes, not segments. A path without escapes is returned as it is.
func decodePath(raw string) (string, error) {
	var decoded []byte // empty: nothing was escaped so far
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '%' {
			switch {
			case c <= ' ' || c >= 0x7f:
				return "", ambiguous("a byte outside printable ASCII is not encoded")
			case c == '\\' || c == ';' || c == '#' || c == '?':
				return "", ambiguous("it holds a backslash, a semicolon, # or ?")
			}
			if len(decoded) > 0 {
				decoded = append(decoded, c)
			}
			continue
		}
		if i+2 >= len(raw) || unhex(raw[i+1]) < 0 || unhex(raw[i+2]) < 0 {
			return "", ambiguous("it holds an invalid escape")
		}
		c = byte(unhex(raw[i+1])<<4 | unhex(raw[i+2])) // #nosec G115 -- two digits are a byte
		switch {
		case c < ' ' || c == 0x7f:
			return "", ambiguous("it holds an encoded control character")
		case strings.IndexByte(`/\.;#%?`, c) >= 0:
			return "", ambiguous(`one of / \ . ; # % ? is encoded`)
		}
		if len(decoded) == 0 {
			decoded = append(make([]byte, 0, len(raw)), raw[:i]...) // there is a slash at least
		}
		decoded = append(decoded, c)
		i += 2
	}
	switch {
	case len(decoded) == 0:
		return raw, nil
	case !utf8.Valid(decoded):
		return "", ambiguous("its escapes are not UTF-8")
	}
	return string(decoded), nil
}

func ambiguous(why string) error {
	return Refuse(CodeAmbiguousPath, "The path could be read in two ways: "+why)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
