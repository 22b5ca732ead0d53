package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

// neverShown are the details that no page shows, each with the reason. Whoever adds one there knows that nobody reads it in German.
var neverShown = map[string]string{
	"Could not validate credentials": "whoever meets it is sent to sign in",
	"The session has ended":          "whoever meets it is sent to sign in",

	"Client authentication failed": ofPrograms,
	"Invalid token claims":         ofPrograms,
	"Invalid token type":           ofPrograms,

	"{field} has a cost above #":                 "no page takes the hash of a password",
	"{field} must be a bcrypt or argon#id hash":  "no page takes the hash of a password",
	"{field} must start with $#a$, $#b$ or $#y$": "no page takes the hash of a password",

	"{field} is unknown, used or expired": "pages that take the code of a mail say it by the word error.code",
}

// ofPrograms is one of the reasons.
const ofPrograms = "it is about the tokens of programs"

// Whatever authn, the pages themselves and the readers of requests can refuse with is said in every language: by a text for its code, see
// visit.reason, or by the translation of its detail.
func TestEveryDetailIsTranslated(t *testing.T) {
	details := slices.Concat(detailsIn(t, "../*.go"), detailsIn(t, "*.go"), detailsIn(t, "../../headers/question.go"),
		detailsIn(t, "../../headers/request.go"), detailsIn(t, "../../headers/host.go"))
	if len(details) < 50 {
		t.Fatalf("found only %d", len(details))
	}
	for _, tag := range tags(t) {
		if tag == "en" {
			continue
		}
		var translated []string
		for name := range catalogue(t, tag) {
			if detail, ok := strings.CutPrefix(name, "detail."); ok {
				translated = append(translated, detail)
			}
		}
		for _, d := range details {
			_, exempt := neverShown[d.name]
			if isThere := slices.ContainsFunc(translated, d.is); exempt == isThere && !saidByCode(d.code) {
				t.Errorf("%s: %q, of %s: translated %t, never shown %t", tag, "detail."+d.name, d.at, isThere, exempt)
			}
		}
		for _, name := range translated {
			if !slices.ContainsFunc(details, func(d aDetail) bool { return d.is(name) }) {
				t.Errorf("%s has %q, which nothing is refused with", tag, "detail."+name)
			}
		}
	}
	for name, why := range neverShown {
		if why == "" || !slices.ContainsFunc(details, func(d aDetail) bool { return d.name == name }) {
			t.Errorf("nothing is refused with %q, or there is no reason why nobody sees it", name)
		}
	}
}

// saidByCode reports whether people are told of a code by words of its own.
func saidByCode(code string) bool {
	return slices.Contains([]string{
		"CodeInvalidGrant", "CodeLocked", "CodeDelayed", "CodeRateLimited", "CodeAccountUnverified", "CodeAccountInactive", "CodeUnavailable",
		"CodeOverloaded", "CodeInternal",
	}, code)
}

// aDetail is what something is refused with, by the name that catalogues have it by.
type aDetail struct{ name, code, at string }

// is reports whether a name in a catalogue is that of the detail. What follows a colon may be a text from elsewhere.
func (d aDetail) is(name string) bool {
	beginning, ok := strings.CutSuffix(d.name, ": {field}")
	return name == d.name || ok && strings.HasPrefix(name, beginning+": ")
}

// detailsIn finds the details in the Go files of a pattern that are not tests.
func detailsIn(t *testing.T, pattern string) (found []aDetail) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		tree, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if d, ok := detailOf(n); ok {
				d.at = files.Position(n.Pos()).String()
				found = append(found, d)
			}
			return true
		})
	}
	return found
}

// detailOf is the detail of a call of Refuse or RefuseField, or of an Error that is put together.
func detailOf(n ast.Node) (d aDetail, ok bool) {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch called := lastName(n.Fun); {
		case called == "Refuse" && len(n.Args) == 2:
			return aDetail{name: textOf(n.Args[1]), code: lastName(n.Args[0])}.named("")
		case called == "RefuseField" && len(n.Args) == 2:
			return aDetail{name: textOf(n.Args[1]), code: "CodeInvalidRequest"}.named(textOf(n.Args[0]))
		}
	case *ast.CompositeLit:
		for _, e := range n.Elts {
			if e, isPair := e.(*ast.KeyValueExpr); isPair && lastName(e.Key) == "Code" {
				d.code = lastName(e.Value)
			} else if isPair && lastName(e.Key) == "Detail" {
				d.name = textOf(e.Value)
			}
		}
		return d.named("")
	}
	return d, false
}

// named has the detail be called as tongue.detail calls it. What is nothing but a variable is the detail of somebody else.
func (d aDetail) named(field string) (aDetail, bool) {
	if d.name == "" || d.name == "{field}" || d.code == "" {
		return d, false
	}
	if field == "{field}" {
		field = ""
	}
	d.name = nameOfDetail(&authn.Error{Detail: d.name, Field: field})
	return d, true
}

// lastName is the last part of a name such as authn.Refuse.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// textOf is a text with what it is put together of: {field} for a variable, 0 for a number.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		return textOf(e.X) + textOf(e.Y)
	case *ast.CallExpr:
		if lastName(e.Fun) == "Sprintf" {
			return strings.NewReplacer("%s", "{field}", "%d", "0").Replace(textOf(e.Args[0]))
		}
	case *ast.Ident, *ast.SelectorExpr:
		return "{field}"
	}
	return "?"
}
