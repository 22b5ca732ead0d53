//go:build pkcs11

package hsm

import "time"

// connected returns the line, after making one if there is none.
func (t *Token) connected() (*line, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.line != nil:
		return t.line, nil
	case t.refused != nil:
		return nil, t.refused
	case t.failed != nil && time.Since(t.tried) < connectEvery:
		return nil, t.failed
	}
	t.awaitEnd()
	l, err := connect(t.cfg, !t.met)
	t.failed, t.tried = err, time.Now()
	if isRefused(err) {
		t.refused = err
	}
	if err == nil && !t.met {
		t.cfg.Log.Info("keys are made in an HSM, and stay there", "token", t.cfg.Label, "module", t.cfg.Module)
	}
	t.line, t.met = l, t.met || err == nil
	return l, err
}

// drop ends a line that has broken, unless somebody has done so already. If that was a new one, time is to pass before the next.
func (t *Token) drop(l *line, cause error, wasNew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.line != l {
		return
	}
	t.cfg.Log.Debug("the connection to the HSM has broken", "error", cause)
	t.end()
	if wasNew {
		t.failed, t.tried = away("%v", cause), time.Now()
	}
}

// end ends the line in the background: what goes on in it may never end. The caller holds mu.
func (t *Token) end() {
	l, ended := t.line, make(chan struct{})
	t.line, t.closing = nil, ended
	go func() {
		defer close(ended)
		_ = l.context.Close()
	}()
}

// awaitEnd waits a while for the line of before to have ended: then the module is unloaded and loaded again, without which some of them
// do not see what has changed. The caller holds mu.
func (t *Token) awaitEnd() {
	if t.closing == nil {
		return
	}
	select {
	case <-t.closing:
		t.closing = nil
	case <-time.After(connectEvery):
	}
}
