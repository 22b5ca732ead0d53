package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
)

// key is one key of the schema: a field of one of the structs.
type key struct {
	name  string // as it is written
	index []int  // of the field, for reflect.Value.FieldByIndex
	kind  reflect.Type

	late      bool   // read when everything else is known
	orOne     bool   // a list that may be written as its only element
	omitEmpty bool   // not listed when empty
	oneOf     string // values separated by |
	min, max  string // of a number or a duration
	secret    string // what of it is never shown: all, or password
}

// keysOf lists the keys of a struct type, those of embedded structs among them.
func keysOf(t reflect.Type) []key {
	var keys []key
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, k := range keysOf(f.Type) {
				k.index = append([]int{i}, k.index...)
				keys = append(keys, k)
			}
			continue
		}
		tag, ok := f.Tag.Lookup("yaml")
		if !ok {
			continue
		}
		options := strings.Split(tag, ",")
		keys = append(keys, key{
			name:      options[0],
			index:     []int{i},
			kind:      f.Type,
			late:      slices.Contains(options[1:], "late"),
			orOne:     slices.Contains(options[1:], "orone"),
			omitEmpty: slices.Contains(options[1:], "omitempty"),
			oneOf:     f.Tag.Get("oneof"),
			min:       f.Tag.Get("min"),
			max:       f.Tag.Get("max"),
			secret:    f.Tag.Get("secret"),
		})
	}
	return keys
}

// namesOf lists the names of the keys of a struct type.
func namesOf(t reflect.Type) []string {
	var names []string
	for _, k := range keysOf(t) {
		names = append(names, k.name)
	}
	return names
}

// walk calls visit for every key that has one place in the configuration: those of structs within structs, but not those
// within lists, of which there may be many.
func walk(t reflect.Type, visit func(path []string, k key)) {
	walkFrom(t, nil, nil, visit)
}

func walkFrom(t reflect.Type, path []string, index []int, visit func(path []string, k key)) {
	for _, k := range keysOf(t) {
		k.index = slices.Concat(index, k.index)
		at := append(slices.Clone(path), k.name)
		visit(at, k)
		if k.kind.Kind() == reflect.Struct {
			walkFrom(k.kind, at, k.index, visit)
		}
	}
}

// allKeys lists the path of every key, those within lists and behind pointers too, such as routes.timeouts.connect.
func allKeys(t reflect.Type, prefix string) []string {
	var all []string
	for _, k := range keysOf(t) {
		all = append(all, prefix+k.name)
		inner := k.kind
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner == reflect.TypeFor[Allow]() {
			inner = reflect.TypeFor[listed]()
		}
		if inner.Kind() == reflect.Struct {
			all = append(all, allKeys(inner, prefix+k.name+".")...)
		}
	}
	return all
}

// isPrefix reports whether a type is that of a network, which is a struct but written as a single value.
func isPrefix(t reflect.Type) bool { return t == reflect.TypeFor[netip.Prefix]() }
