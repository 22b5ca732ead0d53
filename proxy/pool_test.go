package proxy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is an http.RoundTripper of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newPool(t *testing.T, check *HealthCheck, f roundTrip) *pool {
	backends, err := parseBackends([]string{"http://a", "http://b", "http://c"})
	if err != nil {
		t.Fatal(err)
	}
	return &pool{transport: f, now: time.Now, log: slog.New(slog.DiscardHandler), check: check, backends: backends}
}

func ask(t *testing.T, p *pool) *http.Response {
	t.Helper()
	res, err := p.RoundTrip((&http.Request{Method: "GET", URL: &url.URL{Opaque: "/"}}).WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// says is an answer that names the address that was asked.
func says(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(r.URL.Host))}, nil
}

func hostOf(t *testing.T, res *http.Response) string {
	t.Helper()
	host, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(host)
}

func TestTheLeastBusyIsAsked(t *testing.T) {
	p := newPool(t, nil, says)
	var open []*http.Response
	var hosts []string
	count := map[string]int{}
	for range 9 {
		open = append(open, ask(t, p))
		hosts = append(hosts, hostOf(t, open[len(open)-1]))
		count[hosts[len(hosts)-1]]++
	}
	if fmt.Sprint(count) != "map[a:3 b:3 c:3]" {
		t.Errorf("shared out as %v", count)
	}
	open[4].Body.Close()
	open[4].Body.Close() // frees it once
	if host := hostOf(t, ask(t, p)); host != hosts[4] {
		t.Errorf("asked %s, but %s is the least busy", host, hosts[4])
	}
	for _, b := range p.backends {
		if b.inFlight != 3 {
			t.Errorf("%s has %d requests on their way, want 3", b.host, b.inFlight)
		}
	}
}

func TestEjectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialsOfA int
		down := true
		p := newPool(t, nil, func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "a" {
				if dialsOfA++; down {
					return nil, connectError{errors.New("refused")}
				}
			}
			return says(r)
		})
		for range 6 {
			hostOf(t, ask(t, p))
		}
		if dialsOfA != 1 {
			t.Errorf("a was tried %d times while it was passed over, want once", dialsOfA)
		}
		down = false
		time.Sleep(ejection - time.Millisecond)
		for range 3 {
			if host := hostOf(t, ask(t, p)); host == "a" {
				t.Error("a is asked too early")
			}
		}
		time.Sleep(time.Millisecond)
		seen := ""
		for range 3 {
			seen += hostOf(t, ask(t, p))
		}
		if !strings.Contains(seen, "a") {
			t.Errorf("a is not asked again: %s", seen)
		}
	})
}

// Only a connection that could not be made lets a request go to another address: of any other failure it is not known
// whether the request was served.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		body io.ReadCloser
		want int // tries
	}{
		{"refused", connectError{errors.New("refused")}, nil, 3},
		{"refused, with an empty body", connectError{errors.New("refused")}, http.NoBody, 3},
		{"refused, with a body", connectError{errors.New("refused")}, io.NopCloser(strings.NewReader("x")), 1},
		{"lost later", io.ErrUnexpectedEOF, nil, 1},
	} {
		tries := 0
		p := newPool(t, nil, func(*http.Request) (*http.Response, error) {
			tries++
			return nil, c.err
		})
		req := (&http.Request{Method: "GET", URL: &url.URL{Opaque: "/"}, Body: c.body}).WithContext(t.Context())
		if _, err := p.RoundTrip(req); !errors.Is(err, c.err) || tries != c.want {
			t.Errorf("%s: %d tries, want %d; %v", c.name, tries, c.want, err)
		}
		for _, b := range p.backends {
			if b.inFlight != 0 {
				t.Errorf("%s: %s still has requests on their way", c.name, b.host)
			}
		}
	}
}

func TestChecksAreMadeInTimeAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Int64
		status.Store(200)
		var checks, hanging atomic.Int64
		p := newPool(t, &HealthCheck{Path: "/up", Interval: 10 * time.Second, Timeout: 2 * time.Second}, func(r *http.Request) (*http.Response, error) {
			if r.URL.Opaque != "/up" {
				return says(r)
			}
			checks.Add(1)
			if status.Load() == 0 {
				hanging.Add(1)
				<-r.Context().Done()
				hanging.Add(-1)
				return nil, r.Context().Err()
			}
			return &http.Response{StatusCode: int(status.Load()), Body: http.NoBody}, nil
		})
		healthy := func() (n int) {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, b := range p.backends {
				if !b.down {
					n++
				}
			}
			return n
		}
		expect := func(what string, wantChecks int64, wantHealthy int) {
			t.Helper()
			synctest.Wait()
			if checks.Load() != wantChecks || healthy() != wantHealthy {
				t.Errorf("%s: %d checks, %d healthy; want %d and %d", what, checks.Load(), healthy(), wantChecks, wantHealthy)
			}
		}
		p.start(t.Context())
		expect("at the start", 3, 3)
		status.Store(500)
		time.Sleep(10*time.Second - time.Millisecond)
		expect("just before the second check", 3, 3)
		time.Sleep(time.Millisecond)
		expect("after the second", 6, 0)
		if host := hostOf(t, ask(t, p)); host == "" { // all are down: one is asked all the same
			t.Error("nobody was asked")
		}
		status.Store(304)
		time.Sleep(10 * time.Second)
		expect("recovered", 9, 3)
		status.Store(0)
		time.Sleep(10 * time.Second)
		expect("while checks hang", 12, 3)
		time.Sleep(2 * time.Second)
		expect("when they timed out", 12, 0)
		time.Sleep(8 * time.Second)
		expect("while they hang again", 15, 0)
		p.close()
		if hanging.Load() != 0 {
			t.Error("close did not wait for the checks")
		}
		time.Sleep(time.Minute)
		expect("after the end", 15, 0)
	})
}

func TestFailedConnectionsCountUntilTheNextCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials int
		p := newPool(t, &HealthCheck{Path: "/up", Interval: 10 * time.Second, Timeout: time.Second}, func(r *http.Request) (*http.Response, error) {
			if r.URL.Opaque != "/up" && r.URL.Host == "a" {
				dials++
				return nil, connectError{errors.New("refused")}
			}
			return says(r)
		})
		p.start(t.Context())
		defer p.close()
		synctest.Wait()
		for range 6 {
			ask(t, p)
		}
		if dials != 1 {
			t.Errorf("a was tried %d times, want once", dials)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for range 6 {
			ask(t, p)
		}
		if dials != 2 {
			t.Errorf("a was tried %d times, want once more after a good check", dials)
		}
	})
}
