package proxy

import "github.com/descoped/authly/authn"

// ending is why a stream is ended before its time. As an error it is the cause of its context's end.
type ending struct {
	reason string       // for the logs
	code   uint16       // for the client of a WebSocket (RFC 6455 section 7.4.1)
	text   string       // beside the code
	answer *authn.Error // for a client that has had no answer yet
}

func (e *ending) Error() string { return e.reason }

// The endings. 1008 tells a client that coming back is of no use before another login. 1001 tells it to come back: what ended
// is this connection, and not the right to have one.
var (
	endOfSession = &ending{
		reason: "session_ended", code: 1008, text: "session ended",
		answer: authn.Refuse(authn.CodeInvalidCredentials, "Could not validate credentials"),
	}
	endOfAge = &ending{
		reason: "max_age", code: 1001, text: "maximum age reached",
		answer: authn.Refuse(authn.CodeUpstreamSlow, "The application did not answer in time"),
	}
	endOfService = &ending{
		reason: "shutdown", code: 1001, text: "shutting down",
		answer: authn.Refuse(authn.CodeUnavailable, "Service unavailable"),
	}
)
