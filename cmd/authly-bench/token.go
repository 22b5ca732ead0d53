package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
)

// token is a JWT taken apart: what a replica has signed is the pattern for others.
type token struct {
	header, claims map[string]any
	signature      string
}

func readToken(text string) (t token, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return t, errors.New("a token is no JWT")
	}
	for i, part := range []*map[string]any{&t.header, &t.claims} {
		decoded, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return t, err
		}
		if err := json.Unmarshal(decoded, part); err != nil {
			return t, err
		}
	}
	t.signature = parts[2]
	return t, nil
}

// text puts it together with another member of the header and other claims, and with the signature that it had.
func (t token) text(header, claims map[string]any) string {
	return t.unsigned(header, claims) + "." + t.signature
}

func (t token) unsigned(header, claims map[string]any) string {
	return segment(t.header, header) + "." + segment(t.claims, claims)
}

// signed is the same with a good HS256 signature.
func (t token) signed(claims map[string]any, secret string) string {
	text := t.unsigned(nil, claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func segment(members, others map[string]any) string {
	all := make(map[string]any, len(members))
	for name, value := range members {
		all[name] = value
		if other, ok := others[name]; ok {
			all[name] = other
		}
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		return "" // not of what was read from JSON
	}
	return base64.RawURLEncoding.EncodeToString(encoded)
}

// anotherID is a claim jti that no token has.
func anotherID() map[string]any {
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return map[string]any{"jti": hex.EncodeToString(id)}
}
