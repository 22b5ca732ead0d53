package browsertest

import (
	_ "embed" // for the scripts
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var (
	//go:embed controls.js
	controlsScript string
	//go:embed focus.js
	focusScript string
)

// focus is where the keyboard is.
type focus struct {
	Index   int // among the controls; -1: nowhere
	Shown   bool
	Covered bool
}

// Keyboard walks through the page by the Tab key and returns what keeps people from using it so: a control that is not reached, not
// left, out of order, hidden below something, or that does not show that it has the focus.
func (tab *Tab) Keyboard(t testing.TB) (found []string) {
	t.Helper()
	controls := Evaluate[[]string](t, tab, controlsScript)
	var visited []int
	for range 2*len(controls) + 4 { // the walk may begin anywhere, and leaves the page once
		tab.Do(t, chromedp.KeyEvent(kb.Tab))
		at := Evaluate[focus](t, tab, focusScript)
		switch {
		case at.Index < 0:
			continue
		case len(visited) > 0 && visited[len(visited)-1] == at.Index && len(controls) > 1:
			return append(found, controls[at.Index]+": the Tab key does not leave it")
		case slices.Contains(visited, at.Index):
			return append(found, missing(controls, visited)...)
		}
		visited = append(visited, at.Index)
		if !at.Shown {
			found = append(found, controls[at.Index]+": does not show that it has the focus")
		}
		if at.Covered {
			found = append(found, controls[at.Index]+": has the focus and cannot be seen")
		}
	}
	return append(found, missing(controls, visited)...)
}

// missing are the controls that were not reached in the order in which they stand, wherever the walk began.
func missing(controls []string, visited []int) (found []string) {
	for i, name := range controls {
		if !slices.Contains(visited, i) {
			found = append(found, name+": the Tab key does not reach it")
		}
	}
	turns := 0
	for i, at := range visited {
		if next := visited[(i+1)%len(visited)]; next < at {
			turns++
		}
	}
	if turns > 1 {
		found = append(found, fmt.Sprint("the Tab key does not go from top to bottom: ", visited))
	}
	return found
}
