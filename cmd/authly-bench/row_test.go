package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	for name, tt := range map[string]struct {
		all  []float64
		want spread
	}{
		"nothing": {nil, spread{}},
		"one":     {[]float64{2}, spread{2, 2, 2, 1}},
		"two":     {[]float64{3, 1}, spread{2, 1, 3, 2}},
		"three":   {[]float64{9, 1, 2}, spread{2, 1, 9, 3}},
		"digits":  {[]float64{1.23456, 123456, 0.00123456}, spread{1.235, 0.001235, 123500, 3}},
		"nought":  {[]float64{0}, spread{0, 0, 0, 1}},
	} {
		got := spreadOf(tt.all)
		for _, pair := range [][2]float64{{got.Median, tt.want.Median}, {got.Min, tt.want.Min}, {got.Max, tt.want.Max}} {
			if diff := pair[0] - pair[1]; diff > 1e-9 || diff < -1e-9 || got.Rounds != tt.want.Rounds {
				t.Errorf("%s: %+v, want %+v", name, got, tt.want)
			}
		}
	}
}

func TestVerdict(t *testing.T) {
	measured := spreadOf([]float64{1.2, 1.3, 9})
	for name, tt := range map[string]struct {
		row  row
		want string
	}{
		"at most, reached":     {row{Got: measured, Bound: most(1.3)}, passed},
		"at most, missed":      {row{Got: measured, Bound: most(1.29)}, failed},
		"at least, reached":    {row{Got: measured, Bound: least(1.3)}, passed},
		"at least, missed":     {row{Got: measured, Bound: least(1.31)}, failed},
		"no goal":              {row{Got: measured}, toKnow},
		"nothing was measured": {row{Bound: least(0)}, failed},
		"not built":            {missing("x", most(1), notBuilt, "because"), notBuilt},
		"not found":            {missing("x", most(1), notFound, "because"), notFound},
	} {
		tt.row.judge()
		if tt.row.Verdict != tt.want {
			t.Errorf("%s: %s, want %s", name, tt.row.Verdict, tt.want)
		}
	}
}

// What was not measured was not reached, except that nobody needs rivals.
func TestJudgeRows(t *testing.T) {
	for name, tt := range map[string]struct {
		verdicts []string
		want     bool
	}{
		"none":      {nil, false},
		"to know":   {[]string{toKnow}, false},
		"passed":    {[]string{passed, toKnow}, true},
		"failed":    {[]string{passed, failed}, false},
		"not built": {[]string{passed, notBuilt}, false},
		"not found": {[]string{passed, notFound}, true},
	} {
		r := &report{}
		for _, v := range tt.verdicts {
			r.Rows = append(r.Rows, row{Verdict: v})
		}
		if r.judge() != tt.want {
			t.Errorf("%s: passed %v", name, r.Passed)
		}
	}
}

func TestPrintRows(t *testing.T) {
	r := row{Name: "check", Got: spreadOf([]float64{1.2, 1.4, 1.3}), Unit: "x", Bound: most(1.25), Note: "why",
		Target: &side{"authly", "µs", spreadOf([]float64{19.123})}, Baseline: &side{"empty", "µs", spreadOf([]float64{1512.3})}}
	r.judge()
	var out bytes.Buffer
	if err := printRows(&out, []row{r}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"check", "authly: 19.1 µs", "empty: 1512 µs", "1.3 x [1.2–1.4]", "≤ 1.25", "FAIL: why"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
