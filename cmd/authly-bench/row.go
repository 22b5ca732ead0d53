package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// row is one goal, or a figure to know, with what was measured: a line of the table.
type row struct {
	Name     string `json:"name"`
	Target   *side  `json:"target,omitempty"`
	Baseline *side  `json:"baseline,omitempty"` // none: the goal is a value and no ratio
	Got      spread `json:"got"`
	Unit     string `json:"unit"` // of Got and Bound; x: target ÷ baseline
	Bound    *bound `json:"goal,omitempty"`
	Verdict  string `json:"verdict"`
	Note     string `json:"note,omitempty"`
}

// The verdicts. Only pass is one.
const (
	passed   = "pass"
	failed   = "FAIL"
	notBuilt = "not built yet" // Authly cannot do it
	notFound = "not found"     // what it is compared with is not installed
	toKnow   = "-"             // there is no goal
)

// side is what was measured of one contender.
type side struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	spread
}

// spread is what several rounds have given.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"`
}

// bound is a goal: at most, or at least.
type bound struct {
	Value   float64 `json:"value"`
	AtLeast bool    `json:"at_least"`
}

func most(value float64) *bound  { return &bound{Value: value} }
func least(value float64) *bound { return &bound{Value: value, AtLeast: true} }

func (b *bound) reached(got float64) bool {
	if b.AtLeast {
		return got >= b.Value
	}
	return got <= b.Value
}

func (b *bound) String() string {
	switch {
	case b == nil:
		return ""
	case b.AtLeast:
		return fmt.Sprintf("≥ %g", b.Value)
	}
	return fmt.Sprintf("≤ %g", b.Value)
}

func newSide(c *contender, all []float64) *side { return &side{c.name, c.unit, spreadOf(all)} }

// spreadOf sums up. The median of an even number of values is the mean of the two in the middle.
func spreadOf(all []float64) spread {
	if len(all) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(all))
	half := len(sorted) / 2
	median := sorted[half]
	if len(sorted)%2 == 0 {
		median = (sorted[half-1] + median) / 2
	}
	return spread{round(median), round(sorted[0]), round(sorted[len(sorted)-1]), len(sorted)}
}

// round keeps four digits: nothing here is known better.
func round(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-3)
	return math.Round(x/unit) * unit
}

// judge holds the median against the goal.
func (r *row) judge() {
	switch {
	case r.Verdict != "": // it was not measured
	case r.Got.Rounds == 0:
		r.Verdict = failed // nothing was measured
	case r.Bound == nil:
		r.Verdict = toKnow
	case r.Bound.reached(r.Got.Median):
		r.Verdict = passed
	default:
		r.Verdict = failed
	}
}

// missing is a row of what cannot be measured.
func missing(name string, b *bound, verdict, why string) row {
	return row{Name: name, Unit: "x", Bound: b, Verdict: verdict, Note: why}
}

// printRows prints the table.
func printRows(w io.Writer, rows []row) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tTARGET\tBASELINE\tGOT\tGOAL\tVERDICT")
	for _, r := range rows {
		got := ""
		if r.Got.Rounds > 0 {
			got = fmt.Sprintf("%s %s [%s–%s]", number(r.Got.Median), r.Unit, number(r.Got.Min), number(r.Got.Max))
		}
		verdict := r.Verdict
		if r.Note != "" {
			verdict += ": " + r.Note
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, r.Target, r.Baseline, got, r.Bound, verdict)
	}
	return table.Flush()
}

func (s *side) String() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s %s", s.Name, number(s.Median), s.Unit)
}

// number writes three digits, or as many as are before the point.
func number(x float64) string {
	if math.Abs(x) >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
