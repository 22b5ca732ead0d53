package proxy

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

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
		rec := &recorder{ResponseWriter: w, http10: !r.ProtoAtLeast(1, 1)}
		completed := false
		defer func() { d.logRequest(rec, r, completed) }()
		next.ServeHTTP(rec, r)
		completed = true
	})
}

func (d *Door) logRequest(rec *recorder, r *http.Request, completed bool) {
	x := exchangeOf(r)
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
	client := ""
	if x.Origin.Client.IsValid() {
		client = x.Origin.Client.String()
	}
	rawPath, _, _ := strings.Cut(r.RequestURI, "?")
	d.cfg.Log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("request_id", x.ID),
		slog.String("method", plain(r.Method, 32)),
		slog.String("host", plain(r.Host, 256)),
		slog.String("path", plain(rawPath, 1024)),
		slog.Int("status", status),
		slog.Int64("bytes", rec.bytes),
		slog.String("route", x.Route),
		slog.String("decision", x.Verdict),
		slog.String("reason", reason),
		slog.String("user", plain(headers.EncodeValue(x.User), 256)),
		slog.String("client", client),
		slog.Float64("duration_ms", float64(d.cfg.Now().Sub(x.Started).Microseconds())/1000),
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
