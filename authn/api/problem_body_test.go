package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A problem that is put together looks as if the library had written it.
func TestProblemBody(t *testing.T) {
	texts := []string{"", "plain text, with 'signs' ~!", `a "quoted" one`, `back\slash`, "<b>", "a & b", "tab\t", "bell\a", "delete\x7f", "zoë", "bad \xff", "\u2028"}
	for _, text := range texts {
		for place := range 6 {
			p := problem{Type: "about:blank", Title: "Bad Request", Status: 400, Detail: "detail", Code: "code", Field: "field", RequestID: "0123abcd"}
			*[]*string{&p.Title, &p.Detail, &p.Code, &p.Field, &p.RequestID, &p.ErrorDescription}[place] = text
			want, err := marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(p.body())); diff != "" {
				t.Errorf("%q in place %d: (-library +ours):\n%s", text, place, diff)
			}
		}
	}
}
