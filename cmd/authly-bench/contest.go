package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"
)

// pace says how long and how often things are measured.
type pace struct {
	rounds      int
	slice       time.Duration
	connections int
	quick       bool   // everything as small as it can be: to see that it works
	profiles    string // folder in which profiles of Authly are kept; empty: none are taken
}

func (p *pace) flags(f *pflag.FlagSet) {
	f.IntVar(&p.rounds, "rounds", 7, "how often each pair is compared (1 to 1000)")
	f.DurationVar(&p.slice, "slice", time.Second, "how long either of a pair is driven in a round (10ms to 1m)")
	f.IntVar(&p.connections, "connections", 32, "connections to each server (1 to 1024)")
	f.BoolVar(&p.quick, "quick", false, "a few seconds of everything, to see that it works; the figures are worth nothing")
	f.StringVar(&p.profiles, "profiles", "", "also keep profiles of Authly's processor time, in this folder")
}

func (p *pace) check() error {
	if p.quick {
		p.rounds, p.slice, p.connections = min(p.rounds, 1), min(p.slice, 25*time.Millisecond), min(p.connections, 8)
	}
	switch {
	case p.rounds < 1 || p.rounds > 1000:
		return usageError{fmt.Errorf("--rounds must be 1 to 1000")}
	case p.slice < 10*time.Millisecond || p.slice > time.Minute:
		return usageError{fmt.Errorf("--slice must be 10ms to 1m")}
	case p.connections < 1 || p.connections > 1024:
		return usageError{fmt.Errorf("--connections must be 1 to 1024")}
	}
	if p.profiles != "" {
		return os.MkdirAll(p.profiles, 0o750) // before anything is measured in vain
	}
	return nil
}

// scale is a number that --quick makes small.
func (p *pace) scale(full, quick int) int {
	if p.quick {
		return quick
	}
	return full
}

// contender is one side of a comparison.
type contender struct {
	name    string
	unit    string
	measure func(context.Context) (float64, error) // once
}

// comparison holds a contender against another one.
type comparison struct {
	name             string
	target, baseline *contender
	bound            *bound // of target ÷ baseline; nil: to know it, without a goal
	note             string
	replica          *replica // of the target, if a profile of it says something
}

// compare measures both sides of every comparison right after each other, in each round the other one first, all comparisons
// in turn. What else the machine does meanwhile thus disturbs both alike; what counts is the ratio within a round. Every
// contender is measured once before, which counts for nothing.
func (s *stage) compare(ctx context.Context, all []comparison) ([]row, error) {
	if err := warm(ctx, all); err != nil {
		return nil, err
	}
	return s.compareCold(ctx, s.pace.rounds, all)
}

// compareCold is compare without the first measurement, for what starts its own processes each time.
func (s *stage) compareCold(ctx context.Context, rounds int, all []comparison) ([]row, error) {
	rows := make([]row, len(all))
	targets, baselines, ratios := make([][]float64, len(all)), make([][]float64, len(all)), make([][]float64, len(all))
	for round := range rounds {
		for i, c := range all {
			target, baseline, err := c.once(ctx, (round+i)%2 == 0)
			if err != nil {
				return nil, err
			}
			targets[i], baselines[i] = append(targets[i], target), append(baselines[i], baseline)
			ratios[i] = append(ratios[i], target/baseline)
		}
		s.say("round %d of %d", round+1, rounds)
	}
	for i, c := range all {
		rows[i] = row{
			Name: c.name, Target: newSide(c.target, targets[i]), Baseline: newSide(c.baseline, baselines[i]),
			Got: spreadOf(ratios[i]), Unit: "x", Bound: c.bound, Note: c.note,
		}
		rows[i].judge()
		if err := s.profile(ctx, c.name, c.replica, c.target); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func warm(ctx context.Context, all []comparison) error {
	done := map[*contender]bool{}
	for _, c := range all {
		for _, one := range []*contender{c.target, c.baseline} {
			if done[one] {
				continue
			}
			done[one] = true
			if _, err := one.once(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) once(ctx context.Context, targetFirst bool) (target, baseline float64, err error) {
	if targetFirst {
		if target, err = c.target.once(ctx); err != nil {
			return 0, 0, err
		}
	}
	if baseline, err = c.baseline.once(ctx); err != nil {
		return 0, 0, err
	}
	if !targetFirst {
		target, err = c.target.once(ctx)
	}
	return target, baseline, err
}

func (c *contender) once(ctx context.Context) (float64, error) {
	got, err := c.measure(ctx)
	if err == nil && got <= 0 {
		err = fmt.Errorf("measured %g %s", got, c.unit)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	return got, nil
}

// costly makes a contender of a server under load: what a request costs it in processor time.
func (s *stage) costly(name string, p *process, address string, l load) *contender {
	d := newDrive(address, s.pace.connections, l)
	s.atEnd(func() error { d.close(); return nil })
	return &contender{name: name, unit: "µs", measure: func(ctx context.Context) (float64, error) {
		requests := 0
		used, err := p.during(func() (err error) {
			requests, err = d.run(ctx, s.pace.slice)
			return err
		})
		return float64(used) / float64(time.Microsecond) / float64(requests), err
	}}
}
