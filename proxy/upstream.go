package proxy

import (
	"time"

	"github.com/descoped/authly/headers"
)

// UpstreamConfig is the application behind a route.
type UpstreamConfig struct {
	// URLs are the addresses of the application: http://host:port, https://host:port or h2c://host:port (HTTP/2 without
	// TLS), all of one scheme and without a path; or exactly "echo:", the built-in application that answers with the
	// request it received. Required.
	URLs []string

	StripPrefix       string // such as /api: removed from the front of the path where it is a whole segment; optional
	PreserveHost      bool   // send the Host that the client asked for instead of the upstream's own
	PassAuthorization bool   // send the Authorization header on; else only what is not meant for Authly passes

	CAFile             string // PEM certificates that are believed instead of the system's, https only; optional
	InsecureSkipVerify bool   // do not verify the upstream's certificate, https only

	ConnectTimeout  time.Duration // until a connection is made, TLS handshake included; zero: 5 seconds
	ResponseTimeout time.Duration // from the end of the request to the answer's headers; zero: 60 seconds

	HealthCheck *HealthCheck      // nil: addresses are judged by failed connections alone
	Security    *headers.Security // in place of Config.Security for this route; nil: that one
	NoCORS      bool              // leave CORS to the application even if Config.CORS is set
}

// HealthCheck asks every address of an upstream again and again whether it can serve.
type HealthCheck struct {
	Path     string        // asked for with GET; an answer of 2xx or 3xx is healthy; required
	Interval time.Duration // between two checks of an address; zero: 10 seconds
	Timeout  time.Duration // of one check; zero: 2 seconds
}
