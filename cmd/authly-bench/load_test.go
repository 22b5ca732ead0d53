package main

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReadAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want heard
		ok   bool
	}{
		"empty":          {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", heard{200, 0, false}, true},
		"length":         {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nabc", heard{401, 3, false}, true},
		"chunks":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x\r\n0123456789abcdef\r\n0\r\n\r\n", heard{200, 19, false}, true},
		"last":           {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", heard{200, 0, true}, true},
		"no content":     {"HTTP/1.1 204 No Content\r\n\r\n", heard{204, 0, false}, true},
		"no length":      {"HTTP/1.1 200 OK\r\n\r\nabc", heard{}, false},
		"cut":            {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", heard{}, false},
		"cut in a chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", heard{}, false},
		"no HTTP":        {"SSH-2.0-OpenSSH_9.2\r\n\r\n", heard{}, false},
		"a bad length":   {"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n", heard{}, false},
	} {
		r := bufio.NewReader(strings.NewReader(tt.text))
		got, err := readAnswer(r)
		if (err == nil) != tt.ok || tt.ok && (got != tt.want || r.Buffered() != 0) {
			t.Errorf("%s: %+v, %v, %d bytes left", name, got, err, r.Buffered())
		}
	}
}

// Answers that are not those that were to be measured are an error, and every request is another where that is wanted.
func TestDrive(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.Path]++
		mu.Unlock()
		w.Write([]byte("abc"))
	}))
	defer server.Close()
	text := "GET /12345678 HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tt := range map[string]struct {
		load load
		ok   bool
	}{
		"right":        {load{status: 200, length: 3, vary: len("GET /")}, true},
		"wrong status": {load{status: 401}, false},
		"wrong length": {load{status: 200, length: 4}, false},
	} {
		clear(seen)
		tt.load.requests = [][]byte{[]byte(text)}
		d := newDrive(server.Listener.Addr().String(), 4, tt.load)
		n, err := d.run(t.Context(), 50*time.Millisecond)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if tt.ok && (n == 0 || len(seen) != n) {
			t.Errorf("%s: %d requests, %d different", name, n, len(seen))
		}
		d.close()
	}
}

// A server that stops for a while makes every request wait that was due meanwhile.
func TestScheduleCountsFromWhenItWasDue(t *testing.T) {
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { sleepUntil(time.Now().Add(200 * time.Millisecond)) })
	}))
	defer server.Close()
	d := newDrive(server.Listener.Addr().String(), 1, load{requests: [][]byte{[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")}, status: 200})
	defer d.close()
	all, err := d.schedule(t.Context(), 100, 400*time.Millisecond)
	if err != nil || len(all) != 40 {
		t.Fatalf("%d answers, %v", len(all), err)
	}
	late := 0
	for _, l := range all {
		if l > 50*time.Millisecond {
			late++
		}
	}
	if late < 10 { // of about twenty that were due in 200 ms
		t.Errorf("%d requests were late: %v", late, all)
	}
}

// Processor time is of the process and its children, and does not pass while it waits.
func TestAccounting(t *testing.T) {
	self := &process{pid: os.Getpid(), alone: true}
	busy, err := self.during(func() error {
		for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); {
		}
		return nil
	})
	if err != nil || busy <= 0 {
		t.Errorf("%v while busy, %v", busy, err)
	}
	if now, most, err := self.resident(); err != nil || now <= 0 || most < now {
		t.Errorf("memory %d, at most %d, %v", now, most, err)
	}
	all, err := family(os.Getppid())
	if err != nil || len(all) < 2 {
		t.Errorf("the family of the parent: %v, %v", all, err)
	}
	if _, err := processorTime([]int{1 << 27}); err == nil {
		t.Error("the processor time of no process")
	}
}

func TestPerSecond(t *testing.T) {
	rate, err := perSecond(t.Context(), 100*time.Millisecond, 2, func(ctx context.Context) error { return wait(ctx, 10*time.Millisecond) })
	if err != nil || rate <= 0 || rate > 200 {
		t.Errorf("%g a second, %v", rate, err)
	}
}
