package proxy

import (
	"net/http"
	"strings"

	"github.com/descoped/authly/authn"
)

// nginx is the dialect of nginx's auth_request module, and of ingress-nginx. The original request is in two headers that the
// configuration sets by hand: X-Original-Method and X-Original-URL, an absolute URL.
func nginx() dialect { return dialect{ask: original, relayed: nginxStatus, redirected: nginxRedirect} }

// nginxStatus: nginx relays 401 and 403, and makes a 500 of anything else. Its users would be told that the server is
// broken when their path is malformed or they are too quick. That holds for a store that is down too, which is a 403 here:
// closed all the same, and the reason is in the header.
func nginxStatus(status int) int {
	if status == http.StatusUnauthorized {
		return status
	}
	return http.StatusForbidden
}

// nginxRedirect: a redirect travels as a 401 with a Location, of which the configuration makes a redirect again.
func nginxRedirect(int) int { return http.StatusUnauthorized }

func original(r *http.Request, _ string) (question, error) {
	method, err := only(r.Header, "X-Original-Method")
	if err != nil {
		return question{}, err
	}
	url, err := only(r.Header, "X-Original-Url")
	if err != nil {
		return question{}, err
	}
	// Cut by hand: net/url would decode and clean what must be judged as it stands.
	scheme, rest, ok := strings.Cut(url, "://")
	slash := strings.IndexByte(rest, '/')
	if !ok || slash < 1 || scheme == "" {
		return question{}, authn.Refuse(authn.CodeBadRequestLine, "The header X-Original-URL is no absolute URL")
	}
	return question{method: method, scheme: scheme, host: rest[:slash], target: rest[slash:]}, nil
}
