package config

import (
	"slices"
	"strings"
	"testing"
)

// quiet is a configuration that nothing is said about; the tests add what is.
const quiet = "server: {address: \"127.0.0.1:8080\"}\nusers: {registration: closed}\n"

const quietRoutes = "routes: [{name: a, paths: [/a/*], allow: {roles: [x]}}]\n"

func TestWarnings(t *testing.T) {
	for _, test := range []struct {
		name string
		file string
		env  []string
		want []string // the key and the beginning of each warning
	}{
		{"quiet", quiet + quietRoutes, nil, nil},
		{"hosts that no cookie reaches", quiet + "routes: [{name: a, hosts: [app.example.com, \"*.example.com\"], paths: [/*], allow: authenticated}]\n", nil,
			[]string{"routes[0].hosts[0]: Browsers do not send", "routes[0].hosts[1]: Browsers do not send"}},
		{"hosts that a cookie reaches", quiet + "cookies: {domain: example.com}\nroutes: [{name: a, hosts: [app.example.com, \"*.example.com\", example.com], paths: [/*], allow: authenticated}]\n",
			[]string{"AUTHLY_SERVER_PUBLIC_URL=https://login.example.com"}, nil},
		{"a host beside the domain", quiet + "cookies: {domain: example.com}\nroutes: [{name: a, hosts: [app.notexample.com], paths: [/*], allow: authenticated}]\n",
			[]string{"AUTHLY_SERVER_PUBLIC_URL=https://login.example.com"}, []string{"routes[0].hosts[0]: Browsers do not send"}},
		{"a host of another domain that browsers are handed over to", quiet + "cookies: {domains: [example.net]}\nroutes: [{name: a, hosts: [app.example.net, \"*.example.net\", example.net, login.example.com], paths: [/*], allow: authenticated}]\n",
			[]string{"AUTHLY_SERVER_PUBLIC_URL=https://login.example.com"}, nil},
		{"a host beside the other domain", quiet + "cookies: {domains: [example.net]}\nroutes: [{name: a, hosts: [app.notexample.net, example.com], paths: [/*], allow: authenticated}]\n",
			[]string{"AUTHLY_SERVER_PUBLIC_URL=https://login.example.com"}, []string{"routes[0].hosts[0]: Browsers do not send", "routes[0].hosts[1]: Browsers do not send"}},
		{"the host of the login page", quiet + "routes: [{name: a, hosts: [App.localhost], paths: [/*], allow: authenticated}]\n", []string{"AUTHLY_SERVER_PUBLIC_URL=http://app.localhost:8080"}, nil},
		{"hosts for whom no cookie is needed", quiet + "routes: [{name: a, hosts: [a.example.com], paths: [/*], allow: authenticated, credentials: [bearer]}, {name: b, hosts: [b.example.com], paths: [/*], allow: public}]\n", nil, nil},
		{"no routes", quiet, nil, []string{"routes: There are none"}},
		{"public address", "server: {address: \":8080\"}\nusers: {registration: closed}\n" + quietRoutes, nil, []string{"server.address: Listens to other machines"}},
		{"public address by name", "server: {address: \"gateway.example.com:8080\"}\nusers: {registration: closed}\n" + quietRoutes, nil, []string{"server.address: Listens to other machines"}},
		{"loopback by name", "server: {address: \"localhost:8080\"}\nusers: {registration: closed}\n" + quietRoutes, nil, nil},
		{"loopback of IPv6", "server: {address: \"[::1]:8080\"}\nusers: {registration: closed}\n" + quietRoutes, nil, nil},
		{"public address with TLS", "server: {address: \":8080\", tls: {cert_file: a, key_file: b}}\nusers: {registration: closed}\n" + quietRoutes, nil, nil},
		{"public address behind a proxy", "server: {address: \":8080\", trusted_proxies: [10.0.0.1]}\nusers: {registration: closed}\n" + quietRoutes, nil, nil},
		{"questions from nobody", quiet + quietRoutes, []string{"AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:9000"}, []string{"server.authz_address: Nobody may ask"}},
		{"questions from somebody", quiet + quietRoutes, []string{"AUTHLY_SERVER_AUTHZ_ADDRESS=127.0.0.1:9000", "AUTHLY_SERVER_TRUSTED_PROXIES=127.0.0.1"}, nil},
		{"http elsewhere", quiet + quietRoutes, []string{"AUTHLY_SERVER_PUBLIC_URL=http://login.example.com"}, []string{"server.public_url: Is http"}},
		{"https elsewhere", quiet + quietRoutes, []string{"AUTHLY_SERVER_PUBLIC_URL=https://login.example.com"}, nil},
		{"http here", quiet + quietRoutes, []string{"AUTHLY_SERVER_PUBLIC_URL=http://app.localhost:8080"}, nil},
		{"short secret", quiet + quietRoutes, []string{"JWT_SECRET_KEY=only-31-bytes-long-0123456789ab"}, []string{"tokens.secret_key: Is shorter than the hash of the algorithm, 32 bytes"}},
		{"secret long enough", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong}, nil},
		{"too short for HS384", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong, "JWT_ALGORITHM=HS384"}, []string{"tokens.secret_key: Is shorter than the hash of the algorithm, 48 bytes"}},
		{"too short for HS512", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong + strong, "JWT_REFRESH_SECRET_KEY=x" + strong, "JWT_ALGORITHM=HS512"}, []string{"tokens.refresh_secret_key: Is shorter than the hash of the algorithm, 64 bytes"}},
		{"short refresh secret alone", quiet + quietRoutes, []string{"JWT_REFRESH_SECRET_KEY=x" + strong[:30]}, []string{"tokens.refresh_secret_key: Is shorter"}},
		{"secret without use", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong, "JWT_ALGORITHM=ES256"}, []string{"tokens.secret_key: Is not used"}},
		{"one secret for both", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong, "JWT_REFRESH_SECRET_KEY=" + strong}, []string{"tokens.refresh_secret_key: Is the same"}},
		{"a previous secret", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong, "JWT_SECRET_KEY_PREVIOUS=x" + strong}, nil},
		{"a previous secret of managed keys", quiet + quietRoutes, []string{"JWT_SECRET_KEY_PREVIOUS=x" + strong}, nil},
		{"a previous secret that is none", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong, "JWT_SECRET_KEY_PREVIOUS=" + strong}, []string{"tokens.secret_key_previous: Is the same as tokens.secret_key and"}},
		{"a short previous secret", quiet + quietRoutes, []string{"JWT_REFRESH_SECRET_KEY_PREVIOUS=x" + strong[:30]}, []string{"tokens.refresh_secret_key_previous: Is shorter"}},
		{"keys sealed in PostgreSQL", quiet + quietRoutes, []string{"DATABASE_URL=postgres://h/d", "AUTHLY_MASTER_KEY=" + strong}, nil},
		{"no keys in PostgreSQL", quiet + quietRoutes, []string{"DATABASE_URL=postgres://h/d", "JWT_SECRET_KEY=" + strong, "JWT_REFRESH_SECRET_KEY=x" + strong}, nil},
		{"two secrets", quiet + quietRoutes, []string{"JWT_SECRET_KEY=" + strong, "JWT_REFRESH_SECRET_KEY=x" + strong}, nil},
		{"limits counted in the clear", quiet + quietRoutes, []string{"AUTHLY_LIMITS_BACKEND=redis://cache:6379"}, []string{"limits.backend: Is another machine"}},
		{"limits counted in private", quiet + quietRoutes, []string{"AUTHLY_LIMITS_BACKEND=rediss://cache:6379"}, nil},
		{"limits counted here", quiet + quietRoutes, []string{"AUTHLY_LIMITS_BACKEND=redis://127.0.0.1:6379"}, nil},
		{"logins without a limit", quiet + quietRoutes + "limits: {login: {requests: 0}}\n", nil, []string{"limits.login: Is off, and so are login_pair"}},
		{"logins limited by another", quiet + quietRoutes + "limits: {login: {requests: 0}, login_spraying: {requests: 100}}\n", nil, nil},
		{"any number of accounts", "server: {address: \"127.0.0.1:8080\"}\nlimits: {registration: {requests: 0}}\n" + quietRoutes, nil,
			[]string{"limits.registration: Is off while anybody", "mail.url: Is log: while anybody may register"}},
		{"accounts made by administrators", quiet + quietRoutes + "limits: {registration: {requests: 0}}\n", nil, nil},
		{"any number of mails", quiet + quietRoutes + "limits: {mail: {requests: 0}}\nmail: {url: \"smtps://h:465\", from: a@example.com}\n", nil, []string{"limits.mail: Is off"}},
		{"no mails to limit", quiet + quietRoutes + "limits: {mail: {requests: 0}}\n", nil, nil},
		{"many guesses", quiet + quietRoutes + "lockout: {failures: 101}\n", nil, []string{"lockout.failures: Is above 100"}},
		{"as many guesses as are allowed", quiet + quietRoutes + "lockout: {failures: 100}\n", nil, nil},
		{"cheap bcrypt", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS_BCRYPT_COST=9"}, []string{"passwords.bcrypt_cost: Is below 10"}},
		{"bcrypt", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS_BCRYPT_COST=10"}, nil},
		{"cheap argon2id", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS={algorithm: argon2id, argon2id: {memory: 7167}}"}, []string{"passwords.argon2id.memory: Is below 7168 KiB"}},
		{"argon2id", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS={algorithm: argon2id, argon2id: {memory: 7168}}"}, nil},
		{"refusals on ordinary days", quiet + quietRoutes + "risk: {deny_above: 0.4}\ngeo: {database: a.mmdb}\n", nil, []string{"risk.deny_above: Is low"}},
		{"refusals of what is strange", quiet + quietRoutes + "risk: {deny_above: 0.9}\ngeo: {database: a.mmdb}\n", nil, nil},
		{"refusals without places", quiet + quietRoutes + "risk: {deny_above: 0.9}\n", nil, []string{"risk.deny_above: Without geo.database"}},
		{"leaked passwords asked about in the clear", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS_BREACH_URL=http://range.example.com/"}, []string{"passwords.breach_url: Is http"}},
		{"leaked passwords asked about here", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS_BREACH_URL=http://127.0.0.1:1/"}, nil},
		{"leaked passwords", quiet + quietRoutes, []string{"AUTHLY_PASSWORDS_BREACH_URL=https://range.example.com/"}, nil},
		{"strangers let themselves in", "server: {address: \"127.0.0.1:8080\"}\nroutes: [{name: a, paths: [/a], allow: authenticated}]\n", nil, []string{"users.registration: Anybody may register, and route a lets every signed-in user pass: strangers let themselves in as soon as they are verified.", "mail.url: Is log: while anybody may register"}},
		{"at once", "server: {address: \"127.0.0.1:8080\"}\nusers: {require_verification: false}\nroutes: [{name: a, paths: [/a], allow: authenticated}]\n", nil, []string{"users.registration: Anybody may register, and route a lets every signed-in user pass: strangers let themselves in.", "mail.url: Is log: while anybody may register"}},
		{"strangers are let in nowhere", "server: {address: \"127.0.0.1:8080\"}\nroutes: [{name: a, paths: [/a], allow: public}, {name: b, paths: [/b], allow: {roles: [x]}}]\n", nil, []string{"mail.url: Is log: while anybody may register"}},
		{"mails in the log, which nobody causes", quiet + quietRoutes + "mail: {url: \"log:\"}\n", nil, nil},
		{"mails that are sent", "server: {address: \"127.0.0.1:8080\"}\nmail: {url: \"smtp://mail.example.com\", from: a@example.com}\n" + quietRoutes, nil, nil},
		{"mails without TLS", quiet + quietRoutes + "mail: {url: \"smtp://localhost:25?dangerously_without_tls=true\", from: a@example.com}\n", nil, []string{"mail.url: Is without TLS"}},
		{"nobody registers", quiet + "routes: [{name: a, paths: [/a], allow: authenticated}]\n", nil, nil},
		{"unchecked certificate", quiet + "routes: [{name: a, paths: [/a], allow: public, upstream: https://h, insecure_skip_verify: true}]\n", nil, []string{"routes[0].insecure_skip_verify: The upstream's certificate"}},
		{"tokens passed on", quiet + "routes: [{name: a, paths: [/a], allow: public, upstream: https://h, pass_authorization: true}]\n", nil, []string{"routes[0].pass_authorization: The application"}},
		{"an audience of nothing", quiet + "routes: [{name: a, paths: [/a], allow: public, audience: wiki}]\n", nil, []string{"routes[0].audience: Is of no use"}},
		{"an audience of assertions", quiet + "routes: [{name: a, paths: [/a], allow: public, audience: wiki, assertion: true}]\n", nil, nil},
		{"titles that are read", quiet + "routes: [{name: a, paths: [/a/*], allow: public, title: A, url: /a/}, {name: b, hosts: [localhost], paths: [/*], networks: [10.0.0.0/8], allow: {roles: [x]}, title: B}, {name: c, hosts: [localhost], paths: [/*], allow: {users: [y]}, title: B}]\n", nil, nil},
		{"titles that nobody reads", quiet + "routes: [{name: a, paths: [/a/*], allow: public, url: /a/}, {name: b, paths: [/b], allow: nobody, title: B, url: /b}, " +
			"{name: c, paths: [/c], allow: authenticated, credentials: [bearer], title: C, url: /c}, {name: d, paths: [/*], allow: authenticated, title: D, url: /a/d}]\n", nil,
			[]string{"routes[0].url: Is of no use", "routes[1].title: Is in nobody's list: nobody", "routes[2].title: Is in nobody's list: the route takes no cookie",
				"routes[3].title: Is in nobody's list: requests to its address are decided by earlier routes (a)."}},
		{"stale tokens", quiet + "routes: [{name: a, paths: [/a], allow: {roles: [x]}, stale: allow}]\n", nil, []string{"routes[0].stale: While the store is away"}},
		{"never reached", quiet + "routes: [{name: a, paths: [/*], allow: public}, {name: b, paths: [/b], allow: nobody}]\n", nil, []string{"routes[1]: Route b is never reached: what it matches, earlier routes match first (a)."}},
		{"reached", quiet + "routes: [{name: b, paths: [/b], allow: nobody}, {name: a, paths: [/*], allow: public}]\n", nil, nil},
		{"hidden", quiet + "routes: [{name: a, paths: [/auth/token, /users/*, /health, /docs, /authz/*, /app], allow: public, upstream: \"echo:\"}]\n", nil,
			[]string{"routes[0].paths[0]: Is never forwarded: Authly", "routes[0].paths[1]: Is", "routes[0].paths[2]: Is", "routes[0].paths[3]: Is", "routes[0].paths[4]: Is never forwarded: front proxies"}},
		{"not hidden by a prefix", quiet + "routes: [{name: a, paths: [/auth/token, /users/*, /healthy, /api/v1/health], allow: public, upstream: \"echo:\"}]\n", []string{"AUTHLY_SERVER_API_PREFIX=/api/v1"}, []string{"routes[0].paths[3]: Is"}},
		{"not hidden from front proxies", quiet + "routes: [{name: a, paths: [/users/*], allow: public}]\n", nil, nil},
		{"unknown variables", quiet + quietRoutes, []string{"AUTHLY_STORE_ULR=x", "AUTHLY_STORE_ULR_FILE=/x", "AUTHLY_COLOUR=x", "AUTHLY_SERVER_PORT=80"},
			[]string{"AUTHLY_COLOUR: No such variable, it has no effect.", "AUTHLY_SERVER_PORT: No such variable", "AUTHLY_STORE_ULR: No such variable, it has no effect; did you mean AUTHLY_STORE_URL?", "AUTHLY_STORE_ULR_FILE: No such variable, it has no effect; did you mean AUTHLY_STORE_URL_FILE?"}},
		{"a previous secret that is none", quiet + quietRoutes, []string{"JWT_SECRET_KEY_PREVOUS=x", "JWT_SECRET_KEY_PREVIOUS=0123456789abcdef0123456789abcdef"},
			[]string{"JWT_SECRET_KEY_PREVOUS: No such variable, it has no effect; did you mean JWT_SECRET_KEY_PREVIOUS?"}},
		{"variables of others", quiet + quietRoutes, []string{"JWT_ISSUER=x", "JWT_PRIVATE_KEY=x",
			"AUTHLY_ADMIN_PASSWORD=x", "AUTHLY_CONFIG=x", "AUTHLY_TEST_POSTGRES_URL=x", "AUTHLYX=x", "PATH=/", "AUTHLY_SERVICE_HOST=10.0.0.1",
			"AUTHLY_SERVICE_PORT=80", "AUTHLY_SERVICE_PORT_HTTP=80", "AUTHLY_PORT=tcp://10.0.0.1:80", "AUTHLY_PORT_80_TCP=tcp://10.0.0.1:80",
			"AUTHLY_PORT_80_TCP_PROTO=tcp", "AUTHLY_PORT_80_TCP_PORT=80", "AUTHLY_PORT_80_TCP_ADDR=10.0.0.1", "AUTHLY_DB_SERVICE_HOST=10.0.0.2",
			"AUTHLY_DB_PORT=tcp://10.0.0.2:5432", "AUTHLY_DB_PORT_5432_TCP_PORT=5432"}, nil},
		{"the administrator's password in a file", quiet + quietRoutes, []string{"AUTHLY_ADMIN_PASSWORD_FILE=/x"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := load("config.yaml", []byte(test.file), true, test.env)
			if err != nil {
				t.Fatal(err)
			}
			got := c.Warnings()
			matches := len(got) == len(test.want)
			for i := range min(len(got), len(test.want)) {
				matches = matches && strings.HasPrefix(got[i].String(), test.want[i])
			}
			if !matches {
				t.Errorf("warned of\n%v\nwant\n%q", got, test.want)
			}
		})
	}
}

// What is shipped says what a newcomer should know, and nothing else.
func TestDefaultsWarnings(t *testing.T) {
	var keys []string
	for _, w := range Defaults().Warnings() {
		keys = append(keys, w.Key)
	}
	if !slices.Equal(keys, []string{"server.address", "users.registration", "mail.url"}) {
		t.Errorf("warned of %v", keys)
	}
}

func TestAdvice(t *testing.T) {
	long := Defaults()
	long.Passwords.MinLength = 15
	if advice := long.Advice(); len(advice) > 0 {
		t.Errorf("advised %v where 15 characters are asked for", advice)
	}
	long.Users.Registration = "closed" // while it is open, there is a warning of the same
	if advice := long.Advice(); len(advice) != 1 || advice[0].Key != "mail.url" {
		t.Errorf("advised %v where mails go to the log", advice)
	}
	if advice := Defaults().Advice(); len(advice) != 1 || advice[0].Key != "passwords.min_length" {
		t.Errorf("advised %v", advice)
	}
	shared := Defaults()
	shared.Passwords.MinLength, shared.Store.URL = 15, "postgres://h/d"
	if advice := shared.Advice(); len(advice) != 1 || advice[0].Key != "store.migrate" {
		t.Errorf("advised %v where the server owns its tables", advice)
	}
	shared.Store.Migrate = false
	if advice := shared.Advice(); len(advice) > 0 {
		t.Errorf("advised %v where it does not", advice)
	}
}
