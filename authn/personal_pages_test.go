package authn

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// What is long is read page by page, to its end, and no further than somebody goes; an error is the last that comes.
func TestPaged(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for _, length := range []int{0, 1, personalPage - 1, personalPage, personalPage + 1, 2 * personalPage} {
		rows := make([]PersonalPlace, length)
		for i := range rows {
			rows[i] = PersonalPlace{CreatedAt: at.Add(time.Duration(i)), ID: uuid.New()}
		}
		reads := 0
		read := func(after PersonalPlace) ([]PersonalPlace, error) {
			reads++
			rest := rows[slices.Index(rows, after)+1:] // none is at -1
			return rest[:min(len(rest), personalPage)], nil
		}
		itself := func(p PersonalPlace) PersonalPlace { return p }
		var got []PersonalPlace
		for one, err := range paged(read, itself) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, one)
		}
		if !slices.Equal(got, rows) || reads != length/personalPage+1 {
			t.Errorf("%d of %d in %d pages", len(got), length, reads)
		}
		reads = 0
		for range paged(read, itself) {
			break
		}
		if reads != 1 {
			t.Errorf("%d pages were read for the first of %d", reads, length)
		}
	}
	var last error
	times := 0
	for _, err := range paged(func(PersonalPlace) ([]PersonalPlace, error) { return nil, errors.New("away") }, nil) {
		last = err
		times++
	}
	if Fault(last).Code != CodeInternal || times != 1 {
		t.Errorf("%d times %v", times, last)
	}
}
