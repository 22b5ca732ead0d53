package store

import (
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Risks says what is risky about the way to the database that a URL names: sentences for whoever runs Authly, none for SQLite,
// for connections that stay on the machine, and for those that are encrypted to a server that proves its name. It connects to
// nothing, reads the files that the URL names, and fails where Open would for what is in it.
func Risks(url string) ([]string, error) {
	location, err := parseURL(url)
	if err != nil || location.sqlite {
		return nil, err
	}
	config, _, err := location.reach()
	if err != nil {
		return nil, location.redact(err)
	}
	var risks []string
	for host, ways := range byHost(waysOut(config)) {
		if risk := riskOf(ways); risk != "" {
			risks = append(risks, fmt.Sprintf("Is on another machine (%s), and %s. Say sslmode=verify-full, and sslrootcert=FILE "+
				"if the server's certificate is of a CA of your own.", host, risk))
		}
	}
	slices.Sort(risks)
	return risks, nil
}

func byHost(ways []pgconn.FallbackConfig) map[string][]pgconn.FallbackConfig {
	hosts := map[string][]pgconn.FallbackConfig{}
	for _, way := range ways {
		hosts[way.Host] = append(hosts[way.Host], way)
	}
	return hosts
}

// riskOf says who can do what, judged by what pgx will do and not by what it was told. What it does in place of Go's check of a
// certificate is to check its CA alone.
func riskOf(ways []pgconn.FallbackConfig) string {
	open := func(way pgconn.FallbackConfig) bool { return way.TLSConfig == nil }
	unchecked := func(way pgconn.FallbackConfig) bool {
		return way.TLSConfig.InsecureSkipVerify && way.TLSConfig.VerifyPeerCertificate == nil
	}
	switch {
	case !slices.ContainsFunc(ways, func(way pgconn.FallbackConfig) bool { return !open(way) }):
		return "not encrypted (sslmode=disable): whoever watches the network in between reads password hashes and tokens' data, and " +
			"whoever can change what passes there signs in as anybody"
	case slices.ContainsFunc(ways, open):
		return "may be not encrypted (sslmode=allow or prefer): whoever can change what passes in between turns encryption off, reads " +
			"password hashes, and signs in as anybody"
	case slices.ContainsFunc(ways, unchecked):
		return "encrypted to whoever answers (sslmode=require): whoever can answer in the server's place, by its name or in between, is given " +
			"the role's password, reads password hashes, and signs in as anybody"
	case ways[0].TLSConfig.InsecureSkipVerify:
		return "encrypted to any server of the CA (sslmode=verify-ca, or require with sslrootcert): whoever has some certificate of that CA " +
			"and can answer in the server's place is given the role's password, reads password hashes, and signs in as anybody"
	}
	return ""
}
