// Package config reads what Authly is told: one YAML file, and the environment over it.
//
// The types of this package are the schema. A key is a struct field with a yaml tag and, where one is needed, tags for its
// range; its default stands in Defaults. Reading, the names of environment variables, suggestions for misspelt keys and the
// redacted listing are all derived from the types by reflection, so that a new key is added in one place.
//
// A configuration is taken whole or not at all. Unknown keys, wrong types, duplicate keys and values that make no sense are
// all collected, each with its place, before Load gives up: a mistake that is overlooked could open a door. What is legal but
// risky is told by Warnings. No message repeats a value, because a value may be a secret.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/descoped/authly/authn"
)

// Config is everything that can be configured. It is made by Load or Defaults and not changed afterwards.
//
// Tags: yaml is the key; "late" is read after everything else, "orone" is a list that may be written as its only element,
// "omitempty" is left out of listings when empty. oneof lists the values of a text, separated by |, an empty one included.
// min and max bound a number or a duration. secret says what must never be shown: all of a value, or the password of a URL.
type Config struct {
	Server     Server     `yaml:"server"`     // listeners, and where Authly stands
	Store      Store      `yaml:"store"`      // where users and tokens are kept
	Tokens     Tokens     `yaml:"tokens"`     // what logins are answered with
	Keys       Keys       `yaml:"keys"`       // that Authly makes
	Secrets    Secrets    `yaml:"secrets"`    // where they come from
	Sessions   Sessions   `yaml:"sessions"`   // how long logins last
	Cookies    Cookies    `yaml:"cookies"`    // what browsers hold of sessions
	Pages      Pages      `yaml:"pages"`      // whose the pages seem to be
	Revocation Revocation `yaml:"revocation"` // how soon what was taken back is refused
	Streams    Streams    `yaml:"streams"`    // how long what was let through may last
	Passwords  Passwords  `yaml:"passwords"`  // how passwords are hashed
	Users      Users      `yaml:"users"`      // who may have an account
	Mail       Mail       `yaml:"mail"`       // what people are told, and how it gets to them
	Limits     Limits     `yaml:"limits"`     // requests in a time
	Lockout    Lockout    `yaml:"lockout"`    // wrong passwords
	Geo        Geo        `yaml:"geo"`        // where addresses are
	Risk       Risk       `yaml:"risk"`       // sign-ins unlike earlier ones
	Headers    Headers    `yaml:"headers"`    // security and identity headers
	CORS       CORS       `yaml:"cors"`       // browsers' scripts of other origins
	Log        Log        `yaml:"log"`        // what is written to standard error
	Audit      Audit      `yaml:"audit"`      // what is kept of what happened

	// The programs that may ask about tokens and revoke them.
	Clients []Client `yaml:"clients"`

	Routes []Route `yaml:"routes,late"`

	strays    []Warning       // variables and files of secrets that look like Authly's and are not
	exposed   []Warning       // files of secrets that others may read
	files     []string        // that variables and Secrets.Path name
	variables []string        // that hold secrets
	sealed    map[string]bool // paths of values that were sealed
	from      *source         // nil: it was not read from anywhere

	adminPassword Secret
	adminMistakes Mistakes
}

// Server says where Authly listens and where it is seen from.
type Server struct {
	// Where gateway, endpoints and pages are served: host:port; an empty host is every interface.
	Address string `yaml:"address"`
	// A listener for forward-auth alone, host:port; empty: none.
	AuthzAddress string `yaml:"authz_address"`
	// A listener for health and readiness, host:port; empty: none.
	OpsAddress string `yaml:"ops_address"`
	// What every link starts with; http or https, without a slash at the end.
	PublicURL string `yaml:"public_url"`
	// The path before Authly's own endpoints, such as /api/v1; empty: none.
	APIPrefix string `yaml:"api_prefix"`
	// Peers whose X-Forwarded-* is believed, and who may ask /authz/.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// HTTP/2 with prior knowledge on Address without TLS (RFC 9113 section 3.3).
	UnencryptedHTTP2 bool `yaml:"unencrypted_http2"`
	// The time that requests in flight have to finish.
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" min:"0s" max:"1h"`
	// The time that a client has to send a request's headers.
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout" min:"1s" max:"5m"`
	// The time after which an idle connection is closed.
	IdleTimeout time.Duration `yaml:"idle_timeout" min:"1s" max:"1h"`
	// The most bytes of a request's headers.
	MaxHeaderBytes int `yaml:"max_header_bytes" min:"4096" max:"1048576"`
	// The certificate of Address; without one it speaks plain HTTP.
	TLS TLS `yaml:"tls"`
}

