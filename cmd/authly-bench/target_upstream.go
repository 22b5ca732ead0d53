package main

import (
	"bytes"
	"crypto/sha1" // #nosec G505 -- RFC 6455 wants it
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// upstreamTarget is the application behind every proxy: /kib answers with one KiB, /who with who is calling, /bytes/N with N bytes, /sink with how many
// bytes it was sent, /socket is a WebSocket that says again what it hears.
func upstreamTarget([]string) (http.Handler, []string, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /kib", kib)
	mux.HandleFunc("GET /who", who)
	mux.HandleFunc("GET /bytes/{n}", manyBytes)
	mux.HandleFunc("POST /sink", sink)
	mux.HandleFunc("GET /socket", socket)
	return mux, nil, nil
}

func kib(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h["Content-Type"], h["Content-Length"] = []string{"text/plain; charset=utf-8"}, []string{"1024"}
	_, _ = w.Write(bytes.Repeat([]byte("0123456789abcde\n"), 64))
}

func who(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header["X-Forwarded-User"]) } // #nosec G705 -- read by the measurement alone

func manyBytes(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil || n < 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header()["Content-Type"], w.Header()["Content-Length"] = []string{"application/octet-stream"}, []string{fmt.Sprint(n)}
	for chunk := make([]byte, 256<<10); n > 0; n -= int64(len(chunk)) {
		if _, err := w.Write(chunk[:min(n, int64(len(chunk)))]); err != nil {
			return
		}
	}
}

func sink(w http.ResponseWriter, r *http.Request) {
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, make([]byte, 256<<10))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	fmt.Fprint(w, n)
}

// socket speaks as much of RFC 6455 as is needed: it sends frames of the client back, unmasked, if they are short.
func socket(w http.ResponseWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // #nosec G401 -- RFC 6455 wants it
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what is closed is gone: see sockets.close
	}
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	for {
		head := make([]byte, 6) // kind, length, mask
		if _, err := io.ReadFull(buffered, head); err != nil || head[1]&0x7f > 125 || head[0] == 0x88 {
			return
		}
		frame := make([]byte, 2+head[1]&0x7f)
		if _, err := io.ReadFull(buffered, frame[2:]); err != nil {
			return
		}
		for i := range frame[2:] {
			frame[2+i] ^= head[2+i%4]
		}
		frame[0], frame[1] = head[0], head[1]&0x7f
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}
