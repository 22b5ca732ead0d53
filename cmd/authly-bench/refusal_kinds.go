package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// rubbish is a kind of bad token.
type rubbish struct {
	name string
	at   *gate // where it is bad
	load load
	long bool
}

// kinds returns the kinds of rubbish for an algorithm. Each is tried first: it must be refused, where a good token is not.
func (m *refusal) kinds(ctx context.Context, s *stage, g *gate, algorithm string) ([]rubbish, error) {
	good, err := readToken(g.access)
	if err != nil {
		return nil, err
	}
	bad := func(name string, tokens ...string) rubbish {
		l := load{status: http.StatusUnauthorized}
		for _, text := range tokens {
			l.requests = append(l.requests, ask(text))
		}
		return rubbish{name: name, at: g, load: l, long: len(tokens[0]) > 2000}
	}
	kinds := []rubbish{bad("wrong signature "+algorithm, good.text(nil, nil)).other(len(good.signature) / 2)}
	if algorithm == algorithms()[0] {
		n := s.pace.scale(4096, 64)
		others := func(make func(claims map[string]any) string) (texts []string) {
			for range n {
				texts = append(texts, make(anotherID()))
			}
			return texts
		}
		kinds = append(kinds,
			bad("no token", ""),
			bad("random text", random(43)).other(20),
			bad("random text in three parts", random(100)+"."+random(400)+"."+random(86)).other(20),
			bad("unknown kid", others(func(c map[string]any) string { return good.text(map[string]any{"kid": random(11)}, c) })...),
			bad("alg none", others(func(c map[string]any) string { return good.unsigned(map[string]any{"alg": "none"}, c) + "." })...),
			bad("alg HS256", others(func(c map[string]any) string { return good.text(map[string]any{"alg": "HS256"}, c) })...),
			bad("other claims", others(func(c map[string]any) string { return good.text(nil, c) })...),
			bad("five parts", good.text(nil, nil)+"."+random(100)+"."+random(22)).other(10),
			bad("4,000 dots", strings.Repeat(".", 4000)+random(10)).other(9),
			bad("8 KiB in three parts", random(100)+"."+random(8000)+"."+random(86)).other(20),
			bad("8 KiB in one part", random(8190)).other(20),
		)
		expiring, expired, err := m.expired(ctx, s, algorithm)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, rubbish{name: "expired", at: expiring, load: load{requests: expired, status: http.StatusUnauthorized}})
	}
	return kinds, m.try(g, kinds)
}

// other makes every token of a kind another each time, so many bytes before its end.
func (r rubbish) other(before int) rubbish {
	r.load.vary = bytes.LastIndex(r.load.requests[0], []byte("\r\n\r\n")) - before
	return r
}

func random(length int) string {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)[:length]
}

// try sees that a good token passes and each kind of bad one does not.
func (m *refusal) try(g *gate, kinds []rubbish) error {
	all := append([]rubbish{{name: "a good token", at: g, load: load{requests: [][]byte{ask(g.access)}, status: http.StatusOK}}}, kinds...)
	for _, k := range all {
		d := newDrive(k.at.authz, 1, k.load)
		err := d.once(d.wires[0])
		d.close()
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}