// TLS names the certificate of Server.Address. Both files or none are given.
type TLS struct {
	CertFile string `yaml:"cert_file"` // PEM, the certificate first and then its chain
	KeyFile  string `yaml:"key_file"`  // PEM
}

// Store says where users and tokens are kept.
type Store struct {
	// The database: sqlite://FILE, or postgres://user:password@host/db?sslmode=verify-full. May hold a password.
	URL string `yaml:"url" secret:"password"`
	// Whether a start brings the schema up to date. If not, authly migrate does, and the database's role needs to read and write
	// rows and no more.
	Migrate bool `yaml:"migrate"`
	// The most connections at a time.
	MaxConnections int `yaml:"max_connections" min:"1" max:"1000"`
}

// Tokens says how tokens are signed and how long they live. See Config.Algorithm and Config.Issuer for the effective
// values.
type Tokens struct {
	// The algorithm of signatures (RFC 7518 section 3.1, RFC 8037).
	Algorithm string `yaml:"algorithm" oneof:"|HS256|HS384|HS512|RS256|PS256|ES256|EdDSA"`
	// The key of HS256, HS384 and HS512 access tokens; empty: managed keys.
	SecretKey Secret `yaml:"secret_key" secret:"all"`
	// The key of refresh tokens; empty: a managed key.
	RefreshSecretKey Secret `yaml:"refresh_secret_key" secret:"all"`
	// Keys of before, which verify what they have signed and sign nothing; empty: none.
	SecretKeyPrevious        Secret `yaml:"secret_key_previous" secret:"all"`
	RefreshSecretKeyPrevious Secret `yaml:"refresh_secret_key_previous" secret:"all"`
	// The claim iss; empty: Server.PublicURL.
	Issuer string `yaml:"issuer"`
	// The claim aud; required.
	Audience string `yaml:"audience"`
	// The life of an access token.
	AccessTTL time.Duration `yaml:"access_ttl" min:"1s" max:"744h"`
	// The life of a refresh token, at least that of an access token.
	RefreshTTL time.Duration `yaml:"refresh_ttl" min:"1s" max:"8784h"`
	// The difference that clocks may have.
	Leeway time.Duration `yaml:"leeway" min:"0s" max:"2m"`
	// The time after its use in which a refresh token gives the same successors again; 0: it works once and no more.
	RefreshGrace time.Duration `yaml:"refresh_grace" min:"0s" max:"5m"`
	// The claims of access tokens that Authly alone can read: any of username, email and roles.
	EncryptedClaims []string `yaml:"encrypted_claims"`
}

// Keys says how the keys that Authly makes itself are kept and when they are replaced.
type Keys struct {
	// For how long a key signs; 0: until it is revoked. At least an hour, and the life of an access token.
	RotateEvery time.Duration `yaml:"rotate_every" min:"0s" max:"87840h"`
	// What wraps the data keys that everything secret in the store is sealed with; empty: MasterKeyFile.
	MasterKey Secret `yaml:"master_key" secret:"all"`
	// The file that holds it; it is made if there is none. Empty: one beside a SQLite database; PostgreSQL then needs MasterKey.
	MasterKeyFile string `yaml:"master_key_file"`
	// The one of before, while it is being replaced; empty: it is not.
	MasterKeyPrevious Secret `yaml:"master_key_previous" secret:"all"`
	// For how long a data key seals; 0: for ever. At least an hour.
	RotateDataKeysEvery time.Duration `yaml:"rotate_data_keys_every" min:"0s" max:"87840h"`
	// The HSM that makes the keys and holds the master key.
	PKCS11 PKCS11 `yaml:"pkcs11"`
}

// PKCS11 names a token in an HSM. All of it or nothing is given. It needs a binary that was built for it.
type PKCS11 struct {
	Module     string `yaml:"module"`           // the library, with its whole path; empty: there is no HSM
	TokenLabel string `yaml:"token_label"`      // of one token
	PIN        Secret `yaml:"pin" secret:"all"` // of the token's user
}

