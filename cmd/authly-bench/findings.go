package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// findings is what the revocations have shown.
type findings struct {
	took  time.Duration
	shown []shown

	requests, faults, never, again int64
}

// shown is one revocation.
type shown struct {
	kind   kind
	victim string // the token that nobody may use any more

	afterAnswer time.Duration // until the last request begun that was still allowed
	afterSent   time.Duration // the same from the moment when the revoking request was sent
	refusedBy   time.Duration // from the answer until the first of the requests that were all refused
}

// add takes the most over all targets. A revocation that did not take effect counts with the time for which it was watched.
func (f *findings) add(k kind, who *subject, h *hammer, sent, answered time.Time, inEffect bool) {
	one := shown{kind: k, victim: who.victim.Access}
	if !inEffect {
		f.never++
	}
	for _, r := range h.records {
		afterAnswer, by, ok := effect(r.samples, answered)
		afterSent, _, _ := effect(r.samples, sent)
		if !ok {
			afterAnswer = time.Since(answered)
			by = afterAnswer
		}
		one.afterAnswer, one.afterSent = max(one.afterAnswer, afterAnswer), max(one.afterSent, afterSent)
		one.refusedBy = max(one.refusedBy, by)
		f.requests += int64(len(r.samples))
		for _, s := range r.samples {
			if s.outcome == faulty {
				f.faults++
			}
		}
	}
	f.shown = append(f.shown, one)
}

// after uses every token once more at every replica: what was taken back stays so.
func (m *revocation) after(ctx context.Context, f *findings) error {
	for _, s := range f.shown {
		for _, r := range m.replicas {
			for _, t := range []*target{m.gateway(r), m.forwardAuth(r)} {
				status, groups, err := t.ask(ctx, s.victim)
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				f.requests++
				if s.kind.granted(status, groups) {
					f.again++
				} else if status != http.StatusOK && status != http.StatusUnauthorized {
					f.faults++
				}
			}
		}
	}
	return nil
}

func (m *revocation) report(f *findings) *report {
	r := &report{
		Setting: []setting{
			{"replicas", fmt.Sprint(len(m.replicas), ", and one PostgreSQL that syncs its commits, on one machine")},
			{"notifications", m.notifications},
			{"requests a second, all targets", fmt.Sprint(m.rate)},
			{"connections to each target", fmt.Sprint(m.concurrency)},
			{"took", f.took.Round(time.Millisecond).String()},
		},
		Counts: []count{
			{"revocations", int64(len(f.shown))}, {"requests", f.requests}, {"requests with neither answer", f.faults},
			{"revocations without effect", f.never}, {"tokens accepted at the end", f.again},
		},
	}
	bound := goalMax
	if m.lines != nil {
		bound += m.pollInterval
		r.Setting = append(r.Setting, setting{"poll interval", m.pollInterval.String()})
		r.Counts = append(r.Counts, count{"LISTEN cut", m.lines.cut.Load()})
	}
	of := func(k *kind, which func(shown) time.Duration) (all []time.Duration) {
		for _, s := range f.shown {
			if k == nil || k.name == s.kind.name {
				all = append(all, which(s))
			}
		}
		return all
	}
	afterAnswer := func(s shown) time.Duration { return s.afterAnswer }
	whole := times("allowed after the answer", of(nil, afterAnswer))
	r.Figures = []figure{
		whole,
		times("allowed after it was sent", of(nil, func(s shown) time.Duration { return s.afterSent })),
		times("answer to first refusal", of(nil, func(s shown) time.Duration { return s.refusedBy })),
	}
	for _, k := range kinds() {
		r.Figures = append(r.Figures, times("  after the answer: "+k.name, of(&k, afterAnswer)))
	}
	if m.lines == nil {
		r.Goals = append(r.Goals, atMost("allowed after the answer, 99th percentile", "ms", milliseconds(goalP99), whole.P99))
	}
	r.Goals = append(r.Goals,
		atMost("allowed after the answer, most", "ms", milliseconds(bound), whole.Max),
		atMost("revocations without effect", "", 0, float64(f.never)),
		atMost("tokens accepted at the end", "", 0, float64(f.again)),
		atMost("requests with neither answer", "", 0, float64(f.faults)))
	return r
}
