package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestEffect(t *testing.T) {
	since := time.Unix(1_000_000, 0)
	at := func(ms int, o outcome) sample { return sample{since.Add(time.Duration(ms) * time.Millisecond), o} }
	for name, tt := range map[string]struct {
		samples  []sample
		last, by time.Duration
		ok       bool
	}{
		"nothing":                     {nil, 0, 0, false},
		"granted before, then not":    {[]sample{at(-5, granted), at(3, refused), at(8, refused)}, 0, 3, true},
		"refused before the answer":   {[]sample{at(-5, granted), at(-1, refused), at(4, refused)}, 0, 4, true},
		"granted after":               {[]sample{at(1, granted), at(6, granted), at(9, refused)}, 6, 9, true},
		"to and fro":                  {[]sample{at(1, refused), at(6, granted), at(9, refused)}, 6, 9, true},
		"never refused":               {[]sample{at(1, granted), at(6, granted)}, 6, 0, false},
		"a fault is no refusal":       {[]sample{at(1, granted), at(2, faulty), at(7, refused)}, 1, 7, true},
		"faults alone":                {[]sample{at(2, faulty)}, 0, 0, false},
		"ended in another order":      {[]sample{at(9, refused), at(7, refused), at(5, granted)}, 5, 7, true},
		"at the very moment, allowed": {[]sample{at(0, granted), at(2, refused)}, 0, 2, true},
	} {
		last, by, ok := effect(tt.samples, since)
		if last != tt.last*time.Millisecond || by != tt.by*time.Millisecond || ok != tt.ok {
			t.Errorf("%s: %v %v %v", name, last, by, ok)
		}
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, tt := range []struct {
		of   []time.Duration
		p    float64
		want time.Duration
	}{
		{nil, 99, 0}, {hundred[:1], 50, 1}, {hundred[:2], 50, 1}, {hundred[:3], 50, 2},
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:10], 99, 10},
	} {
		if got := percentile(tt.of, tt.p); got != tt.want {
			t.Errorf("%v percent of %d: %d, want %d", tt.p, len(tt.of), got, tt.want)
		}
	}
	if f := times("x", []time.Duration{3 * time.Millisecond, time.Millisecond}); f.Median != 1 || f.Max != 3 || f.Count != 2 {
		t.Errorf("of an unsorted list: %+v", f)
	}
}

// A measurement that held itself to nothing has not passed.
func TestJudge(t *testing.T) {
	for name, tt := range map[string]struct {
		goals  []goal
		passed bool
		said   string
	}{
		"none":       {nil, false, ""},
		"reached":    {[]goal{atMost("a", "ms", 2, 2)}, true, "reached"},
		"one missed": {[]goal{atMost("a", "ms", 2, 1), atMost("b", "ms", 2, 2.01)}, false, "MISSED"},
	} {
		r := report{Goals: tt.goals, Passed: true}
		var out bytes.Buffer
		if err := r.print(&out, false); err != nil || r.Passed != tt.passed || !strings.Contains(out.String(), tt.said) {
			t.Errorf("%s: passed %v, %v\n%s", name, r.Passed, err, out.String())
		}
	}
}
