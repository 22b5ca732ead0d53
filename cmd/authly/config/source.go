package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn/secret"
)

// source is what a configuration is read from.
type source struct {
	path    string // of the file, as it was named to Load
	data    []byte // of the file
	hasFile bool   // an empty one is another thing than none
	env     map[string]string
	own     map[string]bool // the variables of Authly's own
	secrets []secretName
}

func newSource(path string, data []byte, hasFile bool, environ []string) *source {
	return &source{
		path: path, data: data, hasFile: hasFile, env: environment(environ), own: variables(), secrets: secretNames(),
	}
}

// Again reads everything anew that the file and the environment name, such as files of secrets, and neither of the two. The error
// is as that of Load.
func (c *Config) Again() (*Config, error) { return c.from.load() }

// load reads the file, over it the provider of secrets, and over that the environment.
//
// Where secrets come from is itself configured, and what opens sealed values is a secret: so everything is read up to three times,
// each time with more of that known, and only what is wrong with it the last time counts.
func (s *source) load() (*Config, error) {
	root, mistakes := s.parse()
	d := s.decoder(root, nil, nil, true)
	provider, problem := s.provide(&d.config.Secrets)
	if provider != nil {
		d = s.decoder(root, provider, nil, true)
	}
	values := valuesOf(d.config.Keys)
	d = s.decoder(root, provider, values, false)
	d.mistakes = append(mistakes, d.mistakes...)
	d.config.strays = append(d.config.strays, strays(s.env, s.own)...)
	d.finish()
	d.readAdminPassword()
	d.checkProvider(problem)
	d.check()
	if len(d.mistakes) > 0 {
		d.mistakes.sort()
		return nil, d.mistakes
	}
	return d.config, nil
}

// Values returns what seals values under the master key; nil if there is none. All else of the configuration may be wrong: the error
// is of type Mistakes if the key itself, or where it comes from, is.
func Values(path string, required bool, environ []string) (*secret.Values, error) {
	s, err := open(path, required, environ)
	if err != nil {
		return nil, err
	}
	root, mistakes := s.parse()
	provider, problem := s.provide(&s.decoder(root, nil, nil, true).config.Secrets)
	d := s.decoder(root, provider, nil, false)
	d.checkProvider(problem)
	d.checkMaterial(MasterKeyPath, d.config.Keys.MasterKey)
	for _, m := range d.mistakes {
		if m.Key == MasterKeyPath || m.Key == "keys" || m.Key == "secrets" || within(m.Key, "secrets") || ofMasterKey(m.Place.Variable) {
			mistakes = append(mistakes, m)
		}
	}
	if len(mistakes) > 0 {
		mistakes.sort()
		return nil, mistakes
	}
	return valuesOf(d.config.Keys), nil
}

// ofMasterKey reports whether a variable gives the master key, or names a file that does: where that cannot be read, there is no key to
// name yet.
func ofMasterKey(variable string) bool {
	name := strings.TrimSuffix(variable, "_FILE")
	return name == variableOf(strings.Split(MasterKeyPath, ".")) ||
		slices.ContainsFunc(aliases(), func(a alias) bool { return a.variable == name && a.path == MasterKeyPath })
}

// parse returns the root of the file, nil if there is none.
func (s *source) parse() (*yaml.Node, Mistakes) {
	if !s.hasFile {
		return nil, nil
	}
	return parse(s.data, s.path)
}

// decoder returns one that has read everything but what is put off.
func (s *source) decoder(root *yaml.Node, provider secret.Provider, values *secret.Values, probing bool) *decoder {
	d := &decoder{
		config: Defaults(), from: s, places: map[string]Place{"": {File: s.path}}, late: map[string]late{},
		environment: secret.NewEnvironment(s.env, s.own, nil),
		provider:    provider, values: values, probing: probing,
	}
	d.config.from = s
	if s.hasFile {
		d.config.Routes = nil
	}
	if root != nil && d.plain(root, "") {
		d.mapping(root, reflect.ValueOf(d.config).Elem(), "")
	}
	d.provided()
	d.environ()
	return d
}

// valuesOf is what seals values and opens them; nil if there is no master key.
func valuesOf(k Keys) *secret.Values {
	master, before := []byte(k.MasterKey), []byte(k.MasterKeyPrevious)
	if len(master) == 0 && k.MasterKeyFile != "" {
		master, before = secret.KeysInFile(k.MasterKeyFile) // it may not have been made yet: then nothing is sealed with it
	}
	if len(master) == 0 {
		return nil
	}
	var olds [][]byte
	if len(before) > 0 {
		olds = append(olds, before)
	}
	values, err := secret.NewValues(master, olds...)
	if err != nil {
		return nil // no key is so long that nothing can be derived from it
	}
	return values
}
