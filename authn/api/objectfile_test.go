package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
)

// An object is written as it grows; one whose end could not be read has none, and nobody takes it for the whole.
func TestObjectFile(t *testing.T) {
	var whole strings.Builder
	f := objectFile{w: &whole}
	f.member("name", "</script>")
	list(&f, "none", all([]int(nil)), func(n int) any { return n })
	list(&f, "some", all([]int{1, 2}), func(n int) any { return n })
	if err := f.end(); err != nil || !json.Valid([]byte(whole.String())) || strings.Contains(whole.String(), "</") {
		t.Errorf("written %q, %v", whole.String(), err)
	}

	var part strings.Builder
	f = objectFile{w: &part}
	defer func() {
		if recover() != http.ErrAbortHandler || json.Valid([]byte(part.String())) || !strings.Contains(part.String(), "1") {
			t.Errorf("written %q before it broke off", part.String())
		}
	}()
	list(&f, "broken", func(yield func(int, error) bool) {
		if yield(1, nil) {
			yield(0, errors.New("the store is away"))
		}
	}, func(n int) any { return n })
	t.Error("what broke off was not noticed")
}
