package headers

// Fate is what becomes of a field of a client's request on its way to an application.
type Fate uint8

const (
	Passes  Fate = iota // as it is, byte for byte
	Dropped             // whoever sent it
	Judged              // by whoever forwards the request: Authorization, Cookie and User-Agent
)

// Sieve tells the Fate of fields by their names, in one look at each. Dropped are, in every spelling, the fields that an
// application could take for those that carry the identity; those in which proxies tell of the request, which are not the
// client's to say; and those that make some application read another request than was decided on. Dropped are too those that
// concern a single connection (RFC 9110 section 7.6.1) or the framing of the message, Host, and the request id. Names are looked
// up as http.Header has them.
type Sieve struct {
	identity map[string]struct{} // the names, folded
}

// NewSieve returns the Sieve of names that pass Validate.
func NewSieve(names IdentityNames) *Sieve {
	s := &Sieve{identity: map[string]struct{}{}}
	for _, list := range names.lists() {
		for _, name := range list {
			var buf [longestName]byte
			s.identity[string(fold(&buf, name))] = struct{}{}
		}
	}
	return s
}

// Fate returns the Fate of the field of a name.
func (s *Sieve) Fate(name string) Fate {
	if hasNamePrefix(name, ownPrefix) || hasNamePrefix(name, forwardedPrefix) {
		return Dropped
	}
	var buf [longestName]byte
	folded := fold(&buf, name)
	if _, known := s.identity[string(folded)]; known || isForwardingFolded(folded) || isControlFolded(folded) {
		return Dropped
	}
	if isMessageFolded(folded) && !isDashed(name) {
		return Dropped
	}
	return fateOf(name)
}

// fateOf returns the Fate of what is neither said by a proxy nor like anything that Authly says. The name is as http.Header
// has it.
func fateOf(name string) Fate {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Http2-Settings", "Content-Length", "Host", "X-Request-Id":
		return Dropped
	case "Authorization", "Cookie", "User-Agent":
		return Judged
	}
	return Passes
}

// Each tells emit each of the headers.
func (s *Stamps) Each(emit func(name, value string)) {
	for i, name := range s.names {
		emit(name, s.values[i][0])
	}
}
