package web

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
)

// catalogue reads a built-in language.
func catalogue(t *testing.T, tag string) map[string]any {
	t.Helper()
	content, err := fs.ReadFile(builtinLanguages, "languages/"+tag+".json")
	if err != nil {
		t.Fatal(err)
	}
	var words map[string]any
	if err := json.Unmarshal(content, &words); err != nil {
		t.Fatalf("%s: %v", tag, err)
	}
	return words
}

func tags(t *testing.T) (all []string) {
	t.Helper()
	names, err := fs.Glob(builtinLanguages, "languages/*.json")
	if err != nil || len(names) < 2 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		all = append(all, strings.TrimSuffix(filepath.Base(name), ".json"))
	}
	return all
}

func spoken(t *testing.T) *languages {
	t.Helper()
	l, err := readLanguages("")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every language has the same words with the same values in them, in the order of their names. Details of errors are English as they are.
func TestLanguagesAreComplete(t *testing.T) {
	english := catalogue(t, "en")
	values := regexp.MustCompile(`{{[^}]*}}`)
	for _, tag := range tags(t) {
		words := catalogue(t, tag)
		for name, text := range english {
			got, ok := words[name]
			if !ok {
				t.Errorf("%s lacks %q", tag, name)
				continue
			}
			for _, value := range values.FindAllString(fmt.Sprint(text), -1) {
				if !strings.Contains(fmt.Sprint(got), value) {
					t.Errorf("%s: %q lacks %s", tag, name, value)
				}
			}
		}
		for name := range words {
			if _, ok := english[name]; !ok && !strings.HasPrefix(name, "detail.") {
				t.Errorf("%s has %q, which English has not", tag, name)
			}
		}
		content, err := fs.ReadFile(builtinLanguages, "languages/"+tag+".json")
		if names := namesInOrder(string(content)); err != nil || len(names) != len(words) || !slices.IsSorted(names) {
			t.Errorf("%s is not in the order of its names, or has one twice: %v", tag, err)
		}
	}
}

// namesInOrder are the names of a catalogue as they stand in the file.
func namesInOrder(content string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^  "((?:[^"\\]|\\.)*)":`).FindAllStringSubmatch(content, -1) {
		names = append(names, m[1])
	}
	return names
}