// Secrets says where secrets come from that are neither in the file nor in the environment. A secret has the name of its variable:
// JWT_SECRET_KEY, AUTHLY_MAIL_URL.
type Secrets struct {
	// What is asked for secrets beside the environment, which has them too whatever this says.
	Provider string `yaml:"provider" oneof:"environment|file|static"`
	// Of the provider file: a folder with one file for each secret, or a file with a JSON object.
	Path string `yaml:"path"`
	// Of the provider static.
	Static []StaticSecret `yaml:"static"`
	// Whether the provider static, which is for tests, is not refused.
	DangerouslyAllowStatic bool `yaml:"dangerously_allow_static"`
}

// StaticSecret is a secret that is written down.
type StaticSecret struct {
	Name  string `yaml:"name"`               // of its variable; required
	Value Secret `yaml:"value" secret:"all"` // required
}

// Sessions says how long logins last and how many of them a user may have. A bound that is shortened applies to sessions
// that exist.
type Sessions struct {
	// The time after which a session that is not used ends, at least two minutes; 0: never.
	IdleTimeout time.Duration `yaml:"idle_timeout" min:"0s" max:"8784h"`
	// The time after its login at which a session ends; 0: never.
	MaxLifetime time.Duration `yaml:"max_lifetime" min:"0s" max:"87840h"`
	// The most living sessions of one user; 0: any number.
	MaxPerUser int `yaml:"max_per_user" min:"0" max:"10000"`
	// What a login beyond that does: it ends the oldest session, or is refused.
	OnLimit string `yaml:"on_limit" oneof:"evict_oldest|refuse"`
	// The life of a browser's session whose user asked to be remembered; it does not end by IdleTimeout. 0: nobody is offered it.
	RememberFor time.Duration `yaml:"remember_for" min:"0s" max:"9600h"`
}

// Cookies says which hosts browsers send the session cookie to.
type Cookies struct {
	// A domain to all of whose hosts it is sent, such as example.com; empty: to the host of Server.PublicURL alone.
	Domain string `yaml:"domain"`
	// Further root domains, such as example.net, to which browsers are handed over from the login page, so that a person who is
	// signed in there is so on their hosts too. They have a cookie of their own.
	Domains []string `yaml:"domains"`
}

// Pages says what the pages look like.
type Pages struct {
	// What they are called; empty: Authly.
	Name string `yaml:"name"`
	// A file with a picture beside the name: .svg, .png, .jpg or .webp, of at most 256 KiB; empty: none.
	Logo string `yaml:"logo"`
	// The colour of buttons and links on a light background, and on a dark one: #rrggbb; empty: the built-in one.
	Accent     string `yaml:"accent"`
	AccentDark string `yaml:"accent_dark"`
	// What stands at the end of every page.
	Links []PageLink `yaml:"links"`
	// A folder with templates, languages and a style in place of the built-in ones; empty: none.
	Folder string `yaml:"folder"`
}

// PageLink leads from the pages to elsewhere; it converts to a web.BrandLink.
type PageLink struct {
	Title string `yaml:"title"` // required
	URL   string `yaml:"url"`   // https, http or mailto; required
}

// Revocation says how a replica keeps up with what others have taken back. Tokens are checked against its memory.
type Revocation struct {
	// The time between two looks at the store if nothing wakes the replica.
	PollInterval time.Duration `yaml:"poll_interval" min:"50ms" max:"1m"`
	// The time after the last good look during which memory is trusted, at least twice PollInterval; 0: it never is, and
	// every check asks the store.
	MaxStaleness time.Duration `yaml:"max_staleness" min:"0s" max:"10m"`
}

// Streams bounds what lasts behind a route: WebSockets, server-sent events, downloads, uploads. All of it ends with its session
// in any case.
type Streams struct {
	// The age at which a stream is ended, with a session or without, at least a second; 0: never.
	MaxAge time.Duration `yaml:"max_age" min:"0s" max:"744h"`
}

// Client is a program that may ask about tokens and revoke them.
type Client struct {
	ID         string `yaml:"id"`                       // unique; required
	SecretHash Secret `yaml:"secret_hash" secret:"all"` // as authly hash prints it; required
}

