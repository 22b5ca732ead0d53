package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"unicode/utf8"
)

// echoBody is how much of a body the echo shows, in bytes.
const echoBody = 4 << 10

// echo is the built-in application of the upstream "echo:". It is a RoundTripper at the end of the same ReverseProxy that
// serves real applications, so what it shows is what they would get.
type echo struct{}

// echoAnswer is the request as the echo received it.
type echoAnswer struct {
	Method    string      `json:"method"`
	Host      string      `json:"host"`
	Path      string      `json:"path"`  // as on the wire
	Query     string      `json:"query"` // as on the wire, without the question mark
	Headers   http.Header `json:"headers"`
	Body      string      `json:"body"`                // its first 4 KiB, if that is text
	BodyBytes int64       `json:"body_bytes"`          // its whole length
	Truncated bool        `json:"truncated,omitempty"` // there was more of it than is shown
	Binary    bool        `json:"binary,omitempty"`    // it is not UTF-8, and so is not shown
	Trailers  http.Header `json:"trailers,omitempty"`
}

func (echo) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := echoAnswer{
		Method:  r.Method,
		Host:    r.Host,
		Path:    r.URL.Opaque,
		Query:   r.URL.RawQuery,
		Headers: r.Header.Clone(),
	}
	if answer.Host == "" {
		answer.Host = r.URL.Host
	}
	if r.Header.Get("User-Agent") == "" {
		answer.Headers.Del("User-Agent") // an empty one tells a transport to send none
	}
	if err := answer.read(r); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode:    http.StatusOK,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}},
		Body:          io.NopCloser(&buf),
		ContentLength: int64(buf.Len()),
		Request:       r,
	}, nil
}

// read takes in the request's body and what follows it. All of it is read, shown or not: the client is to get its answer.
func (a *echoAnswer) read(r *http.Request) error {
	if r.Body == nil {
		return nil
	}
	defer r.Body.Close()
	shown, err := io.ReadAll(io.LimitReader(r.Body, echoBody))
	if err != nil {
		return err
	}
	rest, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return err
	}
	a.BodyBytes = int64(len(shown)) + rest
	a.Truncated = rest > 0
	if a.Truncated {
		shown = wholeRunes(shown)
	}
	if a.Binary = !utf8.Valid(shown); !a.Binary {
		a.Body = string(shown)
	}
	a.Trailers = r.Trailer
	return nil
}

// wholeRunes cuts off a character whose end is missing.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax, len(b)); i++ {
		if start := len(b) - i; utf8.RuneStart(b[start]) {
			if !utf8.FullRune(b[start:]) {
				return b[:start]
			}
			break
		}
	}
	return b
}
