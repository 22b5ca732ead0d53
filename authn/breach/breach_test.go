package breach_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn/breach"
)

const password = "correct horse"

func digest(text string) string {
	sum := sha1.Sum([]byte(text))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// list is an answer as the service gives it: some digests, padding, and those of the texts with their counts.
func list(texts map[string]int) string {
	var b strings.Builder
	b.WriteString(digest("x")[5:] + ":17\r\n" + digest("y")[5:] + ":0\r\n")
	for text, count := range texts {
		fmt.Fprintf(&b, "%s:%d\r\n", digest(text)[5:], count)
	}
	b.WriteString(digest("z")[5:] + ":3")
	return b.String()
}

// service answers every request in the same way, and notes what it was asked. What it notes may be read when nobody asks.
func service(t *testing.T, answer http.HandlerFunc) (url string, asked *[]*http.Request) {
	t.Helper()
	asked = new([]*http.Request)
	var noting sync.Mutex // who does not wait for an answer may ask again meanwhile
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noting.Lock()
		*asked = append(*asked, r.Clone(context.Background()))
		noting.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/range/", asked
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func TestLeaked(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   bool
	}{
		"leaked":               {list(map[string]int{password: 2}), true},
		"leaked, lower case":   {strings.ToLower(list(map[string]int{password: 1})), true},
		"not leaked":           {list(nil), false},
		"padding":              {list(map[string]int{password: 0}), false},
		"nothing of the range": {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := service(t, text(c.answer))
			leaked, err := breach.New(url).Leaked(t.Context(), password)
			if leaked != c.want || err != nil {
				t.Errorf("leaked: %v, %v", leaked, err)
			}
			if len(*asked) != 1 {
				t.Fatalf("asked %d times", len(*asked))
			}
			r := (*asked)[0]
			if r.URL.String() != "/range/"+digest(password)[:5] || r.Header.Get("Add-Padding") != "true" {
				t.Errorf("asked for %s, %v", r.URL, r.Header)
			}
		})
	}
}

// What is no answer says nothing about a password, and the error nothing of its digest.
func TestNoAnswer(t *testing.T) {
	broken := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, list(nil))
	}
	elsewhere, asked := service(t, text(list(map[string]int{password: 1})))
	for name, answer := range map[string]http.HandlerFunc{
		"an error":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, list(map[string]int{password: 1}), 500) },
		"another page":     text("<html><title>Log in to the network</title>\n"),
		"counts missing":   text(digest(password)[5:]),
		"counts of nought": text(digest(password)[5:] + ":"),
		"short digests":    text(digest(password)[6:] + ":1"),
		"a broken answer":  broken,
		"an endless line":  text(strings.Repeat("A", 1<<17)),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere+digest(password)[:5], http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := service(t, answer)
			leaked, err := breach.New(url).Leaked(t.Context(), password)
			if leaked || err == nil {
				t.Fatalf("leaked: %v, %v", leaked, err)
			}
			hidden(t, err)
		})
	}
	if len(*asked) > 0 {
		t.Error("the digits were carried on")
	}
}

func hidden(t *testing.T, err error) {
	t.Helper()
	if said := strings.ToUpper(err.Error()); strings.Contains(said, digest(password)[:5]) || strings.Contains(said, strings.ToUpper(password)) {
		t.Errorf("the error tells: %v", err)
	}
}

// A service that is away, or does not answer, is waited for a short time at most, and no longer than who waits for it.
func TestSlowOrAway(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	if leaked, err := breach.New(gone.URL+"/").Leaked(t.Context(), password); leaked || err == nil {
		t.Errorf("away: %v, %v", leaked, err)
	} else {
		hidden(t, err)
	}
	ended := make(chan struct{})
	url, _ := service(t, func(_ http.ResponseWriter, r *http.Request) { <-ended })
	t.Cleanup(func() { close(ended) }) // before the server waits for it
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, ctx := range map[string]context.Context{"who waits goes": soon, "for ever": t.Context()} {
		if leaked, err := breach.New(url).Leaked(ctx, password); leaked || err == nil {
			t.Errorf("%s: %v, %v", name, leaked, err)
		} else {
			hidden(t, err)
		}
	}
}
