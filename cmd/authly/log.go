package main

import (
	"io"
	"log"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/proxy"
)

// newLog returns the program's log: text for a person at a terminal, JSON otherwise, unless the configuration says which; and
// what writes the access log, which is nil if it is written like all else. Lines of the access log may wait in the spool for
// a moment.
func newLog(w io.Writer, cfg config.Log) (log *slog.Logger, access func(proxy.Access), out *spool) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[cfg.Level]}
	file, isFile := w.(*os.File)
	out = newSpool(w)
	if cfg.Format == "text" || cfg.Format == "auto" && isFile && term.IsTerminal(int(file.Fd())) {
		return slog.New(slog.NewTextHandler(out, options)), nil, out
	}
	log = slog.New(slog.NewJSONHandler(out, options))
	if levels[cfg.Level] > slog.LevelInfo {
		return log, func(proxy.Access) {}, out
	}
	return log, func(a proxy.Access) {
		var room [512]byte // for most lines
		out.later(appendAccess(room[:0], &a))
	}, out
}

// serverLog takes what net/http has to say about connections: clients' doing, of interest only when looking for it.
func serverLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
