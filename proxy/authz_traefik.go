package proxy

// traefik is the dialect of Traefik's forwardAuth middleware, and of the ingress providers built on it. It relays refusals
// whole. With trustForwardHeader off, as in the example, Traefik overwrites what the client sent of these headers.
func traefik() dialect { return dialect{ask: forwarded, relayed: unchanged, redirected: unchanged} }
