package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descoped/authly/authn/web"
)

// folder makes a folder with files, given by name and content.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		name := filepath.Join(dir, filepath.FromSlash(files[i]))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What is in the folder stands in place of what is built in, and what is not there is still built in.
func TestFolder(t *testing.T) {
	dir := folder(t,
		"templates/signin.html", `{{define "content"}}<p class="own">{{.T "signin.welcome"}}</p><form method="post">{{template "field" (.Field "username")}}</form>{{end}}`,
		"languages/en.json", `{"signin.welcome": "Welcome to the archive", "signin.title": "Enter"}`,
		"languages/fr.json", `{"signin.title": "Se connecter"}`,
		"assets/style.css", "body { color: teal }",
	)
	s := open(t, func(c *web.Config) { c.Folder = dir })
	const page = prefix + web.SignInPath
	a := s.ask(t, "GET", page, nil)
	a.says(t, 200, `<p class="own">Welcome to the archive</p>`)
	a.says(t, 200, "<h1>Enter</h1>")
	a.says(t, 200, `<label for="username">Username or email address</label>`)
	a = s.ask(t, "GET", page, nil, "Accept-Language", "fr")
	a.says(t, 200, `<html lang="fr">`)
	a.says(t, 200, "<h1>Se connecter</h1>")
	a.says(t, 200, "Welcome to the archive") // English stands in for what a language lacks
	s.ask(t, "GET", page, nil, "Accept-Language", "de").says(t, 200, "<h1>Anmelden</h1>")
	s.ask(t, "GET", prefix+"/auth/signout", nil).says(t, 200, "Sign out")
	if a := s.ask(t, "GET", prefix+"/auth/assets/style.css", nil); a.body != "body { color: teal }" {
		t.Errorf("the style is %q", a.body)
	}
}

// A mistake in the folder is told of at the start, and not to whoever opens a page.
func TestMistakesInFolder(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  string
	}{
		"template":          {[]string{"templates/signin.html", `{{define "content"}}{{if}}{{end}}`}, "templates/signin.html"},
		"nothing defined":   {[]string{"templates/signin.html", `<p>`}, `"content"`},
		"misspelt template": {[]string{"templates/singin.html", ""}, "singin.html"},
		"misspelt style":    {[]string{"assets/styles.css", ""}, "styles.css"},
		"language":          {[]string{"languages/de.json", `{"a": `}, "languages/de.json"},
		"no language":       {[]string{"languages/klingonisch.json", `{}`}, "languages/klingonisch.json"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			cfg := s.config
			cfg.Folder = folder(t, test.files...)
			if _, err := web.New(cfg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s in it", err, test.want)
			}
			if err := web.CheckFolder(cfg.Folder); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the check finds %v, want %s in it", err, test.want)
			}
		})
	}
	if err := web.CheckFolder(filepath.Join(t.TempDir(), "gone")); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a folder that is not there: %v", err)
	}
	for _, fine := range []string{"", t.TempDir()} {
		if err := web.CheckFolder(fine); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
}

// A template that fails only when it is used keeps nobody from signing in: the built-in one stands in for it.
func TestTemplateThatFails(t *testing.T) {
	dir := folder(t, "templates/signin.html", `{{define "content"}}<p class="own">{{.Data.Nope}}{{end}}`)
	a := open(t, func(c *web.Config) { c.Folder = dir }).ask(t, "GET", prefix+web.SignInPath, nil)
	a.says(t, 200, `name="password"`)
	a.saysNot(t, `class="own"`)
}

func TestBrand(t *testing.T) {
	s := open(t, func(c *web.Config) {
		c.Brand = web.Brand{
			Name: `Mill & <b>Sons</b>`, Accent: "#ffcc00", AccentDark: "#003366", Logo: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), LogoType: "image/svg+xml",
			Links: []web.BrandLink{{Title: "Imprint <i>", URL: "https://www.example.com/imprint?a=1&b=2"}, {Title: "Bad", URL: "javascript:alert(1)"}},
		}
	})
	a := s.ask(t, "GET", prefix+web.SignInPath, nil)
	a.says(t, 200, "Mill &amp; &lt;b&gt;Sons&lt;/b&gt;")
	a.says(t, 200, `<a href="https://www.example.com/imprint?a=1&amp;b=2">Imprint &lt;i&gt;</a>`)
	if strings.Contains(a.body, "javascript:") {
		t.Error("a link would run a script")
	}
	css := s.ask(t, "GET", prefix+"/auth/assets/brand.css", nil)
	if css.body != ":root { --act: light-dark(#ffcc00, #003366); --act-ink: light-dark(#000000, #ffffff); }\n" {
		t.Errorf("%q", css.body)
	}
	_, rest, found := strings.Cut(a.body, `<img src="`)
	logo, _, _ := strings.Cut(rest, `"`)
	picture := s.ask(t, "GET", logo, nil)
	if !found || picture.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(picture.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%s: %v", logo, picture.header)
	}
}

func TestContrast(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#777777", "#ffffff", 4.48}, {"#767676", "#ffffff", 4.54}, {"teal", "#ffffff", 0},
	} {
		if got := web.Contrast(test.a, test.b); got < test.want-.01 || got > test.want+.01 {
			t.Errorf("%s on %s: %.2f, want %.2f", test.a, test.b, got, test.want)
		}
	}
}
