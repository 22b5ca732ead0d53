package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watchedFiles are files that are read again when they change.
type watchedFiles struct {
	what    string // they are, for the log
	files   []string
	read    func() (changed bool, err error)
	watcher *fsnotify.Watcher
	log     *slog.Logger
	done    chan struct{}
}

// watchFiles calls read after anything in the folders of the files has changed, until it is closed. Programs that renew files
// replace them, and a watch on the file itself would stay with the old one. Where a file is a symbolic link, the folder of what it
// leads to is watched too.
func watchFiles(what string, files []string, read func() (bool, error), log *slog.Logger) (*watchedFiles, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watching the %s: %w", what, err)
	}
	for _, file := range files {
		if err := watcher.Add(filepath.Dir(file)); err != nil {
			_ = watcher.Close()
			return nil, fmt.Errorf("watching the %s: %w", what, err)
		}
	}
	w := &watchedFiles{what: what, files: files, read: read, watcher: watcher, log: log, done: make(chan struct{})}
	w.followLinks()
	go w.follow()
	return w, nil
}

// followLinks watches the folders that the files are in. It is called again after each change: links may lead elsewhere, and folders
// may have been replaced. What cannot be watched now is not missed: when it comes, something changes beside it.
func (w *watchedFiles) followLinks() {
	for _, file := range w.files {
		_ = w.watcher.Add(filepath.Dir(file))
		if target, err := filepath.EvalSymlinks(file); err == nil {
			_ = w.watcher.Add(filepath.Dir(target))
		}
	}
}

// settle is how long after a change the files are read: a renewal writes several.
const settle = 200 * time.Millisecond

// follow reads the files again after anything in their folders has changed. Much else may change there, a database or this
// program's own log, and so nothing is said unless what was read is another one, or what is wrong with it is.
func (w *watchedFiles) follow() {
	defer close(w.done)
	quiet := time.NewTimer(settle)
	quiet.Stop()
	defer quiet.Stop()
	pending, complaint := false, ""
	for {
		select {
		case _, ok := <-w.watcher.Events:
			if !ok {
				return
			}
			if !pending { // whatever it was: a file that could not be read may have got its owner now
				pending = true // not put off by further events: a folder may never be quiet
				quiet.Reset(settle)
			}
		case <-quiet.C:
			pending = false
			w.followLinks()
			complaint = w.readAgain(complaint)
		case err, ok := <-w.watcher.Errors:
			if !ok {
				return
			}
			w.log.Warn("watching the "+w.what, "error", err)
		}
	}
}

// readAgain returns what is wrong with the files, and says so if that is not what was said before.
func (w *watchedFiles) readAgain(said string) (complaint string) {
	changed, err := w.read()
	if err != nil {
		complaint = err.Error()
	}
	switch {
	case err != nil && complaint != said:
		w.log.Warn(w.what+" not reloaded, the one in use stays", "error", err)
	case changed:
		w.log.Info(w.what+" reloaded", "file", w.files[0])
	}
	return complaint
}

func (w *watchedFiles) close() {
	_ = w.watcher.Close()
	<-w.done
}
