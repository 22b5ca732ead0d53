package proxy

import (
	"log/slog"
	"maps"
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// goesDirect reports whether the upstream can be asked by pass.
func (u *upstream) goesDirect(r *http.Request, p *passage) bool {
	return u.pool.isDirect() && isBare(r) && (!u.cfg.PreserveHost || isPlainHost(p.host))
}

// isPlainHost reports whether http.Transport would send a host as it stands.
func isPlainHost(host string) bool {
	for i := range len(host) {
		if host[i] <= ' ' || host[i] >= 0x7f || host[i] == '%' {
			return false
		}
	}
	return host != "" && httpguts.ValidHostHeader(host)
}

// pass forwards a request without a body to an application that is asked directly. It does for it what ReverseProxy would,
// without copying the request, and it reports false if it has done nothing.
func (u *upstream) pass(w http.ResponseWriter, r *http.Request, p *passage) bool {
	l := u.door.letters.get()
	if l.write(u, r, p) != nil {
		return false
	}
	ctx := r.Context()
	p.stream = u.newStream(w, r)
	p.stream.begin(p.identity)
	defer p.stream.close()
	asked := call{
		method: r.Method, repeatable: l.repeatable, stream: p.stream,
		interim: func(status int, header http.Header) { inform(w, status, header) },
	}
	res, b, err := u.pool.send(ctx, true, func(b *backend) (*http.Response, error) {
		host := b.host
		if u.cfg.PreserveHost {
			host = p.host
		}
		asked.message = l.address(u, r.Method, host, p.target)
		return b.direct.roundTrip(ctx, &asked)
	})
	u.door.letters.put(l)
	if err != nil {
		u.failed(w, r, p, err)
		return true
	}
	defer u.pool.release(b)
	defer res.Body.Close()
	u.deliver(w, r, p, res)
	return true
}

// inform passes on an informational answer. Its headers are its own: those that wait for the final answer wait on.
func inform(w http.ResponseWriter, status int, header http.Header) {
	h := w.Header()
	ours := maps.Clone(h)
	clear(h)
	maps.Copy(h, header)
	w.WriteHeader(status)
	clear(h)
	maps.Copy(h, ours)
}

// deliver gives the upstream's answer to the client, with what Authly adds to it and without what is not for the client.
func (u *upstream) deliver(w http.ResponseWriter, r *http.Request, p *passage, res *http.Response) {
	if err := judgeStatus(res.StatusCode, false); err != nil {
		u.failed(w, r, p, err)
		return
	}
	if err := p.stream.answering(); err != nil {
		u.failed(w, r, p, err)
		return
	}
	h := w.Header()
	mergeUpstream(h, res.Header, p.stripCORS)
	u.security.Merge(h, exchangeOf(r).Origin.Scheme == "https")
	announceTrailers(h, res.Trailer)
	announced := len(res.Trailer)
	w.WriteHeader(res.StatusCode)
	if err := u.copyBody(w, res); err != nil {
		u.log.LogAttrs(r.Context(), slog.LevelDebug, "answer broke off", slog.String("error", describe(err)))
		if p.stream.http10 {
			reset(w)
		}
		panic(http.ErrAbortHandler)
	}
	if len(res.Trailer) > 0 {
		_ = http.NewResponseController(w).Flush() // else net/http could give a short body a length, and there is no place for trailers
		addTrailers(h, res.Trailer, announced)
	}
}
