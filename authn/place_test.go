package authn_test

import (
	"testing"

	"github.com/descoped/authly/authn"
)

func TestPlaceWith(t *testing.T) {
	city, network := oslo, authn.Place{ASN: 64499}
	city.ASN = 0
	all := city
	all.ASN = 64499
	for name, tt := range map[string]struct{ a, b, want authn.Place }{
		"nothing known":                {authn.Place{}, authn.Place{}, authn.Place{}},
		"the second knows all":         {authn.Place{}, oslo, oslo},
		"the first knows all":          {oslo, sydney, oslo},
		"city and network":             {city, network, all},
		"network and city":             {network, city, all},
		"country and city":             {authn.Place{Country: "NO"}, city, city},
		"the city of another country":  {authn.Place{Country: "SE", Located: true}, city, authn.Place{Country: "SE", Located: true}},
		"a city in no country at hand": {authn.Place{City: "Oslo"}, authn.Place{Country: "NO"}, authn.Place{City: "Oslo", Country: "NO"}},
	} {
		if got := tt.a.With(tt.b); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestPlaceName(t *testing.T) {
	for want, p := range map[string]authn.Place{
		"Oslo, NO": oslo, "JP": onlyAsia, "": {ASN: 64496}, "Oslo": {City: "Oslo"},
	} {
		if got := p.String(); got != want {
			t.Errorf("%+v is called %q, want %q", p, got, want)
		}
	}
}
