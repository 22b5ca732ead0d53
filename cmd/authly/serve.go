package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
)

func (c *cli) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve until SIGTERM or SIGINT (what authly does without a command)", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context()) },
	}
}

// serve builds the rooms, serves until the context ends, and stops in the order in which things depend on each other.
func (c *cli) serve(ctx context.Context) error {
	asked := heedHangups() // from now on they end nothing
	cfg, err := c.load()
	if err != nil {
		return err
	}
	defer keepHeapFloor(c.environ)()
	log, access, spool := newLog(c.stderr, cfg.Log)
	defer spool.Flush()
	warnings, err := warningsOf(cfg)
	if err != nil {
		return err
	}
	if c.notPrivate != nil {
		log.Warn("the memory of this process, with the keys in it, can be read by others or be written to the file of a crash", "error", c.notPrivate)
	}
	warn(log, warnings)
	if c.notForgotten != nil {
		log.Warn("secrets are still to be seen in the environment of this process: give them in files", "error", c.notForgotten)
	}
	first, err := newMailer(cfg, log)
	if err != nil {
		return err
	}
	mailer := new(changingMailer)
	mailer.current.Store(first)
	hashing := newHasher(log)
	defer hashing.Close()
	m, err := newMind(ctx, cfg, log, hashing.Do)
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.geography.open(cfg.Geo.Database, log); err != nil {
		return err
	}
	if err := m.reseal(ctx); err != nil {
		return err
	}
	if err := m.keys.Settle(ctx); err != nil {
		return err
	}
	metrics := newMetrics()
	follower, err := m.follow(ctx, cfg, log, metrics.observeLag)
	if err != nil {
		return err
	}
	metrics.show(follower)
	if cfg.Limits.Backend != "" {
		metrics.showLimits(m.limits)
	}
	outbox := authn.NewOutbox(authn.OutboxConfig{
		Mails: m.mails, Sender: mailer, Timeout: cfg.Mail.Timeout, Shown: cfg.Mail.Server() == nil, Now: time.Now, Log: log,
	})
	metrics.showMail(outbox, time.Now)
	metrics.showLogins(m.passwords)
	if m.hsm != nil {
		metrics.showHSM(m.hsm)
	}
	checker := authn.NewChecker(m.logins, follower)
	door, err := m.newDoor(cfg, log, access, checker, follower)
	if err != nil {
		return err
	}
	listeners, err := newListeners(cfg, log, door, m.store, metrics.handler())
	if err != nil {
		return err
	}
	// Only now: an administrator whose password nobody was shown, since an address was in use, would be of no use.
	made, err := c.bootstrap(ctx, cfg, m)
	if err != nil {
		listeners.close()
		return err
	}
	m.recordConfiguration(ctx, cfg)
	reloader := newReloader(cfg, m, mailer, metrics.reloads, log)
	// Background work outlives the signal: it goes on until the last request has been answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	door.Start(background)
	work.Go(func() { follower.Run(background) })
	work.Go(func() { m.housekeep(background, cfg, checker, log) })
	work.Go(func() { m.keys.Run(background) })
	if m.hsm != nil {
		work.Go(func() { m.hsm.Run(background) })
	}
	work.Go(func() { m.sealer.Run(background, m.keys.Reseal, m.mails.Reseal) })
	work.Go(func() { m.arrivals.Run(background) })
	work.Go(func() { outbox.Run(background) })
	work.Go(func() { m.trail.Run(background) })
	work.Go(func() { reloader.run(background, asked, c.read) })
	defer func() {
		stop()
		door.Close()
		work.Wait()
		log.Info("stopped") // with nothing written after it, such as the last refusals that were counted
	}()

	c.greet(cfg, listeners, made)
	return listeners.serve(ctx, cfg.Server.ShutdownTimeout)
}

// listeners are the program's doors to the network.
type listeners struct {
	all      []*listener
	log      *slog.Logger
	door     *proxy.Door
	stopping *atomic.Bool // readiness says so while requests in flight finish
	watch    *certificate
}

// listener is one address and what is served on it.
type listener struct {
	key    string // of the configuration, for messages
	socket net.Listener
	server *http.Server
	tls    bool
}

// serve serves on all listeners until ctx ends or one of them fails, then stops accepting, and lets requests in flight
// finish for at most the timeout.
func (l *listeners) serve(ctx context.Context, timeout time.Duration) error {
	failed := make(chan error, len(l.all))
	for _, one := range l.all {
		go func() { failed <- one.serve() }()
		l.log.Info("listening", "listener", one.key, "address", one.socket.Addr().String(), "tls", one.tls)
	}
	if l.watch != nil {
		defer l.watch.close()
	}
	var err error
	select {
	case <-ctx.Done():
		l.log.Info("stopping", "timeout", timeout.String())
	case err = <-failed:
	}
	l.stopping.Store(true)
	l.shutdown(timeout)
	return err
}

func (l *listener) serve() error {
	var err error
	if l.tls {
		err = l.server.ServeTLS(l.socket, "", "")
	} else {
		err = l.server.Serve(l.socket)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", l.key, err)
}

// shutdown stops the listeners that take requests side by side; what is still in flight after the timeout is cut. WebSockets,
// which would never end, are told to go at once. The listener for operations is the last: until then it says that this server
// takes no more.
func (l *listeners) shutdown(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	stop := func(one *listener) {
		if err := one.server.Shutdown(ctx); err != nil {
			l.log.Warn("requests cut at the end of the shutdown timeout", "listener", one.key)
			_ = one.server.Close()
		}
	}
	l.door.GoAway()
	var stopping sync.WaitGroup
	for _, one := range l.all {
		if one.key != opsAddress {
			stopping.Go(func() { stop(one) })
		}
	}
	stopping.Wait()
	l.door.Wait(ctx) // now that nothing can become a WebSocket any more
	for _, one := range l.all {
		if one.key == opsAddress {
			stop(one)
		}
	}
}
