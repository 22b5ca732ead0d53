package authn

import (
	"math"
	"slices"
	"time"
)

// Signal is one thing about a sign-in that is not as it was before.
type Signal string

// The signals, from the most to the least telling.
const (
	ImpossibleTravel Signal = "impossible_travel" // faster than an airliner since the last sign-in whose place is known
	NewCountry       Signal = "new_country"       // another one than of every sign-in whose country is known
	NewDevice        Signal = "new_device"
	NewNetwork       Signal = "new_network"  // neither the network nor the autonomous system was there before
	UnusualHour      Signal = "unusual_hour" // the account is old enough to have habits, and they are others
	Unfamiliar       Signal = "unfamiliar"   // unlike even the nearest of earlier sign-ins

	// FirstSignIn says that there is nothing to compare with, and so no risk could be seen.
	FirstSignIn Signal = "first_sign_in"
)

// Risk is how little a sign-in is like the account's earlier ones.
type Risk struct {
	Value   float64  // from 0, as ever, to 1; in thousandths
	Reasons []Signal // the most telling first; none if Value is 0, or so small that nothing stands out
}

// What the signals weigh, each as the probability that the sign-in is somebody else's if it were the only one. A new device or
// a new network alone is an ordinary day; both together are worth a mail, and with a new country nearly certain.
const (
	travelWeight     = 0.7
	countryWeight    = 0.4
	deviceWeight     = 0.3
	networkWeight    = 0.15
	hourWeight       = 0.1
	unlikenessWeight = 0.4 // times the unlikeness
)

// Bounds on what is a signal.
const (
	neighbours      = 3             // so many of the nearest earlier sign-ins count for the unlikeness
	unfamiliarFrom  = 0.5           // the unlikeness that is a reason of its own
	travelSpeed     = 1000.0        // kilometres an hour
	travelLeast     = 500.0         // kilometres; what is nearer is as likely to be a wrong entry in the file
	travelTime      = time.Minute   // the least that a journey is taken to last: clocks of replicas differ
	habitsFrom      = 10            // sign-ins, from which on there are habits
	habitWidth      = 3 * time.Hour // around each of which a time of day is usual
	farAway         = 10_000.0      // kilometres, beyond which places are no more unlike each other
	deviceUnlike    = 0.4
	networkUnlike   = 0.25
	placeUnlike     = 0.25 // at farAway
	timeOfDayUnlike = 0.1  // at twelve hours
)

// Assess compares a sign-in with the account's earlier ones, which are in the order of ArrivalStore.Arrivals. The store only
// finds the neighbours. What they mean is computed here, and so every database comes to the same risk.
func Assess(a Arrival, earlier []Arrival) Risk {
	if len(earlier) == 0 {
		return Risk{Reasons: []Signal{FirstSignIn}}
	}
	remoteness := remote(a, earlier)
	var r Risk
	innocent := 1.0
	for _, s := range []struct {
		signal Signal
		weight float64
		seen   bool
	}{
		{ImpossibleTravel, travelWeight, a.travelled(earlier)},
		{NewCountry, countryWeight, a.inNewCountry(earlier)},
		{NewDevice, deviceWeight, !slices.ContainsFunc(earlier, a.sameDevice)},
		{NewNetwork, networkWeight, !slices.ContainsFunc(earlier, a.sameNetwork)},
		{UnusualHour, hourWeight, a.atUnusualHour(earlier)},
		{Unfamiliar, 0, remoteness >= unfamiliarFrom},
	} {
		if s.seen {
			r.Reasons = append(r.Reasons, s.signal)
			innocent *= 1 - s.weight
		}
	}
	innocent *= 1 - unlikenessWeight*remoteness
	r.Value = math.Round(1000*(1-innocent)) / 1000
	return r
}

// remote is the mean unlikeness of the nearest neighbours, from 0 to 1.
func remote(a Arrival, earlier []Arrival) float64 {
	nearest := earlier[:min(neighbours, len(earlier))]
	sum := 0.0
	for _, e := range nearest {
		sum += a.unlike(e)
	}
	return sum / float64(len(nearest))
}

// unlike says how different two sign-ins are, from 0 to 1. A place that is not known is like every other.
func (a Arrival) unlike(b Arrival) float64 {
	sum := timeOfDayUnlike * hoursApart(a.At, b.At).Hours() / 12
	if !a.sameDevice(b) {
		sum += deviceUnlike
	}
	if !a.sameNetwork(b) {
		sum += networkUnlike
	}
	if a.Place.Located && b.Place.Located {
		sum += placeUnlike * min(1, apart(a.Place, b.Place)/farAway)
	}
	return sum
}

func (a Arrival) sameDevice(b Arrival) bool { return a.Device == b.Device }

func (a Arrival) sameNetwork(b Arrival) bool {
	return a.Network == b.Network || a.Place.ASN != 0 && a.Place.ASN == b.Place.ASN
}

// inNewCountry needs to know the country now and that of an earlier sign-in: an address within the house is not abroad.
func (a Arrival) inNewCountry(earlier []Arrival) bool {
	known := false
	for _, e := range earlier {
		if e.Place.Country == a.Place.Country {
			return false
		}
		known = known || e.Place.Country != ""
	}
	return known && a.Place.Country != ""
}

// travelled reports whether nobody could have come here from the place of the last sign-in before this one. What is later than
// this one was kept by a clock that has been set back since, and tells nothing about how long the journey took.
func (a Arrival) travelled(earlier []Arrival) bool {
	var last *Arrival
	for i := range earlier {
		e := &earlier[i]
		if e.Place.Located && e.At.Sub(a.At) < travelTime && (last == nil || e.At.After(last.At)) {
			last = e
		}
	}
	if last == nil || !a.Place.Located {
		return false
	}
	way, lasted := apart(last.Place, a.Place), max(a.At.Sub(last.At), travelTime)
	return way >= travelLeast && way/lasted.Hours() > travelSpeed
}

// atUnusualHour knows no time zones: habits are as they are in UTC, and so is this sign-in.
func (a Arrival) atUnusualHour(earlier []Arrival) bool {
	return len(earlier) >= habitsFrom && !slices.ContainsFunc(earlier, func(e Arrival) bool {
		return hoursApart(a.At, e.At) <= habitWidth
	})
}
