package config

import (
	"reflect"
	"strings"
)

// Differences lists the paths of the keys that have another value in the other configuration, in the order of the schema. What
// stands in a list counts as its key.
func (c *Config) Differences(other *Config) []string {
	var paths []string
	mine, its := reflect.ValueOf(c).Elem(), reflect.ValueOf(other).Elem()
	walk(reflect.TypeFor[Config](), func(path []string, k key) {
		if k.kind.Kind() == reflect.Struct && !isPrefix(k.kind) {
			return // its own keys follow
		}
		if !reflect.DeepEqual(mine.FieldByIndex(k.index).Interface(), its.FieldByIndex(k.index).Interface()) {
			paths = append(paths, strings.Join(path, "."))
		}
	})
	return paths
}
