package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
)

// Every measurement works and yields figures, whatever they are: how quick the machine is proves nothing here.
func TestAll(t *testing.T) {
	var got table
	runs(t, &got, "all", "--quick")
	for _, m := range measurements() {
		if !slices.ContainsFunc(got.Reports, func(r *report) bool { return r.Measurement == m.name && len(r.table()) > 0 }) {
			t.Errorf("%s has measured nothing", m.name)
		}
	}
	var missing []string
	for _, r := range got.Rows {
		switch {
		case r.Verdict == notBuilt || r.Verdict == notFound:
			missing = append(missing, r.Name)
		case !slices.Contains([]string{passed, failed, toKnow}, r.Verdict) || r.Got.Rounds == 0 || r.Got.Min > r.Got.Median || r.Got.Median > r.Got.Max:
			t.Errorf("%s: %+v", r.Name, r)
		case r.Baseline != nil && (r.Baseline.Median <= 0 || r.Target.Median <= 0):
			t.Errorf("%s: a side has no value: %+v", r.Name, r)
		}
	}
	for _, name := range missing {
		if !strings.Contains(name, "Traefik") {
			t.Errorf("%s was not measured", name)
		}
	}
	if got.Machine.Cores == 0 || got.Machine.Kernel == "" || got.Machine.Date.IsZero() {
		t.Errorf("%+v", got.Machine)
	}
}

// Who interrupts it is not left with its servers.
func TestInterrupted(t *testing.T) {
	binary := " --binary " + built(t)
	for _, args := range []string{
		"check --rounds 1000 --slice 100ms" + binary, "proxy --rounds 1000 --slice 100ms" + binary, "start --rounds 1000 --quick=false",
	} {
		leavesNothing(t, func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			said := &interrupter{when: "round 1 of", cancel: cancel}
			if strings.HasPrefix(args, "start") {
				said.when = "building"
			}
			if status := run(ctx, strings.Fields(args), io.Discard, said); status != 1 || ctx.Err() == nil {
				t.Errorf("%s: status %d, %v, having said:\n%s", args, status, ctx.Err(), &said.all)
			}
		})
	}
}

// interrupter ends a context when it hears something, and remembers all that it has heard.
type interrupter struct {
	when   string
	cancel context.CancelFunc
	all    strings.Builder
}

func (i *interrupter) Write(p []byte) (int, error) {
	i.all.Write(p)
	if strings.Contains(string(p), i.when) {
		i.cancel()
	}
	return len(p), nil
}
