package authn_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/descoped/authly/authn"
)

// The places of the tests. Networks are those that are reserved for documentation.
var (
	oslo     = authn.Place{Country: "NO", City: "Oslo", Located: true, Latitude: 59.91, Longitude: 10.75, Accuracy: 20, ASN: 64496}
	bergen   = authn.Place{Country: "NO", City: "Bergen", Located: true, Latitude: 60.39, Longitude: 5.32, Accuracy: 20, ASN: 64497}
	sydney   = authn.Place{Country: "AU", City: "Sydney", Located: true, Latitude: -33.87, Longitude: 151.21, Accuracy: 50, ASN: 64498}
	onlyAsia = authn.Place{Country: "JP"}
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
		"Version/17.0 Mobile/15E148 Safari/604.1"
)

// noon is when the habits of the tests are.
var noon = time.Date(2031, 2, 3, 12, 0, 0, 0, time.UTC)

// arrival is a sign-in of the tests' user, from Oslo with Firefox unless something else is said.
type arrival struct {
	at      time.Time
	address string
	agent   string
	place   authn.Place
}

func usual(at time.Time) arrival { return arrival{at, "192.0.2.7", firefox, oslo} }

func (a arrival) value(t rapid.TB) authn.Arrival {
	var from authn.Client
	if a.address != "" {
		addr, err := netip.ParseAddr(a.address)
		if err != nil {
			t.Fatal(err)
		}
		from.Address = addr
	}
	from.UserAgent = a.agent
	return authn.NewArrival(uuid.Nil, a.at, from, a.place)
}

// assess compares an arrival with earlier ones, which are kept in the order given.
func assess(t rapid.TB, now arrival, earlier ...arrival) authn.Risk {
	var history []authn.Arrival
	for i, e := range earlier {
		one := e.value(t)
		one.Kept = int64(i + 1)
		history = append(history, one)
	}
	a := now.value(t)
	authn.SortArrivals(history, a.Vector)
	return authn.Assess(a, history)
}

// days is a history of usual sign-ins, the last of them a day before noon.
func days(n int) []arrival {
	var all []arrival
	for i := range n {
		all = append(all, usual(noon.AddDate(0, 0, i-n)))
	}
	return all
}

func TestRiskSignals(t *testing.T) {
	with := func(change func(*arrival)) arrival {
		a := usual(noon)
		change(&a)
		return a
	}
	long := days(20)
	for _, tt := range []struct {
		name    string
		now     arrival
		earlier []arrival
		want    []authn.Signal
	}{
		{"first", usual(noon), nil, []authn.Signal{authn.FirstSignIn}},
		{"as ever", usual(noon), long, nil},
		{"as the only one before", usual(noon), days(1), nil},

		{"device", with(func(a *arrival) { a.agent = iphone }), long, []authn.Signal{authn.NewDevice}},
		{"no user agent", with(func(a *arrival) { a.agent = "" }), long, []authn.Signal{authn.NewDevice}},
		{"newer version of the device", with(func(a *arrival) {
			a.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
		}), long, nil},
		{"never a user agent", arrival{noon, "192.0.2.7", "", oslo}, []arrival{{noon.AddDate(0, 0, -1), "192.0.2.7", "", oslo}}, nil},

		{"network", with(func(a *arrival) { a.address, a.place.ASN = "198.51.100.1", 64511 }), long, []authn.Signal{authn.NewNetwork}},
		{"neighbouring address", with(func(a *arrival) { a.address, a.place.ASN = "192.0.2.255", 64511 }), long, nil},
		{"other network of one operator", with(func(a *arrival) { a.address = "198.51.100.1" }), long, nil},
		{"two networks whose operator is not known", with(func(a *arrival) { a.address, a.place = "198.51.100.1", authn.Place{} }),
			[]arrival{{noon.AddDate(0, 0, -1), "192.0.2.7", firefox, authn.Place{}}}, []authn.Signal{authn.NewNetwork}},
		{"IPv4 in IPv6", with(func(a *arrival) { a.address, a.place.ASN = "::ffff:192.0.2.9", 0 }), long, nil},
		{"its /64", arrival{noon, "2001:db8:1:2::1", firefox, authn.Place{}},
			[]arrival{{noon.AddDate(0, 0, -1), "2001:db8:1:2:ffff::2%eth0", firefox, authn.Place{}}}, nil},
		{"another /64", arrival{noon, "2001:db8:1:3::1", firefox, authn.Place{}},
			[]arrival{{noon.AddDate(0, 0, -1), "2001:db8:1:2::1", firefox, authn.Place{}}}, []authn.Signal{authn.NewNetwork}},
		{"address not known", with(func(a *arrival) { a.address, a.place = "", authn.Place{} }), long, []authn.Signal{authn.NewNetwork}},

		{"country", with(func(a *arrival) { a.place.Country = "SE" }), long, []authn.Signal{authn.NewCountry}},
		{"private address", with(func(a *arrival) { a.place = authn.Place{} }), long, nil},
		{"country for the first time known", with(func(a *arrival) { a.place = onlyAsia }),
			[]arrival{{noon.AddDate(0, 0, -1), "192.0.2.7", firefox, authn.Place{}}}, nil},
		{"country of long ago", usual(noon),
			[]arrival{usual(noon.AddDate(0, 0, -90)), {noon.AddDate(0, 0, -1), "192.0.2.7", firefox, onlyAsia}}, nil},

		{"hour", usual(noon.Add(9 * time.Hour)), long, []authn.Signal{authn.UnusualHour}},
		{"hour at the edge", usual(noon.Add(3 * time.Hour)), long, nil},
		{"hour beyond the edge", usual(noon.Add(-3*time.Hour - time.Second)), long, []authn.Signal{authn.UnusualHour}},
		{"hour of an account without habits", usual(noon.Add(9 * time.Hour)), days(9), nil},
	} {
		r := assess(t, tt.now, tt.earlier...)
		if !slices.Equal(r.Reasons, tt.want) {
			t.Errorf("%s: reasons %q, want %q", tt.name, r.Reasons, tt.want)
		}
		alone := len(tt.want) == 1 && tt.want[0] != authn.FirstSignIn
		if alone && (r.Value <= 0 || r.Value >= 0.6) || !alone && r.Value >= 0.1 {
			t.Errorf("%s: risk %v", tt.name, r.Value)
		}
	}
}

