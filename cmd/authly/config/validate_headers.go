package config

import (
	"errors"
	"reflect"
	"strings"
	"unicode"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

func (d *decoder) checkHeaders() {
	d.checkSecurity("headers", d.config.Headers.SecurityHeaders)
	var all []string
	names := reflect.ValueOf(d.config.Headers.Identity)
	for _, k := range keysOf(names.Type()) {
		path := "headers.identity." + k.name
		for i, name := range names.FieldByIndex(k.index).Interface().([]string) {
			all = append(all, name)
			if err := (headers.IdentityNames{User: all}).Validate(); err != nil {
				d.refused(at(path, i), err)
				all = all[:len(all)-1]
			}
		}
	}
}

// checkSecurity asks about every value alone, so that every mistake is found and not only the first.
func (d *decoder) checkSecurity(path string, all SecurityHeaders) {
	values := reflect.ValueOf(all)
	for _, k := range keysOf(values.Type()) {
		var one SecurityHeaders
		reflect.ValueOf(&one).Elem().FieldByIndex(k.index).Set(values.FieldByIndex(k.index))
		d.refused(join(path, k.name), headers.SecurityConfig(one).Validate())
	}
}

func (d *decoder) checkCORS() {
	c := d.config.CORS
	for i, origin := range c.AllowedOrigins {
		path := at("cors.allowed_origins", i)
		switch {
		case origin == "*" && c.AllowCredentials:
			d.bad(path, "allows every origin, expected named ones where cors.allow_credentials is on")
		case origin == "*" && len(c.AllowedOrigins) > 1:
			d.bad(path, "already includes the other origins, expected it alone or named ones")
		default:
			d.refused(path, headers.CORSConfig{AllowedOrigins: []string{origin}}.Validate())
		}
	}
	for i, method := range c.AllowedMethods {
		d.checkMethod(at("cors.allowed_methods", i), method)
	}
	d.checkHeaderNames("cors.allowed_headers", c.AllowedHeaders)
	d.checkHeaderNames("cors.exposed_headers", c.ExposedHeaders)
}

func (d *decoder) checkHeaderNames(path string, names []string) {
	for i, name := range names {
		if (headers.CORSConfig{AllowedHeaders: []string{name}}).Validate() != nil {
			d.bad(at(path, i), "is no name of a header, expected one such as X-Request-Id")
		}
	}
}

// refused notes what another room has against a value. Those errors never repeat it.
func (d *decoder) refused(path string, err error) {
	if err == nil {
		return
	}
	problem := "is not good"
	if refusal, ok := errors.AsType[*authn.Error](err); ok {
		problem = lowerFirst(refusal.Detail)
	}
	d.bad(path, "%s", problem)
}

// lowerFirst lets a sentence go on after a colon. A word in capitals keeps them.
func lowerFirst(s string) string {
	if len(s) > 1 && unicode.IsUpper(rune(s[1])) {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
