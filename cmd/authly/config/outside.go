package config

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/descoped/authly/authn/secret"
)

// heed notes that a value came from outside: from a variable, or from the file that it names. What holds a secret is told of if
// others may read it, and to be taken out of the environment otherwise.
func (c *Config) heed(named, file string, isSecret bool) {
	if file == "" && isSecret {
		c.variables = append(c.variables, named)
	}
	if file == "" {
		return
	}
	c.files = append(c.files, file)
	if isSecret {
		c.expose(named, file)
	}
}

// expose notes a file that holds a secret, to be told of if others may read it.
func (c *Config) expose(named, file string) {
	mode := secret.Exposure(file)
	if mode == "" {
		return
	}
	said := Warning{named, fmt.Sprintf(
		"Others than its owner may read or write the file %s (%s): chmod 600 it, or mount it with a narrower mode.", file, mode)}
	if !slices.ContainsFunc(c.exposed, func(w Warning) bool { return w.Text == said.Text }) { // several secrets may lie in one file
		c.exposed = append(c.exposed, said)
	}
}

// Files lists the files that the environment and Secrets.Path name: when one of them changes, Again reads something else.
func (c *Config) Files() []string { return c.files }

// SecretVariables lists the variables of the environment that hold secrets, or may.
func (c *Config) SecretVariables() []string { return c.variables }

// lookup returns what expands ${NAME} in the value of a key.
func (d *decoder) lookup(k key) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := d.from.env[name]
		if ok && k.secret != "" {
			d.config.heed(name, "", true)
		}
		return value, ok
	}
}

// holdsSecret reports whether a key, or one within its structure or list, is secret.
func holdsSecret(k key) bool {
	if k.secret != "" {
		return true
	}
	inner := k.kind
	for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	if inner.Kind() != reflect.Struct || isPrefix(inner) {
		return false
	}
	for _, within := range keysOf(inner) {
		if holdsSecret(within) {
			return true
		}
	}
	return false
}

// AdminPassword is the password of the first administrator, from wherever secrets come; empty if there is none. The error is of
// type Mistakes. It is no key of the configuration, and what is wrong with it is of interest at the first start alone.
func (c *Config) AdminPassword() (Secret, error) {
	if len(c.adminMistakes) > 0 {
		return "", c.adminMistakes
	}
	return c.adminPassword, nil
}

// readAdminPassword reads AUTHLY_ADMIN_PASSWORD.
func (d *decoder) readAdminPassword() {
	others := d.mistakes
	d.mistakes = nil
	value, from, ok := d.given(adminPassword, key{secret: "all"})
	if !ok && len(d.mistakes) == 0 && d.provider != nil {
		material, _, _ := d.provider.Secret(context.Background(), adminPassword) // an error was told of
		value, from = textOf(material), d.providedBy(adminPassword)
	}
	d.origin = from
	value, _, _ = d.opened(nil, adminPassword, value, "")
	d.config.adminPassword = Secret(strings.TrimRight(value, "\r\n"))
	d.origin = Place{}
	d.config.adminMistakes, d.mistakes = d.mistakes, others
}
