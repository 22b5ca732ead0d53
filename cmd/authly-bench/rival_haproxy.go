package main

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os/exec"
	"strings"
)

// haproxy is HAProxy as a plain proxy (g nil), or as one that checks g's RS256 tokens and tells the upstream who is calling.
func haproxy(upstream string, g *gate) func(context.Context, string, string, string) (*exec.Cmd, error) {
	return func(ctx context.Context, path, folder, address string) (*exec.Cmd, error) {
		files, rules := map[string]string{}, ""
		if g != nil {
			key, err := g.publicKey(ctx)
			if err != nil {
				return nil, err
			}
			files["key.pem"], rules = key, haproxyCheck
		}
		files["haproxy.cfg"] = fillIn(strings.Replace(haproxyConfiguration, "RULES", rules, 1), address, upstream)
		return inFolder(folder, path, files, "-db", "-f", "haproxy.cfg")
	}
}

const haproxyConfiguration = `
global
    maxconn 8192
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend web
    bind ADDRESS
RULES
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    default_backend app
backend app
    http-reuse always
    server app UPSTREAM
`

// haproxyCheck is the check that its documentation describes, and the headers that Authly sends. The identity headers of
// clients are deleted in one spelling each, and of several roles the first is told, which is less than Authly does.
const haproxyCheck = `
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
    http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"key.pem") 1 }
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
    http-request deny deny_status 401 unless { var(txn.bearer),jwt_payload_query('$.aud[0]') -m str authly }
    http-request del-header Authorization
    http-request del-header X-Forwarded-User-Id
    http-request set-header X-Forwarded-User %[var(txn.bearer),jwt_payload_query('$.username')]
    http-request set-header X-Forwarded-Email %[var(txn.bearer),jwt_payload_query('$.email')]
    http-request set-header X-Forwarded-Groups %[var(txn.bearer),jwt_payload_query('$.roles[0]')]
    http-request set-header X-Forwarded-User-Id %[var(txn.bearer),jwt_payload_query('$.sub')]
    http-request set-header Remote-User %[var(txn.bearer),jwt_payload_query('$.username')]
    http-request set-header Remote-Email %[var(txn.bearer),jwt_payload_query('$.email')]
    http-request set-header Remote-Groups %[var(txn.bearer),jwt_payload_query('$.roles[0]')]
`

// publicKey returns the RSA key that tokens are verified with, in PEM.
func (r *replica) publicKey(ctx context.Context) (string, error) {
	client := newClient()
	defer client.CloseIdleConnections()
	var set struct {
		Keys []struct{ Kty, N, E string }
	}
	if err := r.must(ctx, client, http.MethodGet, "/.well-known/jwks.json", "", nil, &set); err != nil {
		return "", err
	}
	if len(set.Keys) == 0 || set.Keys[0].Kty != "RSA" {
		return "", errors.New("there is no public RSA key")
	}
	n, err1 := base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	e, err2 := base64.RawURLEncoding.DecodeString(set.Keys[0].E)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	key := rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	der, err := x509.MarshalPKIXPublicKey(&key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}
