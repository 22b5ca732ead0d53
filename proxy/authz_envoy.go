package proxy

import "net/http"

// envoy is the dialect of Envoy's ext_authz filter over HTTP. There are no headers to read: the check is the original
// request without its body, method and host included, its target put behind the path prefix /authz/envoy. The scheme is in
// X-Forwarded-Proto if the filter is told to send it. Envoy relays refusals, and makes a 403 of an answer 5xx.
func envoy() dialect { return dialect{ask: originalCheck, relayed: unchanged, redirected: unchanged} }

// rest is a piece of the raw target, which no mux has cleaned: "//admin" and "/a/%2e%2e/b" must be judged as they stand.
func originalCheck(r *http.Request, rest string) (question, error) {
	q := question{method: r.Method, scheme: "http", host: r.Host, target: rest}
	if _, ok := r.Header["X-Forwarded-Proto"]; ok {
		var err error
		if q.scheme, err = only(r.Header, "X-Forwarded-Proto"); err != nil {
			return question{}, err
		}
	}
	return q, nil
}
