package headers_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/headers"
)

// What proxies say of a request, and what makes an application read another one, is dropped in every spelling.
func TestSieveDropsForwardingAndControl(t *testing.T) {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Uri",
		"X-Forwarded-Method", "X-Forwarded-Prefix", "X-Forwarded-Anything", "X-Forwarded", "Forwarded", "X-Real-IP", "True-Client-IP",
		"Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP",
		"X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Rewrite-URL",
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Middleware-Subrequest", "Proxy"} {
		h := ordinary()
		for _, spelling := range spellings(name) {
			h[spelling] = []string{"127.0.0.1", "/admin"}
		}
		if diff := cmp.Diff(ordinaryLeft(), sift(headers.DefaultIdentityNames(), h)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A CGI reader takes Transfer_Encoding for Transfer-Encoding. Of the real ones those pass that are the content's.
func TestSieveDropsLookalikesOfTheMessageItself(t *testing.T) {
	h := http.Header{"Content-Type": {"good"}, "Content-Encoding": {"good"}, "X-Request-Id": {"given anew"}, "Trailer": {"X_Original_URL, Expires"}}
	for _, spelling := range []string{"Transfer_Encoding", "Content_length", "Proxy.Authorization", "X_request_id", "Content_Type", "X-Forwarded_For",
		"X_real-Ip", "Client~IP"} {
		h[spelling] = []string{"evil"}
	}
	want := http.Header{"Content-Type": {"good"}, "Content-Encoding": {"good"}}
	if diff := cmp.Diff(want, sift(headers.DefaultIdentityNames(), h)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
