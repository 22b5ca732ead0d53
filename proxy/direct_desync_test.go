package proxy_test

import (
	"net/http"
	"strings"
	"testing"
)

// The body of an answer that can have none is nobody's answer, however late it comes.
func TestDirectDoesNotTakeLateBodiesForAnswers(t *testing.T) {
	t.Parallel()
	const poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	for head, connections := range map[string]int{
		"HTTP/1.1 204 No Content\r\n\r\n":                               1,
		"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n":          1,
		"HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n":         2,
		"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n": 2,
	} {
		g, up := newDirect(t)
		up.script(func(request string) (string, bool) {
			if strings.Contains(request, "/first") {
				return head, false
			}
			if connections > 1 && up.everOpened() == 1 { // on the connection on which a body is owed
				return poison, false
			}
			return okAnswer, false
		})
		wantStatus(t, g.get(t, "/public/first", ""), http.StatusNoContent)
		a := g.get(t, "/public/x", "")
		if n := up.everOpened(); n != connections || a.body != "ok" {
			t.Errorf("%.60q: %d connections, want %d, and the next request got %q", head, n, connections, a.body)
		}
	}
}
