package proxy

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// start begins to check every backend, at once and then again and again.
func (p *pool) start(ctx context.Context) {
	if p.check == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	p.cancel = cancel
	p.mu.Unlock()
	for _, b := range p.backends {
		p.checks.Go(func() { p.watch(ctx, b) })
	}
}

// close ends the checks and waits for them.
func (p *pool) close() {
	p.mu.Lock()
	cancel := p.cancel
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	p.checks.Wait()
	if t, ok := p.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	for _, b := range p.backends {
		if b.direct != nil {
			b.direct.close()
		}
	}
}

func (p *pool) watch(ctx context.Context, b *backend) {
	ticker := time.NewTicker(p.check.Interval)
	defer ticker.Stop()
	for {
		healthy := p.isHealthy(ctx, b)
		if ctx.Err() != nil {
			return
		}
		p.mark(b, healthy)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *pool) isHealthy(ctx context.Context, b *backend) bool {
	ctx, cancel := context.WithTimeout(ctx, p.check.Timeout)
	defer cancel()
	req := (&http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: b.scheme, Host: b.host, Opaque: p.check.Path},
		Header: http.Header{"User-Agent": {"Authly"}},
	}).WithContext(ctx)
	res, err := p.transport.RoundTrip(req)
	if err != nil {
		return false
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // so that the connection can be used again
	_ = res.Body.Close()
	return res.StatusCode >= 200 && res.StatusCode < 400
}

func (p *pool) mark(b *backend, healthy bool) {
	p.mu.Lock()
	changed := b.down == healthy
	b.down = !healthy
	p.mu.Unlock()
	if changed {
		p.log.Warn("upstream health changed", slog.String("address", b.host), slog.Bool("healthy", healthy))
	}
}
