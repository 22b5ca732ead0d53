package config

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn"
)

// WriteYAML writes the configuration as it would run: every key, in the form of the file, with its effective value. A secret
// is only said to be set, and the password of the database is left out.
func (c *Config) WriteYAML(w io.Writer) error {
	dumper, err := yaml.NewDumper(w, yaml.WithIndent(2))
	if err != nil {
		return err
	}
	if err := dumper.Dump(lister(c.sealed).tree(reflect.ValueOf(c).Elem(), key{}, "")); err != nil {
		return err
	}
	return dumper.Close()
}

// MarshalJSON is WriteYAML in JSON.
func (c *Config) MarshalJSON() ([]byte, error) {
	var plain map[string]any
	if err := lister(c.sealed).tree(reflect.ValueOf(c).Elem(), key{}, "").Decode(&plain); err != nil {
		return nil, err
	}
	return json.Marshal(plain)
}

// Redacted is a copy of the configuration that is safe to show: secrets are only said to be set, and the password of the
// database is left out.
func (c *Config) Redacted() *Config {
	shown := *c
	shown.Store.URL, shown.Mail.URL = withoutPassword(c.Store.URL), withoutPassword(c.Mail.URL)
	shown.Limits.Backend = Address(c.Limits.Backend.String())
	for _, secret := range []*Secret{
		&shown.Tokens.SecretKey, &shown.Tokens.RefreshSecretKey, &shown.Tokens.SecretKeyPrevious,
		&shown.Tokens.RefreshSecretKeyPrevious, &shown.Keys.MasterKey, &shown.Keys.MasterKeyPrevious,
		&shown.Keys.PKCS11.PIN,
	} {
		*secret = Secret(secret.String())
	}
	shown.Secrets.Static = slices.Clone(c.Secrets.Static)
	for i := range shown.Secrets.Static {
		shown.Secrets.Static[i].Value = Secret(shown.Secrets.Static[i].Value.String())
	}
	return &shown
}

// String is the mail server's address without its password, and keeps everything that prints a Mail from showing that.
func (m Mail) String() string { return withoutPassword(m.URL) }

// GoString is String for the verb %#v.
func (m Mail) GoString() string { return m.String() }

// LogValue is String for logs.
func (m Mail) LogValue() slog.Value { return slog.StringValue(m.String()) }

// String is the store's address without its password, and keeps everything that prints a Store from showing that.
func (s Store) String() string { return withoutPassword(s.URL) }

// GoString is String for the verb %#v.
func (s Store) GoString() string { return s.String() }

// LogValue is String for logs.
func (s Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String keeps a configuration that is printed by accident from showing its secrets.
func (c *Config) String() string {
	var out strings.Builder
	if err := c.WriteYAML(&out); err != nil {
		return "configuration"
	}
	return out.String()
}

// lister makes listings, in which what was sealed is not shown: the paths of that.
type lister map[string]bool

// tree is the YAML of the value at a path.
func (l lister) tree(v reflect.Value, k key, path string) *yaml.Node {
	if l[path] {
		return quoted(sealedValue, yaml.DoubleQuotedStyle)
	}
	switch value := v.Interface().(type) {
	case time.Duration:
		return quoted(durationText(value), 0)
	case netip.Prefix:
		return quoted(value.String(), 0)
	case Secret:
		return quoted(value.String(), yaml.DoubleQuotedStyle)
	case Allow:
		return l.allowTree(value, path)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return l.tree(v.Elem(), k, path)
	case reflect.Struct:
		return l.structTree(v, path)
	case reflect.Slice:
		return l.listTree(v, path)
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	case reflect.Int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
	}
	if v.Kind() == reflect.Float64 {
		return fractionTree(v.Float())
	}
	text := v.String()
	if k.secret == "password" {
		text = withoutPassword(text)
	}
	return quoted(strings.ReplaceAll(text, "${", "$${"), yaml.DoubleQuotedStyle)
}

func quoted(text string, style yaml.Style) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: style}
}

func (l lister) structTree(v reflect.Value, path string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, k := range keysOf(v.Type()) {
		field := v.FieldByIndex(k.index)
		if k.omitEmpty && (field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0) {
			continue
		}
		node.Content = append(node.Content, quoted(k.name, 0), l.tree(field, k, join(path, k.name)))
	}
	return node
}

func (l lister) listTree(v reflect.Value, path string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if isPlainList(v.Type()) {
		node.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		node.Content = append(node.Content, l.tree(v.Index(i), key{}, at(path, i)))
	}
	return node
}

func (l lister) allowTree(a Allow, path string) *yaml.Node {
	for _, w := range words() {
		if a.Access == w.access {
			return quoted(w.word, 0)
		}
	}
	if a.Access != authn.AllowListed {
		return quoted("nobody", 0)
	}
	return l.structTree(reflect.ValueOf(listed{a.Roles, a.Users}), path)
}

// durationText is a duration as people write it: 30m, not 30m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// withoutPassword is the address of a database or another server without its password. Where it cannot be told which part that is, nothing but
// the scheme is left.
func withoutPassword(address string) string {
	scheme, rest, _ := strings.Cut(address, ":")
	if strings.HasPrefix(strings.ToLower(scheme), "sqlite") || rest == "" { // a file, or log:
		return address
	}
	u, err := url.Parse("postgres:" + rest)
	if err != nil || u.Opaque != "" {
		return scheme + "://(hidden)"
	}
	parameters := strings.FieldsFunc(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' })
	for i, parameter := range parameters {
		name, _, _ := strings.Cut(parameter, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || strings.Contains(strings.ToLower(plain), "password") {
			parameters[i] = name + "=hidden"
		}
	}
	u.Scheme, u.RawQuery = scheme, strings.Join(parameters, "&")
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	return u.String()
}
