package headers_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/headers"
)

func TestStripForwarding(t *testing.T) {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Uri",
		"X-Forwarded-Method", "X-Forwarded-Prefix", "X-Forwarded-Anything", "X-Forwarded", "Forwarded", "X-Real-IP", "True-Client-IP",
		"Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "CF-Connecting-IP"} {
		h := ordinary()
		for _, spelling := range spellings(name) {
			h[spelling] = []string{"127.0.0.1", "::1"}
		}
		headers.StripForwarding(h)
		if diff := cmp.Diff(ordinary(), h); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	headers.StripForwarding(nil)
}

func TestStripLookalikes(t *testing.T) {
	h := ordinary()
	for _, spelling := range []string{"X_Forwarded_For", "x.forwarded.proto", "X-Forwarded_Host", "X_real-Ip", "Client~IP"} {
		h[spelling] = []string{"127.0.0.1"}
	}
	want := ordinary()
	for _, spelling := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded"} {
		h[spelling] = []string{"192.0.2.1"}
		want[spelling] = []string{"192.0.2.1"}
	}
	headers.StripLookalikes(h)
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStripControl(t *testing.T) {
	for _, name := range []string{"X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Rewrite-URL",
		"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Middleware-Subrequest", "Proxy"} {
		h := ordinary()
		for _, spelling := range spellings(name) {
			h[spelling] = []string{"/admin"}
		}
		headers.StripControl(h)
		if diff := cmp.Diff(ordinary(), h); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	h := http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Trailer": {"X_Original_URL, Expires"}}
	headers.StripControl(h)
	if diff := cmp.Diff(http.Header{"X-Forwarded-For": {"192.0.2.1"}, "Trailer": {"Expires"}}, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A CGI reader takes Transfer_Encoding for Transfer-Encoding. The real ones are the message's own and stay.
func TestStripControlTakesLookalikesOfTheMessageItself(t *testing.T) {
	h, want := ordinary(), ordinary()
	for _, spelling := range []string{"Transfer_Encoding", "Content_length", "Proxy.Authorization", "X_request_id", "Content_Type"} {
		h[spelling] = []string{"evil"}
	}
	for _, name := range []string{"Content-Type", "X-Request-Id"} {
		h[name] = []string{"good"}
		want[name] = []string{"good"}
	}
	headers.StripControl(h)
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
