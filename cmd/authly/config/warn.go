package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/descoped/authly/authn"
)

// Warning is something that is allowed but risky, or that has no effect.
type Warning struct {
	Key  string // path of the key that it is about, or the name of a variable
	Text string // a plain sentence
}

// String is the warning on one line.
func (w Warning) String() string { return w.Key + ": " + w.Text }

// Warnings says what is allowed but risky, in the order of the configuration.
func (c *Config) Warnings() []Warning {
	w := warnings{config: c}
	w.server()
	w.tokens()
	w.keys()
	w.secrets()
	w.passwords()
	w.registration()
	w.limits()
	w.lockout()
	w.risk()
	w.mail()
	w.routes()
	return append(w.list, c.strays...)
}

// Advice says what could be better where nothing is wrong.
func (c *Config) Advice() []Warning {
	w := warnings{config: c}
	if c.Passwords.MinLength < 15 {
		w.add("passwords.min_length", "Is below 15, which NIST SP 800-63B-4 asks for where a password is all that users log in with.")
	}
	if c.IsPostgres() && c.Store.Migrate {
		w.add("store.migrate", "Is true: the server's database role owns the tables, and whoever takes over the server can change and drop "+
			"them. Have authly migrate run with that role, and the server with one that reads and writes rows and no more: examples/postgres.")
	}
	if c.Mail.Server() == nil && c.Users.Registration != "open" {
		w.add("mail.url", "Is log: whoever reads the log can ask for a new password of any user, and set it by the link that is written there. "+
			"Set it to a mail server, or keep the log to yourself.")
	}
	return w.list
}

type warnings struct {
	config *Config
	list   []Warning
}

func (w *warnings) add(key, text string) { w.list = append(w.list, Warning{key, text}) }

func (w *warnings) server() {
	s := w.config.Server
	behindProxy := len(s.TrustedProxies) > 0
	if s.TLS.CertFile == "" && !behindProxy && isPublic(s.Address) {
		w.add("server.address", "Listens to other machines without TLS and without a trusted proxy: passwords and tokens "+
			"travel in the clear. Set server.tls, or server.trusted_proxies, or listen on 127.0.0.1.")
	}
	if s.AuthzAddress != "" && !behindProxy {
		w.add("server.authz_address", "Nobody may ask here, because server.trusted_proxies is empty.")
	}
	if u, err := url.Parse(s.PublicURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		w.add("server.public_url", "Is http on a host that is not this machine: "+
			"everything that browsers send there travels in the clear.")
	}
}

// isPublic reports whether an address to listen on can be reached from other machines.
func isPublic(address string) bool {
	host, _, ok := splitAddress(address)
	return ok && !isLoopback(host)
}

// isLoopback reports whether a host is this machine itself.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// hmacBytes is the length of an HMAC algorithm's hash, or 0 for other algorithms. RFC 7518 section 3.2 wants secrets to be
// at least that long.
func hmacBytes(algorithm string) int {
	switch algorithm {
	case "HS256":
		return 32
	case "HS384":
		return 48
	case "HS512":
		return 64
	}
	return 0
}

func (w *warnings) tokens() {
	t := w.config.Tokens
	least := hmacBytes(w.config.Algorithm())
	switch {
	case t.SecretKey == "":
	case least == 0:
		w.add("tokens.secret_key", "Is not used: tokens.algorithm is asymmetric and has keys of its own.")
	default:
		w.material("tokens.secret_key", t.SecretKey, least)
	}
	// Refresh tokens are signed with an HMAC whenever they have a secret, of SHA-256 unless another one is chosen.
	w.material("tokens.refresh_secret_key", t.RefreshSecretKey, w.config.LeastSecret())
	if t.SecretKey != "" && t.SecretKey == t.RefreshSecretKey {
		w.add("tokens.refresh_secret_key", "Is the same as tokens.secret_key: who learns one has learnt both.")
	}
}

// keys warns of secrets of before that have no effect, and of signing keys that nothing protects.
func (w *warnings) keys() {
	t := w.config.Tokens
	for _, s := range []struct {
		path              string
		secret, successor Secret
	}{
		{"tokens.secret_key_previous", t.SecretKeyPrevious, t.SecretKey},
		{"tokens.refresh_secret_key_previous", t.RefreshSecretKeyPrevious, t.RefreshSecretKey},
	} {
		if s.secret != "" && s.secret == s.successor {
			w.add(s.path, "Is the same as "+strings.TrimSuffix(s.path, "_previous")+" and has no effect.")
			continue
		}
		w.material(s.path, s.secret, w.config.LeastSecret())
	}
}

