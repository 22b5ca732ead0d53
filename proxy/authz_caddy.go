package proxy

// caddy is the dialect of Caddy's forward_auth directive, which sets the method and the target, and with every proxied
// request the scheme, the host and the client address. It relays refusals whole.
func caddy() dialect { return dialect{ask: forwarded, relayed: unchanged, redirected: unchanged} }
