package headers

// forwardedPrefix begins the names in which proxies tell of the request that they forward.
const forwardedPrefix = "x-forwarded-"

// isForwarding reports whether a name is, in any spelling, one of those in which only a trusted proxy may say something about a
// request: X-Forwarded-*, Forwarded (RFC 7239) and the fields in which products name the client's address or scheme. Via is
// none, because it claims nothing about the client.
func isForwarding(name string) bool {
	var buf [longestName]byte
	return hasNamePrefix(name, forwardedPrefix) || isForwardingFolded(fold(&buf, name))
}

func isForwardingFolded(name []byte) bool {
	switch string(name) {
	case "forwarded", "x-forwarded", "forwarded-for", "x-original-forwarded-for",
		"x-real-ip", "true-client-ip", "client-ip", "x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr",
		"cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip", "fly-client-ip",
		"x-scheme", "x-url-scheme", "front-end-https":
		return true
	}
	return false
}

// isControl reports whether a name is, in any spelling, one that makes some application or framework read the request
// differently from what was decided on: another path, another method, another proxy; or one that is spelt like a field of the
// message itself, but not with dashes.
func isControl(name string) bool {
	var buf [longestName]byte
	folded := fold(&buf, name)
	return isControlFolded(folded) || isMessageFolded(folded) && !isDashed(name)
}

func isControlFolded(name []byte) bool {
	switch string(name) {
	case "x-original-url", "x-original-uri", "x-original-method", "x-original-host",
		"x-rewrite-url", "x-rewrite-uri",
		"x-http-method-override", "x-http-method", "x-method-override",
		"x-middleware-subrequest", "proxy":
		return true
	}
	return false
}

// isMessageFolded reports whether a name is that of a field of the message itself, as which CGI readers take Transfer_Encoding
// too.
func isMessageFolded(name []byte) bool {
	switch string(name) {
	case "connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
		"content-length", "content-type", "content-encoding", "x-request-id":
		return true
	}
	return false
}

// isDashed reports whether name is made of letters, digits and dashes only.
func isDashed(name string) bool {
	for i := range len(name) {
		if name[i] != '-' && foldByte(name[i]) == '-' {
			return false
		}
	}
	return true
}
