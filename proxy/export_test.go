package proxy

// NeverDirect has every application asked by http.Transport and ReverseProxy. It is to be called before the first request.
func (d *Door) NeverDirect() {
	for _, u := range d.upstreams {
		for _, b := range u.pool.backends {
			b.direct = nil
		}
	}
}