// Passwords says which passwords are taken and how they are hashed. Both kinds of hash always verify.
type Passwords struct {
	// Of new hashes.
	Algorithm string `yaml:"algorithm" oneof:"bcrypt|argon2id"`
	// Each step doubles the time.
	BcryptCost int `yaml:"bcrypt_cost" min:"4" max:"15"`
	// Characters.
	MinLength int `yaml:"min_length" min:"8" max:"64"`
	// Whether a new one is refused that is common, or made of the user's name, address or the service's name.
	Blocklist bool `yaml:"blocklist"`
	// What is asked, by the first five digits of its SHA-1 digest, whether a new one has leaked; empty: nothing is.
	BreachURL string `yaml:"breach_url"`
	// The longest that a login waits until its password is looked at.
	MaxWait  time.Duration `yaml:"max_wait" min:"100ms" max:"1m"`
	Argon2id Argon2id      `yaml:"argon2id"`
}

// Argon2id holds the parameters of RFC 9106.
type Argon2id struct {
	Memory      int `yaml:"memory" min:"1024" max:"1048576"` // KiB
	Iterations  int `yaml:"iterations" min:"1" max:"16"`
	Parallelism int `yaml:"parallelism" min:"1" max:"16"`
}

// Users says who may have an account.
type Users struct {
	Registration           string `yaml:"registration" oneof:"open|closed"` // whether strangers may register
	RequireVerification    bool   `yaml:"require_verification"`             // before the first login
	RequireCurrentPassword bool   `yaml:"require_current_password"`         // to change one's own password

	// To change one's own email address, by which a new password can be had.
	RequireCurrentPasswordForEmail bool `yaml:"require_current_password_for_email"`
}

// Mail says how mails are sent, and how long what is in them works. See Mail.Server for the parsed address.
type Mail struct {
	// The mail server: log:, smtp://user:password@host:587 or smtps://user:password@host:465. May hold a password.
	URL string `yaml:"url" secret:"password"`
	// Whom mails are from: an address, with a name or without; required with a mail server.
	From string `yaml:"from"`
	// A folder with templates in place of the built-in ones; empty: none.
	Templates string `yaml:"templates"`
	// Certificates in PEM to check the mail server's with; empty: those of the system.
	CAFile string `yaml:"ca_file"`
	// The time that one conversation with the mail server may take.
	Timeout time.Duration `yaml:"timeout" min:"1s" max:"5m"`
	// The time in which a mail without a token is tried again and again.
	RetryFor  time.Duration `yaml:"retry_for" min:"1m" max:"168h"`
	Lifetimes MailLifetimes `yaml:"lifetimes"`
}

// MailLifetimes says how long mailed tokens work; it converts to an authn.MailLifetimes.
type MailLifetimes struct {
	Verification  time.Duration `yaml:"verification" min:"15m" max:"24h"`   // of an address that somebody has registered with
	EmailChange   time.Duration `yaml:"email_change" min:"15m" max:"24h"`   // of a new address
	PasswordReset time.Duration `yaml:"password_reset" min:"15m" max:"24h"` // for a new password
	Invitation    time.Duration `yaml:"invitation" min:"15m" max:"24h"`     // for an account
}

// Limits holds the limits that hold everywhere; routes have their own.
type Limits struct {
	// Where requests are counted: redis:// or rediss://, with a password if need be; empty: by each replica for itself.
	Backend       Address `yaml:"backend" secret:"password"`
	Login         Limit   `yaml:"login"`          // logins, good or not, per username and per client network
	LoginPair     Limit   `yaml:"login_pair"`     // logins, good or not, per username and client network together
	LoginSpraying Limit   `yaml:"login_spraying"` // logins, good or not, per client network, beside Login
	LoginOverall  Limit   `yaml:"login_overall"`  // logins, good or not, of everybody together
	Registration  Limit   `yaml:"registration"`   // registrations, good or not, per client network
	General       Limit   `yaml:"general"`        // requests of any kind per client network
	Mail          Limit   `yaml:"mail"`           // requests that cause a mail, per client network and per address
}

// Limit is a rate.
type Limit struct {
	Requests int           `yaml:"requests" min:"0" max:"1000000"` // 0: no limit
	Per      time.Duration `yaml:"per" min:"1s" max:"24h"`
}

// Rate is the limit as the rest of Authly knows it: the zero value if there is none.
func (l Limit) Rate() authn.Limit {
	if l.Requests == 0 {
		return authn.Limit{}
	}
	return authn.Limit(l)
}

// RouteLimit is a rate of a route.
type RouteLimit struct {
	Limit
	By string `yaml:"by" oneof:"network|user"` // what counts together: a client network, or a user
}

