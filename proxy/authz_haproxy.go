package proxy

// haproxy is the dialect of the Lua script in examples/haproxy, since HAProxy has no forward authentication of its own. The
// script sets each header, and relays refusals.
func haproxy() dialect { return dialect{ask: forwarded, relayed: unchanged, redirected: unchanged} }
