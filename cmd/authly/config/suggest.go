package config

import (
	"reflect"
	"strings"
)

// nearest returns the name that word was probably meant to be, or nothing if none is near: at most one slip in three letters,
// and at most three.
func nearest(word string, names []string) string {
	word = strings.ToLower(strings.ReplaceAll(word, "-", "_"))
	if len(word) > 64 {
		return ""
	}
	best, bestDistance := "", 4
	for _, name := range names {
		most := min(3, max(1, len(name)/3))
		if d := distance(word, strings.ToLower(name)); d <= most && d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance counts the slips of a typist between two words: letters left out, put in, exchanged, or two neighbours swapped
// (the Damerau-Levenshtein distance, in its optimal string alignment form).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			exchange := last[j-1]
			if a[i-1] != b[j-1] {
				exchange++
			}
			row[j] = min(exchange, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// elsewhere returns the full path of the key that is called name somewhere in the schema, if there is only one.
func elsewhere(name string) string {
	found := ""
	for _, path := range allKeys(reflect.TypeFor[Config](), "") {
		if path != name && strings.HasSuffix(path, "."+name) {
			if found != "" {
				return ""
			}
			found = path
		}
	}
	return found
}
