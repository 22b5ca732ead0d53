package proxy

// NeverDirect has every application asked by http.Transport and ReverseProxy. It is to be called before the first request.
func (d *Door) NeverDirect() {
	for _, u := range d.upstreams {
		for _, b := range u.pool.backends {
			b.direct = nil
		}
	}
}

// Busy is how many requests are on their way to applications, and how many connections to them wait for the next.
func (d *Door) Busy() (requests, idle int) {
	for _, u := range d.upstreams {
		u.pool.mu.Lock()
		for _, b := range u.pool.backends {
			requests += b.inFlight
			if b.direct != nil {
				b.direct.mu.Lock()
				idle += len(b.direct.idle)
				b.direct.mu.Unlock()
			}
		}
		u.pool.mu.Unlock()
	}
	return requests, idle
}
