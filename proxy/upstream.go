package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/descoped/authly/authn"
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

	ConnectTimeout  time.Duration // until a connection is made, and again for its TLS handshake; zero: 5 seconds
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

const echoURL = "echo:"

// upstream is the application behind a route, ready to be asked.
type upstream struct {
	door     *Door
	name     string // of the route
	cfg      UpstreamConfig
	security *headers.Security
	log      *slog.Logger
	proxy    *httputil.ReverseProxy
	pool     *pool
}

func (d *Door) newUpstream(name string, cfg UpstreamConfig) (*upstream, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	log := d.cfg.Log.With(slog.String("route", name))
	u := &upstream{door: d, name: name, cfg: cfg, security: cfg.Security, log: log}
	if u.security == nil {
		u.security = d.cfg.Security
	}
	u.pool = &pool{now: d.cfg.Now, log: log, check: cfg.HealthCheck}
	if u.pool.backends, err = parseBackends(cfg.URLs); err != nil {
		return nil, err
	}
	if cfg.URLs[0] == echoURL {
		u.pool.transport = echo{}
	} else {
		transport, err := newTransport(cfg, u.pool.backends)
		if err != nil {
			return nil, err
		}
		u.pool.transport = transport
		u.pool.goDirect(transport)
	}
	u.proxy = &httputil.ReverseProxy{
		Rewrite:        u.rewrite,
		ModifyResponse: u.modifyResponse,
		ErrorHandler:   u.handleError,
		Transport:      u.pool,
		BufferPool:     d.buffers,
		// What it has to say is about answers that broke off, which the access log says too.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return u, nil
}

// withDefaults returns the configuration with its zero values filled in, or what is wrong with it.
func (c UpstreamConfig) withDefaults() (UpstreamConfig, error) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if c.ResponseTimeout == 0 {
		c.ResponseTimeout = time.Minute
	}
	if c.ConnectTimeout < 0 || c.ResponseTimeout < 0 {
		return c, errors.New("a timeout is negative")
	}
	if c.StripPrefix != "" {
		if _, err := authn.ParsePath(c.StripPrefix); err != nil || strings.HasSuffix(c.StripPrefix, "/") {
			return c, errors.New("strip_prefix must be a path such as /api, without a slash at its end")
		}
		c.StripPrefix, _ = authn.ParsePath(c.StripPrefix)
	}
	if c.HealthCheck == nil {
		return c, nil
	}
	check := *c.HealthCheck
	if path, _, _ := strings.Cut(check.Path, "?"); !strings.HasPrefix(path, "/") || strings.ContainsAny(check.Path, " \r\n#") {
		return c, errors.New("the path of the health check must begin with a slash")
	}
	if check.Interval == 0 {
		check.Interval = 10 * time.Second
	}
	if check.Timeout == 0 {
		check.Timeout = 2 * time.Second
	}
	if check.Interval < 0 || check.Timeout < 0 {
		return c, errors.New("a time of the health check is negative")
	}
	c.HealthCheck = &check
	return c, nil
}

// parseBackends reads the addresses of an upstream. h2c is spoken by a transport that knows nothing else, on http URLs.
func parseBackends(urls []string) ([]*backend, error) {
	if len(urls) == 0 {
		return nil, errors.New("an upstream needs an address")
	}
	if len(urls) == 1 && urls[0] == echoURL {
		return []*backend{{scheme: "http", host: "echo"}}, nil
	}
	var backends []*backend
	for _, s := range urls {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Hostname() == "":
			return nil, errors.New("an upstream must be http://host:port, https://host:port or h2c://host:port, or echo: alone")
		case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
			return nil, errors.New("an upstream must begin with http://, https:// or h2c://")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
			return nil, errors.New("an upstream is a scheme and an address, without user, path and query")
		case len(backends) > 0 && u.Scheme != backends[0].scheme:
			return nil, errors.New("the addresses of an upstream must have one scheme")
		}
		backends = append(backends, &backend{scheme: u.Scheme, host: u.Host})
	}
	return backends, nil
}

// newTransport returns the transport of an upstream: its own, so that no upstream uses up the connections of another. The
// environment's proxy settings do not apply, and bodies pass as they are, compressed or not.
func newTransport(cfg UpstreamConfig, backends []*backend) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:            dialer(cfg.ConnectTimeout),
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		ResponseHeaderTimeout:  cfg.ResponseTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    512,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
		// A connection that has gone dead would otherwise take requests until the system gives it up.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	switch backends[0].scheme {
	case "h2c":
		t.Protocols.SetUnencryptedHTTP2(true)
		for _, b := range backends {
			b.scheme = "http"
		}
	case "https":
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.InsecureSkipVerify} // #nosec G402 -- as the configuration says, which warns of it
		if cfg.CAFile != "" {
			pem, err := os.ReadFile(cfg.CAFile)
			if err != nil {
				return nil, fmt.Errorf("ca_file: %w", err)
			}
			t.TLSClientConfig.RootCAs = x509.NewCertPool()
			if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
				return nil, errors.New("ca_file holds no certificate")
			}
		}
	default:
		t.Protocols.SetHTTP1(true)
	}
	if backends[0].scheme != "https" && (cfg.CAFile != "" || cfg.InsecureSkipVerify) {
		return nil, errors.New("ca_file and insecure_skip_verify are for https upstreams")
	}
	return t, nil
}

// bufferPool lends the buffers that answers are copied through.
type bufferPool struct{ pool sync.Pool }

const bufferSize = 32 << 10 // bytes

func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

func (p *bufferPool) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
