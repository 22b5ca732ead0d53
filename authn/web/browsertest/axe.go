package browsertest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe looks for breaches of WCAG 2.2, levels A and AA, and for what is good practice beside that. A page must not leave it in doubt either.
const runAxe = `axe.run(document, {
  runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"] },
  rules: { "target-size": { enabled: true } },
  resultTypes: ["violations", "incomplete"],
  preload: false,
}).then((r) => [...r.violations, ...r.incomplete].flatMap((v) => v.nodes.map((n) => [v.id, n.target.join(" "), v.help, n.failureSummary.replace(/\s+/g, " ")].join(": "))))`

// Axe returns what axe-core finds on the page: rule, selector, help.
func (tab *Tab) Axe(t testing.TB) []string {
	t.Helper()
	if !Evaluate[bool](t, tab, "typeof axe === 'object'") {
		_, here, _, _ := runtime.Caller(0)
		source, err := os.ReadFile(filepath.Join(filepath.Dir(here), "axe", "node_modules", "axe-core", "axe.min.js"))
		if err != nil {
			t.Fatalf("axe-core is not installed (run .ci/setup): %v", err)
		}
		tab.Do(t, chromedp.Evaluate[chromedp.Void](string(source)))
	}
	return Evaluate[[]string](t, tab, runAxe)
}
