package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abcd", 1},
		{"abcd", "abc", 1}, {"abc", "axc", 1}, {"ab", "ba", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("from %q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("from %q to %q: %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

// Each key, misspelt by one slip, is found again; something else is not.
func TestNearest(t *testing.T) {
	names := namesOf(reflect.TypeFor[Config]())
	for _, name := range names {
		for _, slip := range []string{name[1:], name + "s", name[:1] + "x" + name[1:], name[1:2] + name[:1] + name[2:], strings.ToUpper(name)} {
			if got := nearest(slip, names); got != name {
				t.Errorf("%s was taken for %q, want %s", slip, got, name)
			}
		}
	}
	for _, word := range []string{"", "database", "x", "logging_level", strings.Repeat("server", 1000)} {
		if got := nearest(word, names); got != "" {
			t.Errorf("%.20s was taken for %s", word, got)
		}
	}
}
