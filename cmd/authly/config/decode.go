package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/authn/secret"
)

// decoder fills a Config from YAML nodes and collects what is wrong with them. It goes where the types of the schema lead,
// so the depth of a document beyond them costs nothing.
type decoder struct {
	config   *Config
	from     *source
	origin   Place            // of the variable or the secret that is being read; zero: the file is
	places   map[string]Place // of every value that was given, by its path
	mistakes Mistakes
	late     map[string]late // what is read last, by its path

	environment *secret.Environment
	provider    secret.Provider // where secrets come from beside the environment; nil: from nowhere
	values      *secret.Values  // opens sealed values; nil: there is no master key
	probing     bool            // sealed values are passed over
}

// late is a value put off until the rest of the configuration is known.
type late struct {
	node   *yaml.Node
	value  reflect.Value
	key    key
	origin Place
}

// place is where a node stands.
func (d *decoder) place(n *yaml.Node) Place {
	if !d.inFile() {
		return d.origin
	}
	return Place{File: d.from.path, Line: n.Line, Column: n.Column}
}

// inFile reports whether it is the file that is being read.
func (d *decoder) inFile() bool { return d.origin == Place{} }

// wrong notes a mistake in the value at path.
func (d *decoder) wrong(n *yaml.Node, path, format string, args ...any) {
	d.mistakes = append(d.mistakes, Mistake{Place: d.place(n), Key: path, Problem: fmt.Sprintf(format, args...)})
}

// finish reads what was put off.
func (d *decoder) finish() {
	for path, l := range d.late {
		d.origin = l.origin
		l.key.late = false
		d.value(l.node, l.value, l.key, path)
	}
}

// value decodes a node into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, k key, path string) {
	if k.late {
		d.late[path] = late{n, v, k, d.origin}
		return
	}
	if !d.plain(n, path) {
		return
	}
	d.places[path] = d.place(n)
	switch target := v.Addr().Interface().(type) {
	case *Allow:
		d.allow(n, target, path)
		return
	case *time.Duration, *netip.Prefix:
		d.scalar(n, v, k, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Pointer:
		made := reflect.New(v.Type().Elem())
		made.Interface().(defaulter).defaults(d.config)
		d.mapping(n, made.Elem(), path)
		v.Set(made)
	case reflect.Slice:
		d.list(n, v, k, path)
	default:
		d.scalar(n, v, k, path)
	}
}

// plain reports whether a node is free of what this format leaves out of YAML: values that stand in two places, and tags.
func (d *decoder) plain(n *yaml.Node, path string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.wrong(n, path, "anchors and aliases are not supported, expected the value itself")
	case n.Style&yaml.TaggedStyle != 0:
		d.wrong(n, path, "tags are not supported, expected a value without one")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		d.wrong(n, path, "has no value, expected one; leave it out if there is none")
	default:
		return true
	}
	return false
}

// keyName is what the name of a key may look like for a message to repeat it. Anything else may be a misplaced secret.
var keyName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`)

// mapping decodes a mapping into a struct.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "is %s, expected a mapping of %s", kindOf(n), either(namesOf(v.Type()), "and"))
		return
	}
	keys := map[string]key{}
	for _, k := range keysOf(v.Type()) {
		keys[k.name] = k
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		nameNode, valueNode := n.Content[i], n.Content[i+1]
		name := nameNode.Value
		k, known := keys[name]
		at := join(path, name)
		switch {
		case nameNode.Tag == "!!merge":
			d.wrong(nameNode, path, "merge keys are not supported, expected the keys themselves")
		case nameNode.Kind != yaml.ScalarNode || !keyName.MatchString(name):
			d.wrong(nameNode, path, "holds something that is no key, expected %s", either(namesOf(v.Type()), "or"))
		case nameNode.Anchor != "" || nameNode.Style&yaml.TaggedStyle != 0:
			d.wrong(nameNode, at, "anchors, aliases and tags are not supported, expected the plain key")
		case first[name] != nil:
			d.wrong(nameNode, at, "is given twice, first at %s", d.place(first[name]))
		case !known:
			first[name] = nameNode
			d.wrong(nameNode, at, "unknown key%s", d.meant(name, path, namesOf(v.Type())))
		default:
			first[name] = nameNode
			d.value(valueNode, v.FieldByIndex(k.index), k, at)
		}
	}
}

// meant says which key was probably meant, or which there are.
func (d *decoder) meant(name, path string, names []string) string {
	if near := nearest(name, names); near != "" {
		return ", did you mean " + near + "?"
	}
	if other := elsewhere(name); other != "" && path == "" {
		return ", did you mean " + other + "?"
	}
	return ", expected " + either(names, "or")
}

// list decodes a sequence into a slice.
func (d *decoder) list(n *yaml.Node, v reflect.Value, k key, path string) {
	nodes := n.Content
	if n.Kind != yaml.SequenceNode {
		if !k.orOne || n.Kind != yaml.ScalarNode {
			d.wrong(n, path, "is %s, expected a list such as [a, b]", kindOf(n))
			return
		}
		nodes = []*yaml.Node{n}
	}
	made := reflect.MakeSlice(v.Type(), len(nodes), len(nodes))
	for i, element := range nodes {
		at := fmt.Sprintf("%s[%d]", path, i)
		if own, ok := made.Index(i).Addr().Interface().(defaulter); ok {
			own.defaults(d.config)
		}
		d.value(element, made.Index(i), key{kind: v.Type().Elem()}, at)
	}
	v.Set(made)
}

// allow decodes who may pass: a word, or a mapping of roles and users.
func (d *decoder) allow(n *yaml.Node, a *Allow, path string) {
	const expected = "expected public, authenticated, nobody or a mapping of roles and users"
	switch n.Kind {
	case yaml.SequenceNode:
		d.wrong(n, path, "is a list, %s", expected)
		return
	case yaml.MappingNode:
		var l listed
		d.mapping(n, reflect.ValueOf(&l).Elem(), path)
		*a = Allow{Access: authn.AllowListed, Roles: l.Roles, Users: l.Users}
		return
	}
	text, tag, ok := d.text(n, key{}, path)
	if !ok {
		return
	}
	var names []string
	for _, w := range words() {
		if text == w.word && (tag == "" || tag == "!!str") {
			a.Access = w.access
			return
		}
		names = append(names, w.word)
	}
	hint := ""
	if near := nearest(text, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	d.wrong(n, path, "is none of the known words, %s%s", expected, hint)
}

// kindOf names what a node is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return kindOfTag(n.Tag)
}

func kindOfTag(tag string) string {
	switch tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// join appends a key to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// either lists names in a sentence: a, b or c.
func either(names []string, word string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + word + " " + names[last]
}