func (w *warnings) passwords() {
	p := w.config.Passwords
	if p.Algorithm == "bcrypt" && p.BcryptCost < 10 {
		w.add("passwords.bcrypt_cost", "Is below 10: stolen hashes are quickly guessed.")
	}
	if u, err := url.Parse(p.BreachURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		w.add("passwords.breach_url", "Is http: who sees the traffic learns five digits of the digest of each new password.")
	}
	// The least of the parameter sets that are commonly recommended have 7 MiB.
	if p.Algorithm == "argon2id" && p.Argon2id.Memory < 7<<10 {
		w.add("passwords.argon2id.memory", "Is below 7168 KiB: stolen hashes are quickly guessed.")
	}
}

// limits warns where guesses, accounts or mails have no bound, and of a backend that others can read along with.
func (w *warnings) limits() {
	l := w.config.Limits
	if l.Login.Requests == 0 && l.LoginPair.Requests == 0 && l.LoginSpraying.Requests == 0 {
		w.add("limits.login", "Is off, and so are login_pair and login_spraying: one client may try one password with any number of names.")
	}
	if l.Registration.Requests == 0 && w.config.Users.Registration == "open" {
		w.add("limits.registration", "Is off while anybody may register: one client may make any number of accounts.")
	}
	if l.Mail.Requests == 0 && w.config.Mail.Server() != nil {
		w.add("limits.mail", "Is off: strangers may have any number of mails sent to any address, in your name.")
	}
	u, err := url.Parse(string(l.Backend))
	if err == nil && u.Scheme == "redis" && !isLoopback(u.Hostname()) {
		w.add("limits.backend", "Is another machine and without TLS: its password travels in the clear, and whoever is in between "+
			"decides about limits. Use rediss://.")
	}
}

// lockout warns where guessing costs next to nothing.
func (w *warnings) lockout() {
	const many = 100 // NIST SP 800-63B-4 section 3.2.2: no more failures in a row than that
	if w.config.Lockout.Failures > many {
		w.add("lockout.failures", "Is above 100, the most that NIST SP 800-63B-4 allows: whoever guesses has many tries.")
	}
}

// registration warns where becoming a user and being let in are the same thing.
func (w *warnings) registration() {
	if w.config.Users.Registration != "open" {
		return
	}
	for _, r := range w.config.Routes {
		if r.Allow.Access != authn.AllowAuthenticated {
			continue
		}
		text := "Anybody may register, and route " + r.Name + " lets every signed-in user pass: strangers let themselves in"
		if w.config.Users.RequireVerification {
			text += " as soon as they are verified"
		}
		w.add("users.registration", text+".")
		return
	}
}

// kubernetes matches what Kubernetes puts into the environment of every container beside a service whose name begins with
// authly.
var kubernetes = regexp.MustCompile(`^AUTHLY_([A-Z0-9_]+_)?` +
	`(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// strays lists the variables that look like Authly's and are not: probably a slip that leaves a key at its default.
func strays(env map[string]string, known map[string]bool) []Warning {
	others := []string{"AUTHLY_ADMIN_PASSWORD", "AUTHLY_CONFIG"}
	for _, a := range aliases() {
		others = append(others, a.variable)
	}
	names := append(sortedNames(known), others...)
	var list []Warning
	for _, name := range sortedNames(env) {
		plain := strings.TrimSuffix(name, "_FILE")
		switch {
		case !looksOurs(plain, names) || strings.HasPrefix(name, "AUTHLY_TEST_"):
		case known[name] || known[plain] || slices.Contains(others, plain):
		case kubernetes.MatchString(name) && !isSlip(name, env[name]):
		default:
			text := "No such variable, it has no effect."
			if near := nearest(plain, names); near != "" && keyName.MatchString(name) {
				if plain != name {
					near += "_FILE"
				}
				text = "No such variable, it has no effect; did you mean " + near + "?"
			}
			list = append(list, Warning{name, text})
		}
	}
	return list
}

// looksOurs reports whether a variable is meant for Authly: by its first letters; or it is nearly one of those that others have
// too, such as JWT_SECRET_KEY_PREVIOUS, without which everybody is logged out.
func looksOurs(name string, names []string) bool {
	return strings.HasPrefix(name, "AUTHLY_") || strings.HasPrefix(name, "JWT_") && strings.HasPrefix(nearest(name, names), "JWT_")
}

// isSlip reports whether a variable such as AUTHLY_SERVER_PORT is not Kubernetes' after all: there its value is a URL. Its
// others that end so hold numbers.
func isSlip(name, value string) bool {
	before, ok := strings.CutSuffix(name, "_PORT")
	if !ok || strings.Contains(value, "://") {
		return false
	}
	for _, end := range []string{"_SERVICE", "_TCP", "_UDP", "_SCTP"} {
		if strings.HasSuffix(before, end) {
			return false
		}
	}
	return true
}
