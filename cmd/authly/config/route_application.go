package config

import (
	"errors"
	"net/url"
	"strings"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// maxApplicationURL bounds the address of an application, in bytes.
const maxApplicationURL = 2 << 10

// application is what people open by the route's title; nil if it has none. Its address is URL, or that of the route's one host and
// one path: /* is /, and /app/* is /app/, where applications usually begin. Scheme and port are then those of the public URL, as are
// those of a URL that is only a path; and so is the host of a route for any. The error says what is wrong, as a mistake does.
func (r *Route) application(publicURL string) (*authn.Application, error) {
	if r.Title == "" {
		return nil, nil
	}
	address, err := r.address(publicURL)
	if err != nil {
		return nil, err
	}
	app := &authn.Application{Title: r.Title, URL: address}
	if app.Host, app.RawPath, err = splitURL(address); err != nil {
		return nil, err
	}
	return app, nil
}

// address is where people open the route.
func (r *Route) address(publicURL string) (string, error) {
	public, err := url.Parse(publicURL)
	if err != nil {
		return "", errors.New("cannot be told without a good server.public_url")
	}
	switch {
	case strings.HasPrefix(r.URL, "/"):
		return public.Scheme + "://" + public.Host + r.URL, nil
	case r.URL != "":
		return r.URL, nil
	case len(r.Hosts) > 1 || len(r.Paths) != 1 || len(r.Hosts) == 1 && strings.HasPrefix(r.Hosts[0], "*."):
		return "", errors.New("is missing, expected the address at which people open it: the route has several hosts or paths")
	case len(r.Hosts) == 0:
		return public.Scheme + "://" + public.Host + strings.TrimSuffix(r.Paths[0], "*"), nil
	}
	host := strings.ToLower(strings.TrimSuffix(r.Hosts[0], "."))
	if port := public.Port(); port != "" {
		host += ":" + port
	}
	return public.Scheme + "://" + host + strings.TrimSuffix(r.Paths[0], "*"), nil
}

// splitURL takes an address apart that a browser is to read as it stands here: no sign in it means something else to one.
func splitURL(address string) (host, rawPath string, err error) {
	scheme, rest, _ := strings.Cut(address, "://")
	plain := !strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"<>\\`", c) })
	if scheme != "http" && scheme != "https" || !plain || len(address) > maxApplicationURL {
		return "", "", errors.New("is no web address, expected one such as https://app.example.com/start, or a path such as /start")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 || rest[end] != '/' {
		return "", "", errors.New("has no path, expected a slash behind the host at least")
	}
	host, err = headers.NormalizeHost(rest[:end])
	if err != nil {
		return "", "", errors.New("holds no good host, expected an address such as https://app.example.com/start")
	}
	target, _, _ := strings.Cut(rest[end:], "#")
	rawPath, _, _, err = headers.SplitTarget(target)
	if err == nil {
		_, err = authn.ParsePath(rawPath)
	}
	if err != nil {
		return "", "", errors.New("holds a path that could be read in two ways, expected a plain one")
	}
	return host, rawPath, nil
}
