package web

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed templates/*.html
var builtinTemplates embed.FS

// drawings are the templates of the pages, each whole.
type drawings struct {
	byName map[string]*template.Template
}

func (d *drawings) of(name string) *template.Template { return d.byName[name] }

// shared are the templates that all pages are built of.
var shared = [...]string{"layout", "field", "pager", "events"}

// readTemplates reads the templates of all pages, those in a folder in place of the built-in ones.
func readTemplates(folder string, pages []page) (*drawings, error) {
	known := map[string]bool{}
	base := template.New("base")
	for _, name := range shared {
		known[name] = true
		if err := parse(base, folder, name); err != nil {
			return nil, err
		}
	}
	d := &drawings{byName: map[string]*template.Template{}}
	add := func(name string) error {
		known[name] = true
		if d.byName[name] != nil {
			return nil
		}
		t, err := base.Clone()
		if err != nil {
			return err
		}
		d.byName[name] = t
		if err := parse(t, folder, name); err != nil {
			return err
		}
		return defines(t, name)
	}
	for _, name := range [...]string{"message", "refusal"} { // which are no page's own
		if err := add(name); err != nil {
			return nil, err
		}
	}
	for i := range pages {
		if pg := &pages[i]; !pg.blind() {
			if err := add(pg.name); err != nil {
				return nil, err
			}
		}
	}
	return d, onlyKnown(folder, "templates", func(name string) bool {
		base, ok := strings.CutSuffix(name, ".html")
		return ok && known[base]
	})
}

// parse adds a template: from the folder, if it is there.
func parse(into *template.Template, folder, name string) error {
	file := "templates/" + name + ".html"
	source, err := readOver(builtinTemplates, folder, file)
	if err != nil {
		return err
	}
	if _, err := into.New(name).Parse(string(source)); err != nil {
		return fmt.Errorf("web: %s: %w", file, err)
	}
	return nil
}

// defines fails unless a page's template fills the layout.
func defines(t *template.Template, name string) error {
	if t.Lookup("content") == nil {
		return fmt.Errorf(`web: templates/%s.html does not define "content"`, name)
	}
	return nil
}

// readOver reads a file of the folder, or else the built-in one of the same name.
func readOver(builtin fs.FS, folder, name string) ([]byte, error) {
	if folder != "" {
		content, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name))) // #nosec G304 -- the operator names the folder
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return content, err
		}
	}
	return fs.ReadFile(builtin, name)
}

// CheckFolder fails where New would because of Config.Folder.
func CheckFolder(folder string) error {
	_, err := readLook(folder, new(Pages).table(), assetsPath, Brand{})
	return err
}

// look is what pages are drawn with.
type look struct {
	languages *languages
	drawings  *drawings
	builtin   *drawings        // for where those of the folder fail
	assets    map[string]asset // by their path, whole
}

// readLook reads what pages are drawn with, from the folder what is there.
func readLook(folder string, pages []page, at string, brand Brand) (l look, err error) {
	if folder != "" {
		if _, err := os.ReadDir(folder); err != nil {
			return l, fmt.Errorf("web: %w", err)
		}
	}
	if l.languages, err = readLanguages(folder); err != nil {
		return l, err
	}
	if l.drawings, err = readTemplates(folder, pages); err != nil {
		return l, err
	}
	l.builtin = l.drawings
	if folder != "" {
		if l.builtin, err = readTemplates("", pages); err != nil {
			return l, err
		}
	}
	l.assets, err = readAssets(folder, at, brand)
	return l, err
}

// onlyKnown refuses files that nothing would read: their names would be misspelt.
func onlyKnown(folder, kind string, known func(name string) bool) error {
	if folder == "" {
		return nil
	}
	entries, err := os.ReadDir(filepath.Join(folder, kind))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("web: %w", err)
	}
	for _, e := range entries {
		if !known(e.Name()) {
			return fmt.Errorf("web: %s/%s is not the name of a file that is used", kind, e.Name())
		}
	}
	return nil
}
