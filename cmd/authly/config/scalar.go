package config

import (
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn/secret"
)

// text returns what a scalar says after its variables are expanded, and what YAML takes it for. The latter is empty where
// nobody wrote it as YAML: then it is whatever is expected.
func (d *decoder) text(n *yaml.Node, k key, path string) (text, tag string, ok bool) {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, path, "is %s, expected a single value", kindOf(n))
		return "", "", false
	}
	if !d.inFile() {
		return d.opened(n, path, n.Value, n.Tag)
	}
	text, expanded, problem := expand(n.Value, k.secret != "", d.lookup(k))
	if problem != "" {
		d.wrong(n, path, "%s", problem)
		return "", "", false
	}
	if k.secret == "all" && expanded && text == "" && !strings.Contains(n.Value, ":-") {
		d.wrong(n, path, "is empty, expected a secret; leave the key out to have Authly make and keep one")
		return "", "", false
	}
	// Of a list's, such as the hash of a client's secret, nothing is said: nobody can log in with it.
	if k.secret == "all" && !expanded && text != "" && !secret.IsSealedValue(text) && !index.MatchString(path) {
		d.config.expose(path, d.from.path)
	}
	if expanded {
		tag = ""
	} else {
		tag = n.Tag
	}
	return d.opened(n, path, text, tag)
}

// scalar decodes a scalar into v.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, k key, path string) {
	text, tag, ok := d.text(n, k, path)
	if !ok {
		return
	}
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		d.duration(n, target, text, tag, k, path)
		return
	case *netip.Prefix:
		d.prefix(n, target, text, path)
		return
	}
	switch v.Kind() {
	case reflect.String:
		d.words(n, v, text, tag, k, path)
	case reflect.Bool:
		if (tag != "" && tag != "!!bool") || text != "true" && text != "false" {
			d.wrong(n, path, "is %s, expected true or false, without quotes", notA(tag, "!!bool", "neither of them"))
			return
		}
		v.SetBool(text == "true")
	case reflect.Int:
		d.number(n, v, text, tag, k, path)
	case reflect.Float64:
		d.fraction(n, v, text, tag, k, path)
	default:
		panic("config: a key of type " + v.Type().String() + " cannot be read")
	}
}

// notA says what a value is when it is not what is wanted: what YAML takes it for, or otherwise if that would do.
func notA(tag, wanted, otherwise string) string {
	if tag == "" || tag == wanted || wanted == "!!int" && tag == "!!float" {
		return otherwise
	}
	return kindOfTag(tag)
}

// words decodes a text.
func (d *decoder) words(n *yaml.Node, v reflect.Value, text, tag string, k key, path string) {
	switch {
	case tag != "" && tag != "!!str":
		d.wrong(n, path, "is %s, expected text; put it in quotes", kindOfTag(tag))
	case k.oneOf != "" && !strings.Contains("|"+k.oneOf+"|", "|"+text+"|"):
		d.wrong(n, path, "is none of the possible values, expected %s", choices(k.oneOf, text))
	case k.secret != "all" && !printable(text):
		d.wrong(n, path, "holds a control character or is not UTF-8, expected plain text on one line")
	default:
		v.SetString(text)
	}
}

// choices lists the values that are possible, and the one that was probably meant.
func choices(oneOf, text string) string {
	names := strings.Split(oneOf, "|")
	empty := names[0] == ""
	if empty {
		names = names[1:]
	}
	near := nearest(text, names)
	if empty {
		names = append(names, `""`)
	}
	if near != "" {
		return either(names, "or") + "; did you mean " + near + "?"
	}
	return either(names, "or")
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// wholeNumber is how a number is written: not in octal, not with underscores, which programs read in different ways.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func (d *decoder) number(n *yaml.Node, v reflect.Value, text, tag string, k key, path string) {
	if (tag != "" && tag != "!!int") || !wholeNumber.MatchString(text) {
		d.wrong(n, path, "is %s, expected a whole number from %s to %s", notA(tag, "!!int", "no plain whole number"), k.min, k.max)
		return
	}
	number, err := strconv.ParseInt(text, 10, 64)
	least, _ := strconv.ParseInt(k.min, 10, 64)
	most, _ := strconv.ParseInt(k.max, 10, 64)
	if err != nil || number < least || number > most {
		d.wrong(n, path, "is out of range, expected a whole number from %s to %s", k.min, k.max)
		return
	}
	v.SetInt(number)
}

func (d *decoder) duration(n *yaml.Node, target *time.Duration, text, tag string, k key, path string) {
	value, err := time.ParseDuration(text)
	switch {
	case tag == "!!int" && text != "0":
		d.wrong(n, path, "is a number without a unit, expected a duration such as 30s, 15m or 168h")
	case err != nil:
		d.wrong(n, path, "is %s, expected a duration such as 30s, 15m or 168h", notA(tag, "!!str", "no duration"))
	default:
		least, _ := time.ParseDuration(k.min)
		most, _ := time.ParseDuration(k.max)
		if value < least || value > most {
			d.wrong(n, path, "is out of range, expected a duration from %s to %s", k.min, k.max)
			return
		}
		*target = value
	}
}

// prefix decodes a network, or an address as the network that holds only it.
func (d *decoder) prefix(n *yaml.Node, target *netip.Prefix, text, path string) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			d.wrong(n, path, "is no address and no network, expected one such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
			return
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case network.Addr().Is4In6():
		d.wrong(n, path, "is an IPv4 address in IPv6 form, expected the IPv4 form such as 10.0.0.0/8")
	case network != network.Masked():
		d.wrong(n, path, "has bits set behind its length, expected the network itself such as 10.0.0.0/8")
	default:
		*target = network
	}
}
