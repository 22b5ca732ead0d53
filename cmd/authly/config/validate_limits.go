package config

import (
	"net/url"
	"strconv"
	"strings"
)

// checkLimits looks at where requests are counted, and at how long locks are.
func (d *decoder) checkLimits() {
	if address := string(d.config.Limits.Backend); address != "" && !isRedis(address) {
		d.bad("limits.backend", "is no address of a Redis or Valkey server, expected redis://HOST:PORT, rediss:// for TLS, "+
			"with :PASSWORD@ before HOST and /NUMBER of the database behind PORT if need be")
	}
	l := &d.config.Lockout
	if l.MaxDuration < l.Duration && d.wasGiven("lockout.max_duration") {
		d.bad("lockout.max_duration", "is shorter than the first lock, expected at least lockout.duration")
	}
	l.MaxDuration = max(l.MaxDuration, l.Duration) // a file that is older than max_duration may have long locks
}

// isRedis reports whether an address has the form of a server's. Parameters are left out: they change what Authly relies on.
func isRedis(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	database := strings.Trim(u.Path, "/")
	_, err = strconv.ParseUint(database, 10, 16)
	return database == "" || err == nil
}
