package proxy_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/proxy"
)

// chaotic is an answer that depends on the request's path alone: /SEED/what. Its text is the path, again and again.
func chaotic(path string) (answer, body string, closes bool) {
	var seed uint64
	_, _ = fmt.Sscanf(path, "/public/%d", &seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	body = strings.Repeat(path+"\n", 1+dice.IntN(40))
	if dice.IntN(8) == 0 {
		body = strings.Repeat(path+"\n", 40_000) // long enough to be left to the system
	}
	for range dice.IntN(3) {
		answer += "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	}
	switch dice.IntN(6) {
	case 0:
		answer += fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	case 1:
		answer, closes = answer+"HTTP/1.0 200 OK\r\n\r\n"+body, true
	case 2: // with something behind it that comes at once; what comes later nobody can tell from an answer
		body = path
		answer += fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		answer += "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
	case 3:
		answer, body = answer+"HTTP/1.1 204 No Content\r\n\r\n", ""
	default:
		answer += fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	return answer, body, closes
}

// Whatever ends whenever, nobody gets what was meant for another, and nothing is left behind: applications of all manners are
// asked side by side, while clients hang up and sessions end.
func TestDirectInChaos(t *testing.T) {
	t.Parallel()
	up := newScripted(t)
	up.script(func(request string) (string, bool) {
		_, path, _ := strings.Cut(request, " ")
		path, _, _ = strings.Cut(path, " ")
		answer, _, closes := chaotic(path)
		return answer, closes
	})
	ends := make(chan func(), 1000)
	g := newGateway(t, gatewayConfig{
		upstream: proxy.UpstreamConfig{URLs: []string{"http://" + up.addr}},
		people:   people{"alice": {UserID: aliceID, SessionID: uuid.New(), Username: "alice"}},
		watch:    func(_ *authn.Identity, ended func()) func() { ends <- ended; return func() {} },
	})
	const clients, each = 8, 60
	ended := make(chan struct{})
	go func() { // every second session ends, at some moment of its request or after it
		defer close(ended)
		for i := range clients * each {
			if end := <-ends; i%2 == 0 {
				end()
			}
		}
	}()
	var work sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	whole := 0
	for one := range clients {
		work.Go(func() {
			for i := range each {
				path := fmt.Sprintf("/public/%d", one*each+i)
				hangsUp := i%3 == 0
				body, complete, err := askInChaos(client, g.url+path, hangsUp)
				_, want, _ := chaotic(path)
				mu.Lock()
				switch {
				case err != nil:
					t.Error(err)
				case complete && body != want:
					t.Errorf("%s: %d bytes that begin with %.40q, want %d", path, len(body), body, len(want))
				case !complete && !strings.HasPrefix(want, body):
					t.Errorf("%s: an answer that broke off after %d bytes is another's: %.40q", path, len(body), body)
				case complete:
					whole++
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	wait(t, ended, "the ends of sessions")
	if whole < clients*each/10 {
		t.Errorf("%d answers were whole: too few to tell anything", whole)
	}
	poll, deadline := time.NewTicker(time.Millisecond), time.After(patience)
	defer poll.Stop()
	for {
		requests, idle := g.door.Busy()
		up.mu.Lock()
		open := len(up.open)
		up.mu.Unlock()
		if requests == 0 && open <= idle {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%d requests are still counted, %d connections are open and %d of them idle", requests, open, idle)
		}
	}
}

// askInChaos reads an answer, or its beginning. A refusal, which is what an ended session gets, is no answer.
func askInChaos(client *http.Client, url string, hangsUp bool) (body string, complete bool, err error) {
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return "", false, err
	}
	r.Header.Set("Authorization", "Bearer alice")
	res, err := client.Do(r)
	if err != nil {
		return "", false, nil // cut off before its head was whole
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		return "", false, nil
	}
	if res.StatusCode >= 300 {
		return "", false, fmt.Errorf("%s: status %d", url, res.StatusCode)
	}
	var from io.Reader = res.Body
	if hangsUp {
		from = io.LimitReader(from, 10)
	}
	read, err := io.ReadAll(from)
	return string(read), err == nil && !hangsUp, nil
}
