package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// through is a way to the upstream.
type through struct {
	process *process
	address string
	token   string
	client  *http.Client
}

// down reads a body of n bytes.
func (t *through) down(ctx context.Context, n int64) error {
	got, err := t.send(ctx, http.MethodGet, fmt.Sprint("/bytes/", n), nil, 0)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	read, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{got.Body}, make([]byte, 256<<10))
	if err == nil && read != n {
		err = fmt.Errorf("%d bytes, want %d", read, n)
	}
	return err
}

// up sends one.
func (t *through) up(ctx context.Context, n int64) error {
	got, err := t.send(ctx, http.MethodPost, "/sink", io.LimitReader(noughts{}, n), n)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	said, err := io.ReadAll(got.Body)
	if err == nil && string(said) != strconv.FormatInt(n, 10) {
		err = fmt.Errorf("%q bytes arrived, want %d", said, n)
	}
	return err
}

func (t *through) send(ctx context.Context, method, path string, body io.Reader, length int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+t.address+path, body)
	if err != nil {
		return nil, err
	}
	request.Host, request.ContentLength = "app.example.com", length
	request.Header.Set("Authorization", "Bearer "+t.token)
	got, err := t.client.Do(request)
	if err == nil && got.StatusCode != http.StatusOK {
		_ = got.Body.Close()
		err = fmt.Errorf("%s %s: status %d", method, path, got.StatusCode)
	}
	return got, err
}

// noughts is an endless body.
type noughts struct{}

func (noughts) Read(p []byte) (int, error) { return len(p), nil }
