package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/cmd/authly/config"
	"github.com/descoped/authly/proxy"
)

// The access log looks as if slog had written it.
func TestAccessLine(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	for name, a := range map[string]proxy.Access{
		"nothing": {Time: at},
		"all": {
			Time: at, RequestID: "0123", Method: "GET", Host: "app.example.com:8080", Path: "/a/b", Status: 200, Bytes: 1 << 40, Route: "r",
			Decision: "allow", Reason: "aborted", User: "ann%20b", Client: netip.MustParseAddr("2001:db8::1"), Duration: 1234567 * time.Nanosecond,
		},
		"escaped":    {Time: at, Path: `/"\\x1b[31m"\`, Host: `"`, User: `\`, Client: netip.MustParseAddr("192.0.2.7"), Duration: 3 * time.Hour},
		"cut":        {Time: at, Path: "/" + strings.Repeat("a", 30) + "…"},
		"no markup":  {Time: at, Path: "/<a>&'"},
		"in no time": {Time: at, Duration: 999},
		"tenths":     {Time: at, Duration: 1100 * time.Microsecond},
		"thousandth": {Time: at, Duration: 10_001 * time.Microsecond},
		"hundredths": {Time: at, Duration: 50 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			var library bytes.Buffer
			record := slog.NewRecord(at, slog.LevelInfo, "request", 0)
			client := ""
			if a.Client.IsValid() {
				client = a.Client.String()
			}
			record.AddAttrs(slog.String("request_id", a.RequestID), slog.String("method", a.Method), slog.String("host", a.Host),
				slog.String("path", a.Path), slog.Int("status", a.Status), slog.Int64("bytes", a.Bytes), slog.String("route", a.Route),
				slog.String("decision", a.Decision), slog.String("reason", a.Reason), slog.String("user", a.User),
				slog.String("client", client), slog.Float64("duration_ms", a.Milliseconds()))
			if err := slog.NewJSONHandler(&library, nil).Handle(t.Context(), record); err != nil {
				t.Fatal(err)
			}
			got := string(appendAccess(nil, &a))
			if diff := cmp.Diff(library.String(), got); diff != "" {
				t.Errorf("(-slog +ours):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("no JSON: %s", got)
			}
		})
	}
}

// written is what was written to it, for whoever looks while others write.
type written struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

// Lines of the access log wait for each other, but not for long, and everything comes in order.
func TestSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out written
		s := newSpool(&out)
		add := func(text string) { s.later([]byte(text)) }
		add("a\n")
		add("b\n")
		if out.String() != "" {
			t.Errorf("written at once: %q", out.String())
		}
		time.Sleep(spoolFor + time.Millisecond)
		synctest.Wait()
		if out.String() != "a\nb\n" {
			t.Errorf("written after a moment: %q", out.String())
		}
		add("c\n")
		fmt.Fprint(s, "d\n")
		if out.String() != "a\nb\nc\nd\n" {
			t.Errorf("out of order: %q", out.String())
		}
		add(strings.Repeat("e", spoolBytes))
		if len(out.String()) != 8+spoolBytes {
			t.Errorf("%d bytes wait", spoolBytes)
		}
		add("f\n")
		s.Flush()
		if !strings.HasSuffix(out.String(), "f\n") {
			t.Error("the last line is missing")
		}
	})
}

// stuck is a pipe that nobody reads for a while.
type stuck struct {
	written
	begun, goOn chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.goOn
	return s.written.Write(p)
}

// Who logs a request does not wait for lines of others that are being written, and their order stays.
func TestSpoolDoesNotSerialise(t *testing.T) {
	out := &stuck{begun: make(chan struct{}, 2), goOn: make(chan struct{})}
	s := newSpool(out)
	s.later([]byte("a\n"))
	<-out.begun // by the timer
	given := make(chan struct{})
	go func() {
		defer close(given)
		s.later([]byte("b\n"))
		s.later([]byte("c\n"))
	}()
	select {
	case <-given:
	case <-time.After(20 * time.Second):
		t.Fatal("a request waits for the log")
	}
	close(out.goOn)
	s.Flush()
	if got := out.String(); got != "a\nb\nc\n" {
		t.Errorf("written: %q", got)
	}
}

// However many write, no line is torn or lost.
func TestSpoolOfMany(t *testing.T) {
	var out bytes.Buffer
	log, access, s := newLog(&out, config.Log{Level: "info", Format: "json"})
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := range 500 {
				access(proxy.Access{Path: "/" + strings.Repeat("x", i%50)})
				if i%50 == 0 {
					log.Warn("something")
				}
			}
		})
	}
	work.Wait()
	s.Flush()
	lines := 0
	for line := range bytes.Lines(out.Bytes()) {
		lines++
		if !json.Valid(line) {
			t.Fatalf("torn: %s", line)
		}
	}
	if lines != 8*510 {
		t.Errorf("%d lines, want %d", lines, 8*510)
	}
}
