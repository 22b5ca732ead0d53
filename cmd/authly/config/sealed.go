package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn/secret"
)

// sealedValue is what is shown of a value that was sealed.
const sealedValue = "(sealed)"

// holdsSealed matches a text that would be taken for a value as it stands, although it was sealed: whoever can read the
// configuration would then know the secret.
var holdsSealed = regexp.MustCompile(`(?i)sealed:v[0-9]+:`)

// opened returns a text as it is meant, which a sealed one is not yet. What comes out is whatever is expected there, as the value of
// a variable is.
func (d *decoder) opened(n *yaml.Node, path, text, tag string) (plain, as string, ok bool) {
	switch {
	case !secret.IsSealedValue(text) && (d.probing || !holdsSealed.MatchString(text)):
		return text, tag, true
	case d.probing:
		return "", "", false
	case !secret.IsSealedValue(text):
		d.wrong(n, path, "holds a sealed value and something before it, such as a space or a quotation mark that belongs to the value, "+
			"expected it to begin with sealed:, since what is sealed is opened as a whole")
		return "", "", false
	case path == MasterKeyPath:
		d.wrong(n, path, "is sealed, and is what sealed values are opened with, expected the master key itself")
		return "", "", false
	case strings.HasPrefix(path, "secrets."):
		d.wrong(n, path, "is sealed, and says where the master key may be that opens it, expected it as it is")
		return "", "", false
	case d.values == nil:
		d.wrong(n, path, "is sealed, and there is no master key to open it with, expected keys.master_key (AUTHLY_MASTER_KEY) to be set")
		return "", "", false
	}
	value, err := d.values.Open(text, path)
	if err != nil {
		d.wrong(n, path, "%s", err)
		return "", "", false
	}
	if d.config.sealed == nil {
		d.config.sealed = map[string]bool{}
	}
	d.config.sealed[path] = true
	return string(value), "", true
}

// index is that of an element of a list within a path.
var index = regexp.MustCompile(`\[[0-9]+\]`)

// IsKey reports whether there is a key at a path, in which elements of lists have an index, as in clients[0].secret_hash; near is
// the one that was probably meant.
func IsKey(path string) (known bool, near string) {
	all := append(allKeys(reflect.TypeFor[Config](), ""), adminPassword)
	plain := index.ReplaceAllString(path, "")
	return slices.Contains(all, plain), nearest(plain, all)
}
