package authn

import (
	"cmp"
	"context"
	"crypto/sha256"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// HistorySize is how many of a user's sign-ins are kept for later ones to be compared with.
const HistorySize = 100

// Arrival is one sign-in with the right password: when, from where, with what. It is what sign-ins are compared by.
type Arrival struct {
	UserID  uuid.UUID
	At      time.Time
	Address string // of the client, empty if unknown
	Network string // of the address: its /24 in IPv4, its /64 in IPv6, else "unknown"
	Device  string // as DeviceName says it; a client that says nothing is a device too
	Place   Place
	Vector  Vector

	Kept int64 // by the store: later ones have greater numbers
}

// ArrivalStore keeps the last sign-ins of users. BeginSession adds to them.
type ArrivalStore interface {
	// Arrivals returns the user's last HistorySize sign-ins, the nearest to the vector first, and among those as near the
	// latest first; none of a user who does not exist.
	Arrivals(ctx context.Context, userID uuid.UUID, near Vector) ([]Arrival, error)
}

// NewArrival says what a sign-in of a user is compared by.
func NewArrival(userID uuid.UUID, at time.Time, from Client, place Place) Arrival {
	a := Arrival{
		UserID: userID, At: at, Address: addressText(from), Network: networkAround(from.Address),
		Device: DeviceName(from.UserAgent), Place: place,
	}
	a.Vector = vectorOf(a)
	return a
}

// networkAround is the network of an address that its neighbours are in: what a home or an office has, and keeps when its
// address changes.
func networkAround(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !addr.IsValid() {
		return "unknown"
	}
	return prefix.String()
}

// operator is who the address belongs to, where that is known, and else its network: what a phone keeps while it moves.
func (a Arrival) operator() string {
	if a.Place.ASN != 0 {
		return "AS" + strconv.FormatUint(uint64(a.Place.ASN), 10)
	}
	return a.Network
}

// VectorSize is the number of components of a Vector.
const VectorSize = 21

// Vector is an Arrival as a point: the nearer two points are, the more alike the sign-ins. Its components are whole numbers,
// so that a squared distance is a whole number below 2^24, which a database that counts with float32 gets as exactly as Go
// does, in whatever order it adds: everybody finds the same neighbours.
//
// Eight components are for the device and eight for the network, with signs by a hash, so that any two differ by about as
// much; three are the place on the globe, and two the time of day on the clock face.
type Vector [VectorSize]int8

// How long the parts are. Squared distances are then in proportion to the weights of unlikeness.
const (
	deviceLength  = 22
	networkLength = 17
	placeLength   = 49
	hourLength    = 22
)

func vectorOf(a Arrival) (v Vector) {
	sign := func(part []int8, length int8, text string) {
		sum := sha256.Sum256([]byte(text))
		for i := range part {
			part[i] = length
			if sum[0]>>i&1 == 1 {
				part[i] = -length
			}
		}
	}
	sign(v[0:8], deviceLength, a.Device)
	sign(v[8:16], networkLength, a.operator())
	if a.Place.Located {
		latitude, longitude := a.Place.Latitude*math.Pi/180, a.Place.Longitude*math.Pi/180
		v[16] = int8(math.Round(placeLength * math.Cos(latitude) * math.Cos(longitude)))
		v[17] = int8(math.Round(placeLength * math.Cos(latitude) * math.Sin(longitude)))
		v[18] = int8(math.Round(placeLength * math.Sin(latitude)))
	}
	angle := 2 * math.Pi * float64(timeOfDay(a.At)) / float64(24*time.Hour)
	v[19] = int8(math.Round(hourLength * math.Cos(angle)))
	v[20] = int8(math.Round(hourLength * math.Sin(angle)))
	return v
}

// distance is the square of the Euclidean distance.
func (v Vector) distance(w Vector) int {
	sum := 0
	for i := range v {
		d := int(v[i]) - int(w[i])
		sum += d * d
	}
	return sum
}

// SortArrivals brings arrivals into the order of ArrivalStore.Arrivals, for stores whose database cannot.
func SortArrivals(all []Arrival, near Vector) {
	distances := make(map[int64]int, len(all)) // by what was kept when
	for _, a := range all {
		distances[a.Kept] = a.Vector.distance(near)
	}
	slices.SortFunc(all, func(a, b Arrival) int {
		return cmp.Or(cmp.Compare(distances[a.Kept], distances[b.Kept]), cmp.Compare(b.Kept, a.Kept))
	})
}

// timeOfDay is how long after midnight, UTC, a time is.
func timeOfDay(t time.Time) time.Duration {
	t = t.UTC()
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

// hoursApart is how far two times of day are from each other on the clock face, at most twelve hours.
func hoursApart(a, b time.Time) time.Duration {
	d := (timeOfDay(a) - timeOfDay(b)).Abs()
	return min(d, 24*time.Hour-d)
}
