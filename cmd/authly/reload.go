package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
)

// reloader takes up what has changed in the configuration while the server runs: secrets, when the files that hold them change;
// those and all else that can be, when somebody asks for it with SIGHUP. What is wrong, in whatever part, is refused as a whole,
// and the server goes on as before.
type reloader struct {
	mind    *mind
	mailer  *changingMailer
	metrics reloadMetrics
	log     *slog.Logger

	mu        sync.Mutex
	running   *config.Config // what the server goes by
	seen      *config.Config // what was read last, and good
	complaint string         // what was wrong when it was read last; empty: nothing
}

func newReloader(cfg *config.Config, m *mind, mailer *changingMailer, metrics reloadMetrics, log *slog.Logger) *reloader {
	return &reloader{mind: m, mailer: mailer, metrics: metrics, log: log, running: cfg, seen: cfg}
}

// heedHangups returns what receives SIGHUP, which would otherwise end the program.
func heedHangups() <-chan os.Signal {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	return asked
}

// run reloads until ctx ends: what read returns when asked, and otherwise what the files now hold that the configuration names.
func (r *reloader) run(ctx context.Context, asked <-chan os.Signal, read func() (*config.Config, error)) {
	for {
		files := r.files()
		watch := r.watch(ctx, files)
		r.again(ctx) // it may have changed before it was watched
		for slices.Equal(files, r.files()) && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-asked:
				r.reload(ctx, true, read)
			}
		}
		if watch != nil {
			watch.close()
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// watch has changes of the files taken up; nil if there are none, or they cannot be watched.
func (r *reloader) watch(ctx context.Context, files []string) *watchedFiles {
	if len(files) == 0 {
		return nil
	}
	watch, err := watchFiles("secrets", files, func() (bool, error) { r.again(ctx); return false, nil }, r.log)
	if err != nil {
		r.log.Warn("files of secrets are not watched: send SIGHUP when they have changed", "error", err)
		return nil
	}
	return watch
}

func (r *reloader) files() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.Files()
}

// again reads the files anew, and the configuration's own file not: somebody may be in the middle of editing it.
func (r *reloader) again(ctx context.Context) {
	r.reload(ctx, false, func() (*config.Config, error) { return r.seen.Again() })
}

// reload takes up a configuration. If nobody has asked for it, nothing is said unless something is new.
func (r *reloader) reload(ctx context.Context, asked bool, read func() (*config.Config, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cfg, err := read()
	if err != nil {
		r.refuse(ctx, asked, err)
		return
	}
	if !asked && len(r.seen.Differences(cfg)) == 0 {
		if r.complaint != "" {
			r.log.Info("the configuration is as it was", "event", "configuration_unchanged")
			r.metrics.current.Set(1)
		}
		r.complaint = ""
		return
	}
	keys, restart, err := r.takeUp(cfg)
	if err != nil {
		r.refuse(ctx, asked, err)
		return
	}
	r.tell(cfg, keys, restart)
	r.seen, r.complaint = cfg, ""
	r.metrics.took()
	r.mind.trail.Record(ctx, authn.ReloadEvent(time.Now(), version, digestOf(r.running), keys, restart))
}

// tell logs what was taken up, and what is risky about it and was not before.
func (r *reloader) tell(cfg *config.Config, keys, restart []string) {
	level, needed := slog.LevelInfo, ""
	if len(restart) > 0 {
		level, needed = slog.LevelWarn, ", but for some keys, which need a restart"
	}
	r.log.Log(context.Background(), level, "configuration reloaded"+needed, "keys", keys, "restart_needed", restart)
	before := r.seen.Warnings()
	warn(r.log, slices.DeleteFunc(cfg.Warnings(), func(w config.Warning) bool { return slices.Contains(before, w) }))
}

// refuse tells why the server goes on as before; once, if nobody has asked.
func (r *reloader) refuse(ctx context.Context, asked bool, err error) {
	if !asked && err.Error() == r.complaint {
		return
	}
	r.complaint = err.Error()
	r.metrics.refused()
	var keys, lines []string
	mistakes, _ := errors.AsType[config.Mistakes](err)
	for _, m := range mistakes {
		lines = append(lines, m.String())
		if at := m.Key; at != "" && !slices.Contains(keys, at) {
			keys = append(keys, at)
		}
	}
	if lines == nil {
		lines = []string{err.Error()}
	}
	r.log.Error("configuration not reloaded, the one in use stays", "mistakes", lines)
	r.mind.trail.Record(ctx, authn.ReloadFailedEvent(time.Now(), version, keys))
}
