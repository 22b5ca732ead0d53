package config

import (
	"reflect"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// plainFraction is how a fraction is written: with a point, without an exponent.
var plainFraction = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

func (d *decoder) fraction(n *yaml.Node, v reflect.Value, text, tag string, k key, path string) {
	if tag != "" && tag != "!!int" && tag != "!!float" || !plainFraction.MatchString(text) {
		d.wrong(n, path, "is %s, expected a number from %s to %s such as 0.5", notA(tag, "!!int", "no plain number"), k.min, k.max)
		return
	}
	number, err := strconv.ParseFloat(text, 64)
	least, _ := strconv.ParseFloat(k.min, 64)
	most, _ := strconv.ParseFloat(k.max, 64)
	if err != nil || number < least || number > most {
		d.wrong(n, path, "is out of range, expected a number from %s to %s", k.min, k.max)
		return
	}
	v.SetFloat(number)
}

// fractionTree is the YAML of a fraction. A whole one is written as such.
func fractionTree(number float64) *yaml.Node {
	tag := "!!float"
	if number == float64(int64(number)) {
		tag = "!!int"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: strconv.FormatFloat(number, 'f', -1, 64)}
}
