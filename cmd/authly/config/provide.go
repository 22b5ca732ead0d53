package config

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/descoped/authly/authn/secret"
)

// The values of Secrets.Provider that do something: the environment is read in any case.
const (
	providerFile   = "file"
	providerStatic = "static"
)

// adminPassword is the variable of a secret that is no key of the configuration.
const adminPassword = "AUTHLY_ADMIN_PASSWORD" // #nosec G101 -- a name

// secretName is a name by which a provider knows a secret.
type secretName struct {
	name string
	path string // of the key; empty: it is none
	key  key
}

// secretNames lists the names of secrets, in the order in which they are read: Authly's own are stronger than aliases.
func secretNames() []secretName {
	var own []secretName
	byPath := map[string]key{}
	walk(reflect.TypeFor[Config](), func(path []string, k key) {
		if k.secret != "" {
			joined := strings.Join(path, ".")
			own, byPath[joined] = append(own, secretName{variableOf(path), joined, k}), k
		}
	})
	names := []secretName{{name: adminPassword}}
	for _, a := range aliases() {
		if k, isSecret := byPath[a.path]; isSecret {
			names = append(names, secretName{a.variable, a.path, k})
		}
	}
	return append(names, own...)
}

func (s *source) isSecretName(name string) bool {
	return slices.ContainsFunc(s.secrets, func(known secretName) bool { return known.name == name })
}

// provide opens what the configuration names; nil if that is the environment, or could not be opened.
func (s *source) provide(from *Secrets) (secret.Provider, error) {
	switch {
	case from.Provider == providerFile && from.Path != "":
		files, err := secret.OpenFiles(from.Path, s.isSecretName, nil)
		if err != nil {
			return nil, err
		}
		return files, nil
	case from.Provider == providerStatic && from.DangerouslyAllowStatic:
		written := map[string]string{}
		for _, one := range from.Static {
			if one.Value != "" { // else that is the mistake
				written[one.Name] = string(one.Value)
			}
		}
		return secret.NewStatic(written, nil), nil
	}
	return nil, nil
}

// provided reads what the provider has, over what the file said.
func (d *decoder) provided() {
	if d.provider == nil {
		return
	}
	for _, s := range d.from.secrets {
		material, ok, err := d.provider.Secret(context.Background(), s.name)
		value := textOf(material)
		d.origin = d.providedBy(s.name)
		beside := d.besideVariable(s)
		switch {
		case err != nil:
			d.wrong(nil, s.path, "%s", err)
		case !ok:
		case beside != "":
			d.wrong(nil, s.path, "is given beside %s, expected only one of them", beside)
		case s.path != "":
			d.fromOutside(d.origin, value, s.key, s.path)
		}
	}
	d.origin = Place{}
	d.heedFiles()
}

// providedBy is the place of a secret of the provider.
func (d *decoder) providedBy(name string) Place {
	if files, ok := d.provider.(*secret.Files); ok {
		return Place{File: files.File(name)}
	}
	return Place{Variable: name}
}

// besideVariable returns the variable that gives the same key as a secret of the provider; empty if there is none. Which of the two
// is meant would be a guess, and the one that was forgotten would win.
func (d *decoder) besideVariable(s secretName) string {
	for _, other := range d.from.secrets {
		if other.path != s.path {
			continue
		}
		if d.isGiven(other.name) {
			variable, _ := d.environment.Source(other.name)
			return variable
		}
	}
	return ""
}

// heedFiles notes what is to be said of the files that the provider has read, and that they are to be watched.
func (d *decoder) heedFiles() {
	files, ok := d.provider.(*secret.Files)
	if !ok {
		return
	}
	var names []string
	for _, s := range d.from.secrets {
		names = append(names, s.name)
	}
	for _, name := range files.Names() {
		d.config.heed("secrets.path", files.File(name), true)
	}
	d.config.files = append(d.config.files, files.Watched()...)
	for _, name := range files.Unknown() {
		if near := nearest(name, names); near != "" || strings.HasPrefix(name, "AUTHLY_") {
			text := "Holds a file that is called nearly like a secret, and has no effect"
			if near != "" {
				text += "; did you mean " + near + "?"
			} else {
				text += "."
			}
			d.config.strays = append(d.config.strays, Warning{"secrets.path", text})
		}
	}
}
