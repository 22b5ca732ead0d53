package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
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

// environ reads the variables over what the file said: first the aliases, then Authly's own names, the general before the
// special, so that AUTHLY_LOG_LEVEL is stronger than AUTHLY_LOG, and both are stronger than an alias.
func (d *decoder) environ(env map[string]string) {
	known := map[string]bool{}
	walk(reflect.TypeFor[Config](), func(path []string, _ key) { known[variableOf(path)] = true })

	d.aliases(env, known)
	walk(reflect.TypeFor[Config](), func(path []string, k key) {
		variable := variableOf(path)
		value, from, ok := d.given(env, variable, known)
		if !ok {
			return
		}
		d.fromVariable(from, value, k, strings.Join(path, "."))
	})
	d.variable = ""
	d.config.strays = strays(env, known)
}

// given returns the value of a variable, or of the file that variable_FILE names, and which of the two it was.
func (d *decoder) given(env map[string]string, variable string, known map[string]bool) (value, from string, ok bool) {
	value, ok = env[variable]
	inFile := variable + "_FILE"
	path, hasFile := env[inFile]
	if !hasFile || known[inFile] {
		return value, variable, ok
	}
	d.variable = inFile
	if ok {
		d.wrong(nil, "", "is given beside %s, expected only one of them", variable)
		return "", "", false
	}
	value, problem := readFile(path)
	if problem != "" {
		d.wrong(nil, "", "%s", problem)
		return "", "", false
	}
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	return value, inFile, true
}

// readFile returns what a file holds, or what is wrong with it.
func readFile(path string) (content, problem string) {
	if path == "" {
		return "", "names no file, expected the path of one"
	}
	data, err := os.ReadFile(path) // #nosec G304 -- named by a variable of Authly's
	switch {
	case os.IsNotExist(err):
		return "", "names a file that does not exist"
	case os.IsPermission(err):
		return "", "names a file that may not be read"
	case err != nil:
		return "", "names something that is no readable file"
	case len(data) > maxSize:
		return "", fmt.Sprintf("names a file that is too long, expected at most %d bytes", maxSize)
	}
	return string(data), ""
}

// aliases reads the variables by which other setups know some of the keys. One whose key has a variable of Authly's own is
// not looked at.
func (d *decoder) aliases(env map[string]string, known map[string]bool) {
	for _, a := range aliases() {
		own := "AUTHLY_" + strings.ToUpper(strings.ReplaceAll(a.path, ".", "_"))
		if _, set := env[own]; set {
			continue
		}
		if _, set := env[own+"_FILE"]; set {
			continue
		}
		value, from, ok := d.given(env, a.variable, known)
		if !ok {
			continue
		}
		d.variable = from
		if a.unit != "" && value != "" {
			number, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || number < 0 || number > 1_000_000 {
				d.wrong(nil, a.path, "is no whole number, expected one of %s", map[string]string{"m": "minutes", "h": "days"}[a.unit])
				continue
			}
			value = strconv.Itoa(number*a.times) + a.unit
		}
		d.fromVariable(from, value, keyAt(a.path), a.path)
	}
	d.variable = ""
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

// fromVariable decodes the value of a variable, or of the file that it names. k is a key as walk finds it.
func (d *decoder) fromVariable(variable, value string, k key, path string) {
	d.variable = variable
	defer func() { d.variable = "" }()
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
