package main

import (
	"bytes"
	"net/http"
)

// upstreamTarget is the application behind every proxy: /kib answers with one KiB.
func upstreamTarget([]string) (http.Handler, []string, error) {
	kib := bytes.Repeat([]byte("0123456789abcde\n"), 64)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /kib", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
		h["Content-Length"] = []string{"1024"}
		_, _ = w.Write(kib)
	})
	return mux, nil, nil
}