// Every word that a template or the code asks for is there, and none is there that nobody asks for.
func TestWordsAreUsed(t *testing.T) {
	english, asked := catalogue(t, "en"), askedWords(t)
	for name, where := range asked {
		if _, ok := english[name]; !ok {
			t.Errorf("%s asks for %q", where, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(english)) {
		if _, ok := asked[name]; !ok && !isAskedByParts(name) {
			t.Errorf("nobody asks for %q", name)
		}
	}
}

// isAskedByParts knows the beginnings of names that are put together where they are asked for.
func isAskedByParts(name string) bool {
	for _, beginning := range []string{"said.", "said_log.", "field.", "event.", "audit.kind.", "audit.reason.", "audit.actor.", "audit.detail.", "audit.field.", "audit.hint.", "routes.verdict.", "routes.part.", "keys.purpose.", "keys.state.", "key_revoke.dead."} {
		if strings.HasPrefix(name, beginning) {
			return true
		}
	}
	return strings.HasSuffix(name, ".title") || strings.HasSuffix(name, ".text") || strings.HasSuffix(name, ".menu")
}

// askedWords finds the names in templates and in the code, and where.
func askedWords(t *testing.T) map[string]string {
	t.Helper()
	asked := map[string]string{}
	inTemplate := regexp.MustCompile(`\.T "([^"]+)"`)
	files, err := fs.Glob(builtinTemplates, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := fs.ReadFile(builtinTemplates, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inTemplate.FindAllStringSubmatch(string(content), -1) {
			asked[m[1]] = file
		}
	}
	isName := regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`)
	known := catalogue(t, "en")
	eachLiteral(t, ".", func(file, text string, _ ast.Node) {
		if _, ok := known[text]; ok && isName.MatchString(text) {
			asked[text] = file
		}
	})
	for _, pg := range new(Pages).table() {
		for _, f := range pg.fields {
			for _, o := range f.options {
				asked[o.label] = pg.path
			}
			for _, name := range []string{f.label, f.hint} {
				if name != "" {
					asked[name] = pg.path
				}
			}
			if f.label == "" && f.kind != "hidden" {
				asked["field."+f.name] = pg.path
			}
		}
		if !pg.blind() {
			asked[pg.name+".title"] = pg.path
		}
		if pg.menu != noMenu && pg.under == "" {
			asked[pg.name+".menu"] = pg.path
		}
	}
	return asked
}

// eachLiteral calls f with each text in the Go files of a folder that are not tests.
func eachLiteral(t *testing.T, dir string, f func(file, text string, in ast.Node)) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		var around []ast.Node
		ast.Inspect(tree, func(n ast.Node) bool {
			if n == nil {
				around = around[:len(around)-1]
				return true
			}
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				f(name, text, around[len(around)-1])
			}
			around = append(around, n)
			return true
		})
	}
}

// Every text of a closed set of errors' details has its translation. English ones are put into a sentence.
func TestDetailsAreTranslated(t *testing.T) {
	l := spoken(t)
	english, german := l.tongues[0], l.tongues[1]
	if english.tag != "en" || german.tag != "de" {
		t.Fatalf("%s and %s", english.tag, german.tag)
	}
	for _, test := range []struct {
		refusal         *authn.Error
		english, german string
	}{
		{
			authn.RefuseField("password", "Invalid field: password must have at least 8 characters"),
			"Password must have at least 8 characters.", "Das Passwort braucht mindestens 8 Zeichen.",
		},
		{authn.RefuseField("username", "Username already registered"), "Username already registered.", "Diesen Benutzernamen gibt es schon."},
	} {
		if e, g := english.detail(test.refusal), german.detail(test.refusal); e != test.english || g != test.german {
			t.Errorf("%q and %q, want %q and %q", e, g, test.english, test.german)
		}
	}
}

func TestWaitInWords(t *testing.T) {
	l := spoken(t)
	for wait, want := range map[time.Duration]string{
		0: "in a moment", -time.Second: "in a moment", time.Millisecond: "in 1 second", time.Second: "in 1 second",
		1500 * time.Millisecond: "in 2 seconds", time.Minute: "in 1 minute", 65 * time.Second: "in 1 minute and 5 seconds",
		5 * time.Minute: "in 5 minutes", 59*time.Minute + 59*time.Second + time.Millisecond: "in 1 hour",
		2*time.Hour + time.Second: "in 2 hours and 1 second",
	} {
		if got := l.tongues[0].when(wait); got != want {
			t.Errorf("%v: %q, want %q", wait, got, want)
		}
	}
	if got := l.tongues[1].when(65 * time.Second); got != "in 1 Minute und 5 Sekunden" {
		t.Errorf("in German %q", got)
	}
}

// A person is told what to do, and of an account no more than who knows its password may know.
func TestReasons(t *testing.T) {
	l := spoken(t)
	v := &visit{tongue: l.tongues[0], page: &page{}}
	locked := v.reason(&authn.Error{Code: authn.CodeLocked, RetryAfter: 5 * time.Minute})
	delayed := v.reason(&authn.Error{Code: authn.CodeDelayed, RetryAfter: 5 * time.Minute})
	limited := v.reason(&authn.Error{Code: authn.CodeRateLimited, RetryAfter: 5 * time.Minute})
	if locked != delayed || locked != limited || !strings.Contains(locked, "in 5 minutes") {
		t.Errorf("%q, %q, %q", locked, delayed, limited)
	}
	for _, code := range []authn.Code{
		authn.CodeInvalidGrant, authn.CodeAccountUnverified, authn.CodeAccountInactive, authn.CodeUnavailable, authn.CodeOverloaded, authn.CodeInternal,
	} {
		if got := v.reason(&authn.Error{Code: code, Detail: "detail"}); strings.Contains(got, "etail") || !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q", code, got)
		}
	}
	if got := v.reason(authn.RefuseField("password", "Type your password")); got != "Type your password." {
		t.Errorf("%q", got)
	}
}

// The language is the one that the browser asks for, if there is it.
func TestLanguageOfBrowser(t *testing.T) {
	l := spoken(t)
	for wanted, want := range map[string]string{
		"": "en", "en": "en", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de", "fr-CH, fr;q=0.9, de;q=0.7, *;q=0.5": "de", "fr": "en",
		"en-GB;q=0.9, de;q=0.1": "en", "*": "en", ";;;": "en", strings.Repeat("de,", 1000): "en", "de;q=0": "en",
	} {
		if got := l.of(map[string][]string{"Accept-Language": {wanted}}).tag; got != want {
			t.Errorf("%.60q: %s, want %s", wanted, got, want)
		}
	}
}
