package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Place is where a value was given: a line and column of the file, or a variable of the environment.
type Place struct {
	File     string // as it was named to Load
	Line     int    // from 1; 0: not known
	Column   int    // from 1
	Variable string // empty for what stands in the file
}

// String is the name of the variable, or file:line:column.
func (p Place) String() string {
	switch {
	case p.Variable != "":
		return p.Variable
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Mistake is one thing that is wrong with a configuration.
type Mistake struct {
	Place   Place
	Key     string // path of the key, such as routes[0].paths; empty for the file as a whole
	Problem string // what is wrong, and what was expected; never the value
}

// String is the mistake on one line.
func (m Mistake) String() string {
	if m.Key == "" {
		return m.Place.String() + ": " + m.Problem
	}
	return m.Place.String() + ": " + m.Key + ": " + m.Problem
}

// Mistakes is everything that is wrong with a configuration: the file from top to bottom, then the environment. Load returns
// it as its error.
type Mistakes []Mistake

// Error is the mistakes, one on each line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// sort puts the mistakes in the order in which a reader corrects them.
func (m Mistakes) sort() {
	slices.SortStableFunc(m, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(a.Place.Variable, b.Place.Variable),
			cmp.Compare(a.Place.Line, b.Place.Line),
			cmp.Compare(a.Place.Column, b.Place.Column),
		)
	})
}
