package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/descoped/authly/store/fill"
)

// browse signs a user in as a browser does, and returns the session cookie as it is sent back: name=value.
func (g *gate) browse(ctx context.Context) (cookie string, err error) {
	form := url.Values{"username": {fill.Username(1)}, "password": {g.password}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base+"/auth/login", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultTransport.RoundTrip(r) // where it leads is of no interest
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	given := response.Cookies()
	if len(given) != 1 {
		return "", errors.New("a browser that signed in was not given one cookie")
	}
	return given[0].Name + "=" + given[0].Value, nil
}
