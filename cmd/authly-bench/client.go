package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// newClient returns a client of the loopback address: no proxy, and as many connections as are in use.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 256, DisableCompression: true},
		Timeout:   20 * time.Second,
	}
}

// answer is an answer, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// request is what a client sends.
type request struct {
	method, url, token string
	host               string // empty: that of the URL
	json               any
	header             http.Header
}

func send(ctx context.Context, client *http.Client, r request) (answer, error) {
	var body io.Reader
	if r.json != nil {
		text, err := json.Marshal(r.json)
		if err != nil {
			return answer{}, err
		}
		body = strings.NewReader(string(text))
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return answer{}, err
	}
	req.Host = r.host
	for name, values := range r.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	response, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, content}, err
}

// must sends a request to a replica that has to succeed, and reads the JSON of its answer into v unless that is nil.
func (r *replica) must(ctx context.Context, client *http.Client, method, path, token string, body, v any) error {
	got, err := send(ctx, client, request{method: method, url: r.base + path, token: token, json: body})
	if err != nil {
		return err
	}
	if got.status < 200 || got.status > 299 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, got.status, got.body)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(got.body, v)
}

// pair is the answer to a login.
type pair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func (r *replica) login(ctx context.Context, client *http.Client, username, password string) (p pair, err error) {
	err = r.must(ctx, client, http.MethodPost, "/auth/token", "",
		map[string]string{"grant_type": "password", "username": username, "password": password}, &p)
	return p, err
}

// sessionOf returns the id of the session that an access token is of.
func sessionOf(access string) (string, error) {
	parts := strings.Split(access, ".")
	if len(parts) != 3 {
		return "", errors.New("an access token is no JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct {
		SID string `json:"sid"`
	}
	return claims.SID, json.Unmarshal(payload, &claims)
}