// Around midnight the clock goes on.
func TestRiskHoursAreACircle(t *testing.T) {
	late := time.Date(2031, 2, 3, 23, 30, 0, 0, time.UTC)
	var history []arrival
	for i := range 10 {
		history = append(history, usual(late.AddDate(0, 0, -i-1)))
	}
	if r := assess(t, usual(late.Add(2*time.Hour)), history...); len(r.Reasons) != 0 {
		t.Errorf("half past one after half past eleven: %+v", r)
	}
	if r := assess(t, usual(late.Add(2*time.Hour).In(time.FixedZone("", 9*3600))), history...); len(r.Reasons) != 0 {
		t.Errorf("the same in another time zone: %+v", r)
	}
	if r := assess(t, usual(late.Add(4*time.Hour)), history...); !slices.Equal(r.Reasons, []authn.Signal{authn.UnusualHour}) {
		t.Errorf("half past three: %+v", r)
	}
}

func TestRiskTravel(t *testing.T) {
	in := func(place authn.Place, at time.Time) arrival { return arrival{at, "192.0.2.7", firefox, place} }
	far := func(place authn.Place) authn.Place { place.ASN, place.Country = oslo.ASN, oslo.Country; return place }
	for _, tt := range []struct {
		name    string
		now     arrival
		earlier []arrival
		want    bool
	}{
		{"around the world in an hour", in(far(sydney), noon), []arrival{in(oslo, noon.Add(-time.Hour))}, true},
		{"around the world in a day", in(far(sydney), noon), []arrival{in(oslo, noon.Add(-24*time.Hour))}, false},
		{"both at once", in(far(sydney), noon), []arrival{in(oslo, noon)}, true},
		{"a little later by another replica's clock", in(far(sydney), noon), []arrival{in(oslo, noon.Add(30*time.Second))}, true},
		{"too near to tell", in(far(bergen), noon), []arrival{in(oslo, noon.Add(-time.Second))}, false},
		{"the clock was set back", in(far(sydney), noon), []arrival{in(oslo, noon.Add(time.Hour))}, false},
		{"the clock was set back after an earlier one", in(far(sydney), noon),
			[]arrival{in(far(sydney), noon.Add(-48*time.Hour)), in(oslo, noon.Add(time.Hour))}, false},
		{"from the last place and not the one before", in(far(sydney), noon),
			[]arrival{in(oslo, noon.Add(-2*time.Hour)), in(far(sydney), noon.Add(-time.Hour))}, false},
		{"by way of nowhere", in(far(sydney), noon),
			[]arrival{in(oslo, noon.Add(-2*time.Hour)), in(authn.Place{}, noon.Add(-time.Hour))}, true},
		{"to nowhere", in(authn.Place{}, noon), []arrival{in(oslo, noon.Add(-time.Hour))}, false},
	} {
		r := assess(t, tt.now, tt.earlier...)
		if got := slices.Contains(r.Reasons, authn.ImpossibleTravel); got != tt.want {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if tt.want && !(r.Value > 0.7 && r.Value < 1) {
			t.Errorf("%s: risk %v", tt.name, r.Value)
		}
	}
}

// What is known badly is not held against anybody.
func TestRiskTravelAllowsForAccuracy(t *testing.T) {
	place := func(accuracy float64) authn.Place {
		return authn.Place{Located: true, Latitude: oslo.Latitude + 6, Longitude: oslo.Longitude, Accuracy: accuracy} // 667 km
	}
	before := arrival{noon.Add(-time.Minute), "192.0.2.7", firefox, oslo}
	for accuracy, want := range map[float64]bool{0: true, 100: true, 200: false, 5000: false} {
		r := assess(t, arrival{noon, "192.0.2.7", firefox, place(accuracy)}, before)
		if got := slices.Contains(r.Reasons, authn.ImpossibleTravel); got != want {
			t.Errorf("within %v km: %+v", accuracy, r)
		}
	}
}

// More that is new is more of a risk, and all together is hardly less than one.
func TestRiskAddsUp(t *testing.T) {
	history := days(20)
	step := usual(noon)
	last := assess(t, step, history...)
	if last.Value != 0 {
		t.Errorf("as ever: %+v", last)
	}
	for _, change := range []struct {
		name string
		make func()
		most float64
	}{
		{"network", func() { step.address, step.place.ASN = "198.51.100.1", 64511 }, 0.3},
		{"device", func() { step.agent = iphone }, 0.6},
		{"country", func() { step.place.Country = "SE" }, 0.8},
		{"hour", func() { step.at = noon.Add(9 * time.Hour) }, 0.85},
		{"place", func() { step.place.Latitude, step.place.Longitude = sydney.Latitude, sydney.Longitude }, 0.9},
		{"travel", func() { history = append(history, usual(step.at.Add(-time.Hour))) }, 1},
	} {
		change.make()
		r := assess(t, step, history...)
		if r.Value <= last.Value && change.name != "travel" || r.Value > change.most {
			t.Errorf("with a new %s: %+v after %+v", change.name, r, last)
		}
		last = r
	}
	if want := []authn.Signal{
		authn.ImpossibleTravel, authn.NewCountry, authn.NewDevice, authn.NewNetwork, authn.Unfamiliar,
	}; !slices.Equal(last.Reasons, want) || last.Value < 0.9 {
		t.Errorf("all together: %+v, want %q", last, want)
	}
}

// A combination that was never there stands out although each part of it was: the nearest neighbours tell.
func TestRiskOfKnownPartsInANewCombination(t *testing.T) {
	office := arrival{noon, "198.51.100.1", iphone, bergen}
	history := append(days(5), arrival{noon.AddDate(0, 0, -1), "198.51.100.1", iphone, bergen})
	if r := assess(t, office, history...); r.Value > 0.2 {
		t.Errorf("a rare habit: %+v", r)
	}
	office.agent = firefox
	rare, mixed := assess(t, usual(noon), history...), assess(t, office, history...)
	if len(mixed.Reasons) != 0 || mixed.Value <= rare.Value {
		t.Errorf("known device, known network, never together: %+v; as ever: %+v", mixed, rare)
	}
}

func TestRiskIsAlwaysARisk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		history := rapid.SliceOfN(arrivals(), 1, authn.HistorySize).Draw(rt, "history")
		r := assess(rt, arrivals().Draw(rt, "now"), history...)
		if !(r.Value >= 0 && r.Value <= 1) || slices.Contains(r.Reasons, authn.FirstSignIn) {
			rt.Fatalf("%+v", r)
		}
		if same := assess(rt, history[len(history)-1], history...); slices.Contains(same.Reasons, authn.NewDevice) ||
			slices.Contains(same.Reasons, authn.NewCountry) || slices.Contains(same.Reasons, authn.NewNetwork) ||
			slices.Contains(same.Reasons, authn.UnusualHour) {
			rt.Fatalf("what was there is new: %+v", same)
		}
	})
}

