package api

// A RouteName is a row of the table of routes, for the test that compares it with the description.
type RouteName struct {
	Method, Pattern string
	Who             string // anyone, bearer or cookie, or client
	Body            bool
}

// RouteNames lists the routes that the API really has.
func RouteNames(a *API) []RouteName {
	var names []RouteName
	who := map[audience]string{anyone: "anyone", signedIn: "bearer or cookie", registered: "client", either: "bearer or cookie"}
	for _, rt := range a.routes {
		names = append(names, RouteName{rt.method, rt.pattern, who[rt.who], rt.takes != nothing})
	}
	return names
}
