package authn

import (
	"cmp"
	"math"
	"net/netip"
)

// Place is where a client address is, as far as that is known. The zero Place is nowhere in particular.
type Place struct {
	Country string // ISO 3166-1 alpha-2, in capitals
	City    string // in English

	Located             bool    // whether Latitude and Longitude mean anything
	Latitude, Longitude float64 // degrees
	Accuracy            float64 // kilometres around there in which the client is likely to be; 0: not said

	ASN uint32 // the autonomous system that the address is announced by; 0: unknown
}

// String names the place for people, such as "Oslo, NO"; empty: unknown.
func (p Place) String() string { return PlaceName(p.City, p.Country) }

// PlaceName is Place.String of what a session keeps.
func PlaceName(city, country string) string {
	if city != "" && country != "" {
		return city + ", " + country
	}
	return city + country
}

// With adds to a place what somebody else knows of it.
func (p Place) With(q Place) Place {
	if p.Country == "" || p.Country == q.Country { // else they speak of two cities
		p.Country, p.City = q.Country, cmp.Or(p.City, q.City)
	}
	if !p.Located {
		p.Located, p.Latitude, p.Longitude, p.Accuracy = q.Located, q.Latitude, q.Longitude, q.Accuracy
	}
	p.ASN = cmp.Or(p.ASN, q.ASN)
	return p
}

// Geography knows where addresses are.
type Geography interface {
	// Locate returns what is known of an address, the zero Place if nothing is. It costs microseconds and asks nobody.
	Locate(addr netip.Addr) Place
}

const earthRadius = 6371 // kilometres, in the mean

// kilometres is the great-circle distance between two places (the haversine formula), of which both are Located.
func kilometres(a, b Place) float64 {
	const degree = math.Pi / 180
	latitudes, longitudes := (b.Latitude-a.Latitude)*degree, (b.Longitude-a.Longitude)*degree
	h := square(math.Sin(latitudes/2)) +
		math.Cos(a.Latitude*degree)*math.Cos(b.Latitude*degree)*square(math.Sin(longitudes/2))
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

func square(x float64) float64 { return x * x }

// apart is how far two places are at least, given how well they are known.
func apart(a, b Place) float64 { return max(0, kilometres(a, b)-a.Accuracy-b.Accuracy) }
