package config

import (
	"fmt"
	"strings"
)

// check looks for values that make no sense, alone or beside others. Values that could not be read are not judged again.
func (d *decoder) check() {
	d.checkServer()
	d.checkStore()
	d.checkTokens()
	d.checkCookies()
	d.checkPages()
	d.checkLimits()
	d.checkGeo()
	d.checkMail()
	d.checkHeaders()
	d.checkCORS()
	d.checkRoutes()
}

// bad notes that the value at path makes no sense, unless something is wrong with it or with what it stands in already. If
// it was not given, the place is that of what it is missing in.
func (d *decoder) bad(path, format string, args ...any) {
	for _, m := range d.mistakes {
		if m.Key == path || within(m.Key, path) || within(path, m.Key) {
			return
		}
	}
	d.mistakes = append(d.mistakes, Mistake{Place: d.placeOf(path), Key: path, Problem: fmt.Sprintf(format, args...)})
}

// within reports whether the key at path stands in the value at outer.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// placeOf returns the place of the value at path, or of the nearest one around it that was given.
func (d *decoder) placeOf(path string) Place {
	for {
		if place, ok := d.places[path]; ok {
			return place
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// wasGiven reports whether there is a value at path in the file or the environment.
func (d *decoder) wasGiven(path string) bool {
	_, ok := d.places[path]
	return ok
}
