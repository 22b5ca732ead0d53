package geo

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/descoped/authly/authn"
)

// placeOf reads a record, of whichever maker. What is not as it should be is left out.
func placeOf(r maxminddb.Result) authn.Place {
	p := authn.Place{
		Country: country(first[string](r, path{"country", "iso_code"}, path{"country_code"}, path{"country"})),
		City:    name(first[string](r, path{"city", "names", "en"}, path{"city"})),
		ASN:     first[uint32](r, path{"autonomous_system_number"}, path{"traits", "autonomous_system_number"}),
	}
	latitude := float(r, path{"location", "latitude"}, path{"latitude"})
	longitude := float(r, path{"location", "longitude"}, path{"longitude"})
	if math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180 { // neither is NaN
		p.Located, p.Latitude, p.Longitude = true, latitude, longitude
		p.Accuracy = float64(first[uint16](r, path{"location", "accuracy_radius"}))
	}
	return p
}

// path is where in a record something may be.
type path []any

// first returns what is at the first of the paths where there is something of the type.
func first[T comparable](r maxminddb.Result, paths ...path) (value T) {
	for _, p := range paths {
		var found *T
		if r.DecodePath(&found, p...) == nil && found != nil {
			return *found
		}
	}
	return value
}

// float is first for numbers with a fraction, of which files have two kinds; NaN if there is none.
func float(r maxminddb.Result, paths ...path) float64 {
	for _, p := range paths {
		var double *float64
		if r.DecodePath(&double, p...) == nil && double != nil {
			return *double
		}
		var single *float32
		if r.DecodePath(&single, p...) == nil && single != nil {
			return float64(*single)
		}
	}
	return math.NaN()
}

// country is a code of two letters, or empty.
func country(code string) string {
	code = strings.ToUpper(code)
	if len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return code
}

// name is a name that may be shown anywhere, or empty.
func name(text string) string {
	const most = 128
	if len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return ""
	}
	return text
}
