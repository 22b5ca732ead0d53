package api

// A RouteName is a row of the table of routes, for the test that compares it with the description.
type RouteName struct {
	Method, Pattern string
	SignedIn, Body  bool
}

// RouteNames lists the routes that the API really has.
func RouteNames(a *API) []RouteName {
	var names []RouteName
	for _, rt := range a.routes {
		names = append(names, RouteName{rt.method, rt.pattern, rt.who == signedIn, rt.takes != nothing})
	}
	return names
}
