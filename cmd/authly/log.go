package main

import (
	"io"
	"log"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/descoped/authly/cmd/authly/config"
)

// newLog returns the program's log: text for a person at a terminal, JSON otherwise, unless the configuration says which.
func newLog(w io.Writer, cfg config.Log) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[cfg.Level]}
	file, isFile := w.(*os.File)
	if cfg.Format == "text" || cfg.Format == "auto" && isFile && term.IsTerminal(int(file.Fd())) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// serverLog takes what net/http has to say about connections: clients' doing, of interest only when looking for it.
func serverLog(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
