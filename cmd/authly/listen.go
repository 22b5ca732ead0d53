package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/proxy"
)

// The keys of the listeners of which something is special: that for checks alone, and that for operations.
const (
	authzAddress = "server.authz_address"
	opsAddress   = "server.ops_address"
)

// newListeners opens every address before anything is served, so that one that is in use is told at once.
func newListeners(cfg *config.Config, log *slog.Logger, door *proxy.Door, db authn.Pinger, metrics http.Handler) (*listeners, error) {
	l := &listeners{log: log, door: door, stopping: new(atomic.Bool)}
	main := newServer(cfg, log, door.Gateway())
	if cfg.Server.TLS.CertFile != "" {
		var err error
		if l.watch, err = watchCertificate(cfg.Server.TLS.CertFile, cfg.Server.TLS.KeyFile, log); err != nil {
			return nil, fmt.Errorf("server.tls: %w", err)
		}
		main.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: l.watch.get}
	}
	main.Protocols.SetUnencryptedHTTP2(cfg.Server.UnencryptedHTTP2)
	wanted := []struct {
		key, address string
		server       *http.Server
	}{
		{"server.address", cfg.Server.Address, main},
		{authzAddress, cfg.Server.AuthzAddress, newServer(cfg, log, door.ForwardAuth())},
		{opsAddress, cfg.Server.OpsAddress, newServer(cfg, log, opsHandler(l.stopping, db, metrics))},
	}
	for _, w := range wanted {
		if w.address == "" {
			continue
		}
		socket, err := net.Listen("tcp", w.address)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("%s: %w", w.key, err)
		}
		if w.key == authzAddress {
			socket = proxy.ReadyConns(w.server, socket)
		}
		l.all = append(l.all, &listener{key: w.key, socket: socket, server: w.server, tls: w.server.TLSConfig != nil})
	}
	return l, nil
}

// close closes addresses on which nothing is served yet.
func (l *listeners) close() {
	for _, one := range l.all {
		_ = one.socket.Close()
	}
	if l.watch != nil {
		l.watch.close()
	}
}

// newServer is an http.Server with the limits that every listener has. There is no limit on the time that a whole request
// or answer takes: uploads, downloads and streams may last; the door bounds what is its own.
func newServer(cfg *config.Config, log *slog.Logger, handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            cfg.Server.ReadHeaderTimeout,
		IdleTimeout:                  cfg.Server.IdleTimeout,
		MaxHeaderBytes:               cfg.Server.MaxHeaderBytes,
		ErrorLog:                     serverLog(log),
		Protocols:                    new(http.Protocols),
		DisableGeneralOptionsHandler: true, // OPTIONS * is refused like every target that names no path
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	return s
}

// opsHandler serves what orchestrators ask: alive, ready to take requests, and how it goes; and where time and memory go, for
// go tool pprof.
func opsHandler(stopping *atomic.Bool, db authn.Pinger, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	answer := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprintln(w, text)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		switch {
		case stopping.Load():
			answer(w, http.StatusServiceUnavailable, "stopping")
		case db.Ping(ctx) != nil:
			answer(w, http.StatusServiceUnavailable, "database disconnected")
		default:
			answer(w, http.StatusOK, "ready")
		}
	})
	return mux
}
