package config

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn/secret"
)

// alias is a variable by which other setups already know one of the keys.
type alias struct {
	variable string
	path     string
	unit     string // put behind the number that the variable holds
	times    int    // the number is multiplied by this before
}

func aliases() []alias {
	return []alias{
		{variable: "JWT_SECRET_KEY", path: "tokens.secret_key"},
		{variable: "JWT_REFRESH_SECRET_KEY", path: "tokens.refresh_secret_key"},
		{variable: "JWT_SECRET_KEY_PREVIOUS", path: "tokens.secret_key_previous"},
		{variable: "JWT_REFRESH_SECRET_KEY_PREVIOUS", path: "tokens.refresh_secret_key_previous"},
		{variable: "AUTHLY_MASTER_KEY", path: "keys.master_key"},
		{variable: "AUTHLY_MASTER_KEY_PREVIOUS", path: "keys.master_key_previous"},
		{variable: "JWT_ALGORITHM", path: "tokens.algorithm"},
		{variable: "ACCESS_TOKEN_EXPIRE_MINUTES", path: "tokens.access_ttl", unit: "m", times: 1},
		{variable: "REFRESH_TOKEN_EXPIRE_DAYS", path: "tokens.refresh_ttl", unit: "h", times: 24},
		{variable: "DATABASE_URL", path: "store.url"},
		{variable: "AUTHLY_API_VERSION_PREFIX", path: "server.api_prefix"},
	}
}

// environment turns KEY=value lines into a map. Of a variable that is there twice the last counts, as for a new process.
func environment(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, "="); ok {
			env[name] = value
		}
	}
	return env
}

// variableOf is the variable that gives the key at path.
func variableOf(path []string) string {
	return "AUTHLY_" + strings.ToUpper(strings.Join(path, "_"))
}

// variables lists the variables of Authly's own.
func variables() map[string]bool {
	known := map[string]bool{}
	walk(reflect.TypeFor[Config](), func(path []string, _ key) { known[variableOf(path)] = true })
	return known
}

// environ reads the variables over what the file and the provider said: first the aliases, then Authly's own names, the general
// before the special, so that AUTHLY_LOG_LEVEL is stronger than AUTHLY_LOG, and both are stronger than an alias.
func (d *decoder) environ() {
	d.aliases()
	walk(reflect.TypeFor[Config](), func(path []string, k key) {
		value, from, ok := d.given(variableOf(path), k)
		if !ok {
			return
		}
		d.fromOutside(from, value, k, strings.Join(path, "."))
	})
	d.origin = Place{}
}

// given returns the value of a variable, or of the file that variable_FILE names, and which of the two it was.
func (d *decoder) given(variable string, k key) (value string, from Place, ok bool) {
	name, file := d.environment.Source(variable)
	from = Place{Variable: name}
	material, ok, err := d.environment.Secret(context.Background(), variable)
	if err != nil {
		d.origin = from
		d.wrong(nil, "", "%s", err)
		return "", from, false
	}
	if !ok {
		return "", from, false
	}
	d.config.heed(name, file, holdsSecret(k))
	return textOf(material), from, true
}

// textOf returns key material as text, and releases it.
func textOf(material secret.Bytes) string {
	var text string
	_ = material.Use(func(content []byte) error { text = string(content); return nil }) // it is not released before
	material.Release()
	return text
}

// aliases reads the variables by which other setups know some of the keys. One whose key has a variable of Authly's own is
// not looked at.
func (d *decoder) aliases() {
	for _, a := range aliases() {
		own := variableOf(strings.Split(a.path, "."))
		if !d.isGiven(a.variable) {
			continue
		}
		if d.isGiven(own) {
			name, file := d.environment.Source(a.variable)
			if file == "" { // what nobody reads may be a secret all the same
				d.config.heed(name, "", holdsSecret(keyAt(a.path)))
			}
			continue
		}
		value, from, ok := d.given(a.variable, keyAt(a.path))
		if !ok {
			continue
		}
		d.origin = from
		if a.unit != "" && value != "" {
			number, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || number < 0 || number > 1_000_000 {
				d.wrong(nil, a.path, "is no whole number, expected one of %s", map[string]string{"m": "minutes", "h": "days"}[a.unit])
				continue
			}
			value = strconv.Itoa(number*a.times) + a.unit
		}
		d.fromOutside(from, value, keyAt(a.path), a.path)
	}
	d.origin = Place{}
}

// isGiven reports whether there is a variable, or one that names a file for it.
func (d *decoder) isGiven(variable string) bool {
	named, _ := d.environment.Source(variable)
	_, isSet := d.from.env[named]
	return isSet
}

// keyAt returns the key at a path of the schema.
func keyAt(path string) key {
	var found key
	walk(reflect.TypeFor[Config](), func(at []string, k key) {
		if strings.Join(at, ".") == path {
			found = k
		}
	})
	return found
}

// fromOutside decodes the value of a variable, of the file that it names, or of a provider. k is a key as walk finds it.
func (d *decoder) fromOutside(from Place, value string, k key, path string) {
	d.origin = from
	defer func() { d.origin = Place{} }()
	target := reflect.ValueOf(d.config).Elem().FieldByIndex(k.index)
	isText := target.Kind() == reflect.String
	switch {
	case !isText && strings.TrimSpace(value) == "":
		return // counts as not set
	case k.secret == "all" && value == "":
		d.wrong(nil, path, "is empty, expected a secret; leave the variable out if there is to be none")
		return
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	switch {
	case isText || !composite(target):
		if !isText {
			node.Value = strings.TrimSpace(value)
		}
	case isPlainList(target.Type()) && !strings.HasPrefix(strings.TrimSpace(value), "[") && !strings.Contains(value, "\n"):
		node = commaList(value)
	default:
		parsed, mistakes := parse([]byte(value), "")
		if len(mistakes) > 0 {
			d.wrong(nil, path, "%s", mistakes[0].Problem)
			return
		}
		if parsed == nil {
			return
		}
		node = parsed
	}
	d.value(node, target, k, path)
}

// composite reports whether a value is written as a list or a mapping.
func composite(v reflect.Value) bool {
	return v.Kind() == reflect.Slice || v.Kind() == reflect.Struct && !isPrefix(v.Type())
}

// isPlainList reports whether a type is a list of single values.
func isPlainList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && (t.Elem().Kind() == reflect.String || isPrefix(t.Elem()))
}

// commaList is the list that a, b, c means.
func commaList(value string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for element := range strings.SplitSeq(value, ",") {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: strings.TrimSpace(element)})
	}
	return list
}

// sortedNames returns names in order, so that messages about them have one too.
func sortedNames[V any](named map[string]V) []string { return slices.Sorted(maps.Keys(named)) }
