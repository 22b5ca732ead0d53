package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// verifyTarget is a handler that verifies a token each time, as most programs do: golang-jwt with key, algorithm, issuer and
// audience pinned. It says a token that it takes.
func verifyTarget(args []string) (http.Handler, []string, error) {
	if len(args) != 1 || jwt.GetSigningMethod(args[0]) == nil {
		return nil, nil, fmt.Errorf("verify needs an algorithm")
	}
	method := jwt.GetSigningMethod(args[0])
	private, public, err := newKey(args[0])
	if err != nil {
		return nil, nil, err
	}
	token, err := sampleToken(method, private)
	if err != nil {
		return nil, nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{args[0]}), jwt.WithIssuer(sampleIssuer), jwt.WithAudience("authly"),
		jwt.WithExpirationRequired())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, err := parser.ParseWithClaims(text, &sampleClaims{}, func(*jwt.Token) (any, error) { return public, nil })
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}), []string{token}, nil
}

func newKey(algorithm string) (private, public any, err error) {
	switch algorithm[:2] {
	case "HS":
		secret := make([]byte, 64)
		_, err = rand.Read(secret)
		return secret, secret, err
	case "RS", "PS":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, nil, err
	}
	return private, private.(crypto.Signer).Public(), nil
}

// sampleClaims are those of Authly's access tokens.
type sampleClaims struct {
	jwt.RegisteredClaims
	SessionID string   `json:"sid"`
	ClientID  string   `json:"client_id"`
	Username  string   `json:"username"`
	Email     string   `json:"email"`
	Roles     []string `json:"roles"`
}

const sampleIssuer = "http://localhost:8080"

func sampleToken(method jwt.SigningMethod, private any) (string, error) {
	id, now := make([]byte, 32), time.Now()
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(method, &sampleClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: sampleIssuer, Subject: "6b5a0a0e-54a4-4d7c-9a58-0d1e4d0b2a7f", Audience: jwt.ClaimStrings{"authly"}, ID: hex.EncodeToString(id),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(24 * time.Hour)),
		},
		SessionID: "0b0e3c0c-4e0e-4a53-8f0e-7f2a35a1c9be", ClientID: "authly",
		Username: "alice", Email: "alice@example.com", Roles: []string{"staff", "reports"},
	})
	token.Header["kid"], token.Header["typ"] = "0123456789abcdef", "at+jwt"
	return token.SignedString(private)
}
