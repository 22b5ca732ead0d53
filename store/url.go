package store

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
)

// location is a database URL, parsed.
type location struct {
	sqlite  bool
	path    string   // of the SQLite file, absolute
	url     string   // for PostgreSQL, as pgx understands it
	secrets []string // what no error may repeat
}

var errURL = errors.New("the database URL is not valid: it must be sqlite://PATH, such as sqlite://authly.db, " +
	"or postgres://USER:PASSWORD@HOST/DATABASE, where special characters in the password are percent-encoded")

// parseURL never repeats any part of the URL in an error: where it cannot be parsed, nobody knows what is the password.
func parseURL(raw string) (location, error) {
	scheme, rest, ok := strings.Cut(raw, ":")
	if !ok {
		return location{}, errURL
	}
	scheme, driver, hasDriver := strings.Cut(strings.ToLower(scheme), "+")
	switch scheme {
	case "sqlite", "sqlite3":
		return parseSQLite(rest, hasDriver)
	case "postgres", "postgresql":
		return parsePostgres(rest, driver)
	}
	return location{}, errURL
}

// parseSQLite takes what follows the colon. Programs that write sqlite+driver:///name mean a relative path by three slashes
// and an absolute one by four; without a driver three slashes are an absolute path, unless it begins with a dot.
func parseSQLite(rest string, hasDriver bool) (location, error) {
	path, hasAuthority := strings.CutPrefix(rest, "//")
	if hasAuthority && (hasDriver || strings.HasPrefix(path, "/./") || strings.HasPrefix(path, "/../")) {
		path = strings.TrimPrefix(path, "/")
	}
	if strings.ContainsAny(path, "?#") {
		return location{}, errors.New("the SQLite URL takes no parameters; a ? or # in the path is written %3F or %23")
	}
	path, err := url.PathUnescape(path)
	switch {
	case err != nil || strings.IndexByte(path, 0) >= 0:
		return location{}, errors.New("the path in the SQLite URL has an invalid escape")
	case path == "":
		return location{}, errors.New("the SQLite URL names no file: write sqlite://authly.db")
	case strings.Contains(path, ":memory:"):
		return location{}, errors.New("a SQLite database in memory is not supported: " +
			"what was promised would be gone with the process; write sqlite://authly.db")
	}
	path, err = filepath.Abs(path)
	return location{sqlite: true, path: path}, err
}

// parsePostgres takes what follows the colon, and the name of the driver for which the URL was written.
func parsePostgres(rest, driver string) (location, error) {
	u, err := url.Parse("postgres:" + rest)
	if err != nil || !strings.HasPrefix(rest, "//") {
		return location{}, errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return location{}, errURL
	}
	if driver == "asyncpg" && query.Has("ssl") && !query.Has("sslmode") {
		query.Set("sslmode", query.Get("ssl")) // what asyncpg calls sslmode
		query.Del("ssl")
		u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // pgx takes a plus sign for itself
	}
	loc := location{url: u.String(), secrets: []string{query.Get("password"), query.Get("sslpassword")}}
	if password, ok := u.User.Password(); ok {
		loc.secrets = append(loc.secrets, password, url.QueryEscape(password), url.PathEscape(password))
		_, asWritten, _ := strings.Cut(u.User.String(), ":")
		loc.secrets = append(loc.secrets, asWritten)
	}
	return loc, nil
}

// redact returns err without the secrets of the location in its text; what errors.Is finds stays.
func (l location) redact(err error) error {
	message := err.Error()
	for _, secret := range l.secrets {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "[redacted]")
		}
	}
	if message == err.Error() {
		return err
	}
	return &redacted{message: message, cause: err}
}

// redacted hides the text of its cause but not what it is.
type redacted struct {
	message string
	cause   error
}

func (r *redacted) Error() string        { return r.message }
func (r *redacted) Is(target error) bool { return errors.Is(r.cause, target) }