// Lockout says how wrong passwords make the next attempt wait.
type Lockout struct {
	Failures    int           `yaml:"failures" min:"1" max:"1000"`      // wrong passwords in a row lock
	Duration    time.Duration `yaml:"duration" min:"1s" max:"24h"`      // of the first lock
	MaxDuration time.Duration `yaml:"max_duration" min:"1s" max:"168h"` // of later ones, each twice as long as the one before
	MaxDelay    time.Duration `yaml:"max_delay" min:"0s" max:"1h"`      // after the third failure and later ones; 0: none
}

// Geo says how to find out where addresses are.
type Geo struct {
	// Files in MaxMind's format, or one; what the first does not say, the next may. None: it is not known.
	Database []string `yaml:"database,orone"`
}

// Risk says what happens at a sign-in that is unlike the account's earlier ones; its risk is between 0 and 1. If both are 1,
// nothing is compared and no history is kept.
type Risk struct {
	NotifyAbove float64 `yaml:"notify_above" min:"0" max:"1"` // the risk above which the user is told; 1: never
	DenyAbove   float64 `yaml:"deny_above" min:"0" max:"1"`   // the risk above which it is refused; 1: never
}

// Headers says which headers Authly adds to answers and to what it forwards.
type Headers struct {
	SecurityHeaders
	Identity IdentityHeaders `yaml:"identity"`
}

// SecurityHeaders are the values of the headers that tell browsers to be careful; empty: not sent. It converts to a
// headers.SecurityConfig.
type SecurityHeaders struct {
	// Nosniff.
	ContentTypeOptions string `yaml:"content_type_options"`
	// DENY or SAMEORIGIN.
	FrameOptions string `yaml:"frame_options"`
	// On Authly's own answers.
	ContentSecurityPolicy string `yaml:"content_security_policy"`
	// Of the Referrer Policy standard.
	ReferrerPolicy string `yaml:"referrer_policy"`
	// Read by old browsers alone.
	XSSProtection string `yaml:"xss_protection"`
	// When the request came over https.
	StrictTransportSecurity string `yaml:"strict_transport_security"`
	// On proxied answers without one of their own.
	UpstreamContentSecurityPolicy string `yaml:"upstream_content_security_policy"`
}

// IdentityHeaders are the names of the headers that tell an application who is calling. Every name of a list is sent. It
// converts to a headers.IdentityNames.
type IdentityHeaders struct {
	User   []string `yaml:"user"`    // the username
	Email  []string `yaml:"email"`   // the email address
	Groups []string `yaml:"groups"`  // the roles, separated by commas
	UserID []string `yaml:"user_id"` // the user's id, a UUID
}

// CORS says which other origins' scripts may read answers; it converts to a headers.CORSConfig.
type CORS struct {
	// Scheme://host[:port], https://*.example.com, or * alone; none: CORS is off.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// That a request may have.
	AllowedMethods []string `yaml:"allowed_methods"`
	// That a request may carry.
	AllowedHeaders []string `yaml:"allowed_headers"`
	// That a script may read of an answer.
	ExposedHeaders []string `yaml:"exposed_headers"`
	// Cookies and client certificates; never together with *.
	AllowCredentials bool `yaml:"allow_credentials"`
	// That a browser may remember a preflight's answer.
	MaxAge time.Duration `yaml:"max_age" min:"0s" max:"24h"`
}

// Log says what is written to standard error.
type Log struct {
	Level  string `yaml:"level" oneof:"debug|info|warn|error"`
	Format string `yaml:"format" oneof:"auto|text|json"` // auto: text on a terminal, else JSON
}

// Address is the address of a server, which may hold a password that no formatting shows. Convert it to a string to use it.
type Address string

// String is the address without its password.
func (a Address) String() string { return withoutPassword(string(a)) }

// GoString keeps %#v from showing the password.
func (a Address) GoString() string { return a.String() }

// MarshalText keeps encoders from writing the password.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// LogValue keeps a log from holding the password.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Audit says what is kept of what happened.
type Audit struct {
	// The time after which an event is removed; 0: it is kept for ever. At least an hour.
	Retention time.Duration `yaml:"retention" min:"0s" max:"876000h"`
	// Whether requests that are kept out are events too.
	DeniedRequests bool `yaml:"denied_requests"`
}

// Secret is a text that no formatting shows. Convert it to a string to use it.
type Secret string

const hidden = "(set)"

// String says whether there is a secret, not which.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from writing the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue keeps a log from holding the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
