package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// statusClientGone is logged where a client went away before it got an answer; it is never sent. nginx uses the same number.
const statusClientGone = 499

// Reasons of the access log that no authn.Code stands for.
const (
	reasonClientGone = "client_closed_request"
	reasonAborted    = "aborted" // an answer that had begun was cut off
	reasonPreflight  = "cors_preflight"
)

// accessLog writes one line per request when it is over: for a WebSocket that is when it closes. The line holds no header
// value and no query, so that there is no place in it for a credential.
func (d *Door) accessLog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := newRecorder(w, r)
		completed := false
		defer func() { d.logRequest(&rec, r, exchangeOf(r), completed) }()
		next.ServeHTTP(&rec, r)
		completed = true
	})
}

// Access is a line of the access log. Its texts are printable ASCII, but for a sign where something long was cut.
type Access struct {
	Time      time.Time // when the request was over
	RequestID string
	Method    string
	Host      string
	Path      string // as on the wire, without the query
	Status    int
	Bytes     int64 // of the answer's body
	Route     string
	Decision  string // allow, challenge, deny; empty: none was asked for
	Reason    string // of a refusal, or of an answer that broke off
	User      string
	Client    netip.Addr // the zero Addr: not known
	Duration  time.Duration
}

// Milliseconds is the duration as it is logged, to the microsecond.
func (a *Access) Milliseconds() float64 { return float64(a.Duration.Microseconds()) / 1000 }

func (d *Door) logRequest(rec *recorder, r *http.Request, x *headers.Exchange, completed bool) {
	status := rec.status
	switch {
	case !completed && status == 0:
		status = statusClientGone
	case status == 0:
		status = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
	reason := x.Reason
	if !completed && reason == "" {
		reason = reasonAborted
	}
	rawPath, _, _ := strings.Cut(r.RequestURI, "?")
	now := d.cfg.Now()
	line := Access{
		Time: now, RequestID: x.ID, Method: plain(r.Method, 32), Host: plain(r.Host, 256), Path: plain(rawPath, 1024),
		Status: status, Bytes: rec.bytes, Route: x.Route, Decision: x.Verdict, Reason: reason,
		User: plain(headers.EncodeValue(x.User), 256), Client: x.Origin.Client, Duration: now.Sub(x.Started),
	}
	if d.cfg.Denied != nil && (x.Verdict == verdictDeny || x.Verdict == verdictChallenge) {
		d.cfg.Denied(d.denied(r, &line))
	}
	if d.cfg.Access != nil {
		d.cfg.Access(line)
		return
	}
	d.log(r.Context(), &line)
}

// denied is the event of a request that was kept out, with what the access log says of it.
func (d *Door) denied(r *http.Request, a *Access) authn.Event {
	from := authn.Client{Address: a.Client, UserAgent: plain(r.UserAgent(), 512), RequestID: a.RequestID}
	return authn.DeniedEvent(exchangeOf(r).Caller, from, a.Time, a.Reason, authn.Details{
		authn.DetailMethod: a.Method, authn.DetailHost: a.Host, authn.DetailPath: a.Path, authn.DetailRoute: a.Route,
	})
}

func (d *Door) log(ctx context.Context, a *Access) {
	client := ""
	if a.Client.IsValid() {
		client = a.Client.String()
	}
	d.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("request_id", a.RequestID),
		slog.String("method", a.Method),
		slog.String("host", a.Host),
		slog.String("path", a.Path),
		slog.Int("status", a.Status),
		slog.Int64("bytes", a.Bytes),
		slog.String("route", a.Route),
		slog.String("decision", a.Decision),
		slog.String("reason", a.Reason),
		slog.String("user", a.User),
		slog.String("client", client),
		slog.Float64("duration_ms", a.Milliseconds()),
	)
}

// plain returns s as printable ASCII of about at most max bytes. A path can hold anything that its sender likes, and some log
// handlers and most terminals take some of that as commands: line ends, ANSI sequences, C1 controls.
func plain(s string, max int) string {
	cut := ""
	if len(s) > max {
		s, cut = s[:max], "…"
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return escape(s) + cut
		}
	}
	return s + cut
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
