package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/descoped/authly/authn"
)

// The address of an application is said, or is that of the one host and path.
func TestApplications(t *testing.T) {
	for _, test := range []struct {
		route string
		want  *authn.Application
	}{
		{"hosts: [app.example.com], paths: [/*]", nil},
		{"hosts: [App.Example.com.], paths: [/*], title: App", &authn.Application{
			Title: "App", URL: "https://app.example.com:8443/", Host: "app.example.com", RawPath: "/"}},
		{"hosts: [app.example.com], paths: [/a%20b/*], title: App", &authn.Application{
			Title: "App", URL: "https://app.example.com:8443/a%20b/", Host: "app.example.com", RawPath: "/a%20b/"}},
		{"hosts: [app.example.com], paths: [/a], title: App", &authn.Application{
			Title: "App", URL: "https://app.example.com:8443/a", Host: "app.example.com", RawPath: "/a"}},
		{`hosts: ["[2001:DB8::1]"], paths: [/*], title: App`, &authn.Application{
			Title: "App", URL: "https://[2001:db8::1]:8443/", Host: "2001:db8::1", RawPath: "/"}},
		{"paths: [/a/*], title: App", &authn.Application{
			Title: "App", URL: "https://login.example.com:8443/a/", Host: "login.example.com", RawPath: "/a/"}},
		{"paths: [/a/*, /b], title: App, url: /a/b?c=d#/e", &authn.Application{
			Title: "App", URL: "https://login.example.com:8443/a/b?c=d#/e", Host: "login.example.com", RawPath: "/a/b"}},
		{`hosts: ["*.example.com", b.example.com], paths: [/*], title: App, url: "http://A.example.com:81/"`, &authn.Application{
			Title: "App", URL: "http://A.example.com:81/", Host: "a.example.com", RawPath: "/"}},
	} {
		c, err := load("config.yaml", []byte("server: {public_url: \"https://login.example.com:8443/base\"}\nroutes: [{name: a, allow: public, "+
			test.route+"}]\n"), true, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, c.Rules()[0].Application); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.route, diff)
		}
	}
}
