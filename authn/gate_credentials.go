package authn

import "context"

// reads returns what a route reads of what a request carries.
func (r *Route) reads(asked Request) (bearer, cookie Credentials) {
	if !r.IgnoreBearer {
		bearer = asked.Credentials
	}
	if r.Cookies != IgnoreCookies {
		cookie = asked.Cookie
	}
	if r.AllowStale {
		bearer.StaleRoute, cookie.StaleRoute = r.Name, r.Name
	}
	return bearer, cookie
}

// identify returns who is calling. A bearer token that is there must be good, whatever else is there: a client that sends one
// means it. Another scheme is the application's own, and nothing to a caller with a good cookie. A cookie that is not good
// says nothing: browsers send it along for as long as they have it.
func (g *Gate) identify(ctx context.Context, route *Route, r Request) (*Identity, error) {
	bearer, cookie := route.reads(r)
	if cookie.Kind == NoCredential {
		return g.authenticator.Authenticate(ctx, bearer)
	}
	var byBearer *Identity
	if bearer.Kind == BearerCredential || bearer.Kind == MalformedCredential {
		identity, err := g.authenticator.Authenticate(ctx, bearer)
		if err != nil || route.Cookies == BearerFirst {
			return identity, err
		}
		byBearer = identity
	}
	identity, err := g.authenticator.Authenticate(ctx, cookie)
	switch {
	case err == nil && r.CrossOrigin:
		err = Refuse(CodeOriginRefused, "A page of another site may not do this with your session")
	case err == nil:
		return identity, nil
	case Fault(err).Code != CodeInvalidCredentials:
		return nil, err // it could not be found out who it is
	}
	if byBearer != nil {
		return byBearer, nil
	}
	return nil, err
}
