package authn

import "slices"

// bookmark is where a page of a list lies: behind a place, or in front of it. The zero value is the beginning.
type bookmark[P any] struct {
	place *P
	back  bool // the page ends in front of the place
}

// turnTo returns the page at a bookmark, and whether there is something before and after it. fetch returns what lies behind a
// place, the other way round if it is to look back. A page in front of a place that the beginning cuts short is filled up from
// behind it: else what was added since would leave the first page with a few lines.
func turnTo[T, P any](
	mark bookmark[P], limit int, fetch func(from *P, back bool, limit int) ([]T, error),
) (items []T, before, after bool, err error) {
	if mark.back {
		items, err = fetch(mark.place, true, limit+1)
		if err != nil {
			return nil, false, false, err
		}
		if len(items) > limit {
			items = items[:limit]
			slices.Reverse(items)
			return items, true, true, nil
		}
		mark = bookmark[P]{}
	}
	items, err = fetch(mark.place, false, limit+1)
	if after = len(items) > limit; after {
		items = items[:limit]
	}
	return items, mark.place != nil, after, err
}
