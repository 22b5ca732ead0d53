package config

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	env := map[string]string{"A": "a", "LONG_name_2": "long", "EMPTY": "", "TRICK": "${A}$$", "lower": "l"}
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	for _, test := range []struct {
		text     string
		want     string
		expanded bool
	}{
		{"", "", false},
		{"plain $A $ } {A}", "plain $A $ } {A}", false},
		{"${A}", "a", true},
		{"<${A}${LONG_name_2}>", "<along>", true},
		{"${EMPTY}", "", true},
		{"${EMPTY:-b}", "b", true},
		{"${NONE:-b}", "b", true},
		{"${NONE:-}", "", true},
		{"${A:-b}", "a", true},
		{"${NONE:-a:-b $x}", "a:-b $x", true},
		{"${TRICK}", "${A}$$", true},
		{"$${A}", "${A}", false},
		{"$$${A}", "$${A}", false},
		{"$${A}${A}", "${A}a", true},
		{"$$", "$$", false},
		{"${lower}", "l", true},
	} {
		got, expanded, problem := expand(test.text, false, lookup)
		if got != test.want || expanded != test.expanded || problem != "" {
			t.Errorf("%q is %q, %v, %q, want %q, %v", test.text, got, expanded, problem, test.want, test.expanded)
		}
	}
	for _, test := range []struct {
		text, want string
		secret     bool
	}{
		{"${NONE}", "the variable NONE is not set", false},
		{"x${NONE}", "the variable NONE is not set", false},
		{"${NONE}", "the variable NONE is not set", true},
		{"x${NONE}", "names a variable that is not set", true},
		{"${}", "holds ${ without", false},
		{"${A", "holds ${ without", false},
		{"${A}${", "holds ${ without", false},
		{"${A B}", "holds ${ without", false},
		{"${1A}", "holds ${ without", false},
		{"${A-b}", "holds ${ without", false},
		{"${:-b}", "holds ${ without", false},
	} {
		if _, _, problem := expand(test.text, test.secret, lookup); !strings.HasPrefix(problem, test.want) {
			t.Errorf("%q: said %q, want %q", test.text, problem, test.want)
		}
	}
}
