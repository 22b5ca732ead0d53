package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// report is what a measurement has found.
type report struct {
	Measurement string    `json:"measurement"`
	Setting     []setting `json:"setting"` // how it was measured
	Counts      []count   `json:"counts"`
	Figures     []figure  `json:"figures"`
	Goals       []goal    `json:"goals"`
	Rows        []row     `json:"rows"` // ratios and what else is a goal with a spread
	Machine     machine   `json:"machine"`
	Passed      bool      `json:"passed"`
}

type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type count struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// figure is a distribution.
type figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

// goal is a bound that a value must not exceed.
type goal struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Goal   float64 `json:"goal"`
	Got    float64 `json:"got"`
	Passed bool    `json:"passed"`
}

func atMost(name, unit string, bound, got float64) goal {
	return goal{Name: name, Unit: unit, Goal: bound, Got: got, Passed: got <= bound}
}

// times makes a figure, in milliseconds.
func times(name string, all []time.Duration) figure {
	sorted := slices.Sorted(slices.Values(all))
	return figure{
		Name: name, Unit: "ms", Count: len(all),
		Median: milliseconds(percentile(sorted, 50)), P99: milliseconds(percentile(sorted, 99)), Max: milliseconds(percentile(sorted, 100)),
	}
}

// percentile is the smallest value that p percent of all are not above (nearest rank); 0 of none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// milliseconds with two decimals: nothing here is known better.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}

// judge says whether every goal was reached. Without a goal nothing was. A rival that is not installed stands in nobody's way;
// what Authly cannot do yet was not reached.
func (r *report) judge() bool {
	reached := func(of row) bool { return of.Verdict == passed }
	missed := func(of row) bool { return of.Verdict == failed || of.Verdict == notBuilt }
	r.Passed = (len(r.Goals) > 0 || slices.ContainsFunc(r.Rows, reached)) && !slices.ContainsFunc(r.Rows, missed) &&
		!slices.ContainsFunc(r.Goals, func(g goal) bool { return !g.Passed })
	return r.Passed
}

func (r *report) print(w io.Writer, asJSON bool) error {
	r.judge()
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	r.Machine.print(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, r.Measurement)
	for _, s := range r.Setting {
		fmt.Fprintf(table, "  %s\t%s\n", s.Name, s.Value)
	}
	for _, c := range r.Counts {
		fmt.Fprintf(table, "  %s\t%d\n", c.Name, c.Count)
	}
	_ = table.Flush() // the last write says whether the others have failed
	r.printFigures(w)
	r.printGoals(w)
	if len(r.Rows) > 0 {
		fmt.Fprintln(w)
		return printRows(w, r.Rows)
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (r *report) printFigures(w io.Writer) {
	if len(r.Figures) == 0 {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\n\tN\tMEDIAN\tP99\tMAX")
	for _, f := range r.Figures {
		fmt.Fprintf(table, "%s\t%d\t%.2f %s\t%.2f %s\t%.2f %s\n", f.Name, f.Count, f.Median, f.Unit, f.P99, f.Unit, f.Max, f.Unit)
	}
	_ = table.Flush()
}

func (r *report) printGoals(w io.Writer) {
	if len(r.Goals) == 0 {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nGOAL\tAT MOST\tGOT")
	for _, g := range r.Goals {
		verdict := "reached"
		if !g.Passed {
			verdict = "MISSED"
		}
		fmt.Fprintf(table, "%s\t%g %s\t%g %s\t%s\n", g.Name, g.Goal, g.Unit, g.Got, g.Unit, verdict)
	}
	_ = table.Flush()
}