// arrivals draws from what makes all the differences there are.
func arrivals() *rapid.Generator[arrival] {
	return rapid.Custom(func(t *rapid.T) arrival {
		place := rapid.SampledFrom([]authn.Place{{}, oslo, bergen, sydney, onlyAsia, {ASN: 64496}}).Draw(t, "place")
		if place.Located {
			place.Latitude = rapid.Float64Range(-90, 90).Draw(t, "latitude")
			place.Longitude = rapid.Float64Range(-180, 180).Draw(t, "longitude")
		}
		return arrival{
			at:      noon.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "time"))),
			address: rapid.SampledFrom([]string{"", "192.0.2.7", "192.0.2.8", "198.51.100.1", "2001:db8::1", "10.0.0.1"}).Draw(t, "address"),
			agent:   rapid.SampledFrom([]string{"", firefox, iphone, "curl/8.0"}).Draw(t, "agent"),
			place:   place,
		}
	})
}

// What README says that a risk comes to.
func TestRiskFigures(t *testing.T) {
	history := days(20)
	device, both := usual(noon), arrival{noon, "198.51.100.1", iphone, oslo}
	device.agent, both.place.ASN = iphone, 64511
	network, abroad, travel := both, both, both
	network.agent = firefox
	abroad.place = authn.Place{Country: "DE", Located: true, Latitude: 48.1, Longitude: 11.6, ASN: 64511} // 1,300 km
	travel.place = sydney
	for _, tt := range []struct {
		name    string
		now     arrival
		earlier []arrival
		want    float64
	}{
		{"a new device", device, history, 0.41},
		{"a new network", network, history, 0.24},
		{"both", both, history, 0.56},
		{"both in another country", abroad, history, 0.75},
		{"on the other side of the world an hour later", travel, append(history, usual(noon.Add(-time.Hour))), 0.95},
	} {
		if r := assess(t, tt.now, tt.earlier...); r.Value < tt.want-0.02 || r.Value > tt.want+0.02 {
			t.Errorf("%s: %+v, want about %v", tt.name, r, tt.want)
		}
	}
}
