package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed languages/*.json
var builtinLanguages embed.FS

// languages are the catalogues of what the pages say.
type languages struct {
	tongues []*tongue // in the order of the matcher's tags: English first
	matcher language.Matcher
}

// tongue is one language.
type tongue struct {
	tag       string // of BCP 47
	localizer *i18n.Localizer
}

// readLanguages reads the built-in catalogues, and those of a folder over them: a file there may be a further language, or may replace
// some words of one.
func readLanguages(folder string) (*languages, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	if err := readCatalogues(bundle, builtinLanguages); err != nil {
		return nil, err
	}
	if folder != "" {
		if err := readCatalogues(bundle, os.DirFS(folder)); err != nil {
			return nil, err
		}
	}
	tags := bundle.LanguageTags()
	l := &languages{matcher: language.NewMatcher(tags)}
	for _, tag := range tags {
		l.tongues = append(l.tongues, &tongue{tag: tag.String(), localizer: i18n.NewLocalizer(bundle, tag.String())})
	}
	return l, nil
}

// readCatalogues adds every file languages/TAG.json.
func readCatalogues(bundle *i18n.Bundle, files fs.FS) error {
	names, err := fs.Glob(files, "languages/*.json")
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if _, err := language.Parse(path.Base(name[:len(name)-len(".json")])); err != nil {
			return fmt.Errorf("web: %s is not named by the tag of a language", name)
		}
		if _, err := bundle.ParseMessageFileBytes(content, name); err != nil {
			return fmt.Errorf("web: %s: %w", name, err)
		}
	}
	return nil
}

// of returns the language that the browser of a request prefers, of those that there are; else English.
func (l *languages) of(h http.Header) *tongue {
	const most = 1 << 10 // bytes: no browser has more to say
	wanted := h.Get("Accept-Language")
	if len(wanted) > most {
		return l.tongues[0]
	}
	tags, _, err := language.ParseAcceptLanguage(wanted)
	if err != nil || len(tags) == 0 {
		return l.tongues[0]
	}
	_, i, _ := l.matcher.Match(tags...)
	return l.tongues[i]
}

// t is a text by its name, see visit.t. Where no language has it, it is its name: a test looks for those.
func (t *tongue) t(name string, args ...any) string {
	values := map[string]any{}
	for i := 0; i+1 < len(args); i += 2 {
		key, _ := args[i].(string)
		values[key] = args[i+1]
	}
	if text, ok := t.find(name, values); ok {
		return text
	}
	return name
}

// find is t for a name that may not be one. What is taken from English comes with an error, and is no less a text.
func (t *tongue) find(name string, values map[string]any) (string, bool) {
	text, _ := t.localizer.Localize(&i18n.LocalizeConfig{MessageID: name, TemplateData: values, PluralCount: values["Count"]})
	return text, text != ""
}
