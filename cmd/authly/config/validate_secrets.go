package config

import (
	"github.com/descoped/authly/authn/secret"
)

// MasterKeyPath is the key of what all else is sealed with, and so cannot be sealed itself.
const MasterKeyPath = "keys.master_key"

// previousMasterKeyPath is the key of the one of before.
const previousMasterKeyPath = "keys.master_key_previous"

// leastMaster is how many bytes a master key must have: one that could be guessed would protect nothing from who has a copy of
// the database and all the time in the world.
const leastMaster = 32

// checkMaterial looks for what makes a secret none, by the rules of package secret.
func (d *decoder) checkMaterial(path string, material Secret) {
	if material == "" {
		return
	}
	least := 0
	if path == MasterKeyPath || path == previousMasterKeyPath {
		least = leastMaster
	}
	flaw := secret.Judge([]byte(material), least)
	if flaw.Stops() || flaw == secret.FlawShort {
		d.bad(path, "%s", flaw.Problem())
	}
}

// checkProvider looks at where secrets come from. problem is what is wrong with Secrets.Path.
func (d *decoder) checkProvider(problem error) {
	s := d.config.Secrets
	switch {
	case s.Provider == providerFile && s.Path == "":
		d.bad("secrets.path", "is missing, expected a folder or a JSON file, since secrets.provider is file")
	case problem != nil:
		d.bad("secrets.path", "%s", problem)
	case s.Provider == providerStatic && !s.DangerouslyAllowStatic:
		d.bad("secrets.provider", "is static, which is for tests: everybody who can read the configuration knows the secrets; "+
			"expected environment or file, or secrets.dangerously_allow_static to be true")
	}
	first := map[string]string{}
	for i, written := range s.Static {
		path := at("secrets.static", i)
		d.checkStatic(path, written)
		if first[written.Name] != "" {
			d.bad(join(path, "name"), "is the same as %s.name, expected each secret once", first[written.Name])
		}
		first[written.Name] = path
	}
}

func (d *decoder) checkStatic(path string, written StaticSecret) {
	if !d.from.isSecretName(written.Name) {
		d.bad(join(path, "name"), "is no secret's name, expected that of its variable, such as JWT_SECRET_KEY")
	}
	if written.Value == "" {
		d.bad(join(path, "value"), "is missing, expected a secret")
	}
}

// material warns of secrets that are easier to guess than they should be. least is the number of bytes that one should have.
func (w *warnings) material(path string, material Secret, least int) {
	if material == "" {
		return
	}
	if text := secret.Judge([]byte(material), least).Warning(least); text != "" {
		w.add(path, text)
	}
}

// secrets warns of where secrets come from.
func (w *warnings) secrets() {
	s := w.config.Secrets
	if s.Provider == providerStatic {
		w.add("secrets.provider", "IS STATIC: THE SECRETS STAND IN THE CONFIGURATION, AND EVERYBODY WHO CAN READ IT CAN MAKE TOKENS. This is for tests alone.")
	}
	if s.Provider != providerStatic && len(s.Static) > 0 {
		w.add("secrets.static", "Is not used: secrets.provider is not static.")
	}
	if s.Provider != providerFile && s.Path != "" {
		w.add("secrets.path", "Is not used: secrets.provider is not file.")
	}
	w.material(MasterKeyPath, w.config.Keys.MasterKey, leastMaster)
	w.list = append(w.list, w.config.exposed...)
}
