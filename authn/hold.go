package authn

import (
	"context"
	"math/rand/v2"
	"time"
)

// hold waits until what has begun then, by the machine's own clock, has taken for at least so long and, by chance, up to so much
// more. It hides what is left of a difference where the same was done about something that exists and something that does not:
// some microseconds for a row that is there. Chance does what waiting alone cannot, for a timer is off by up to a millisecond, and by
// how much depends on when it was set.
func hold(ctx context.Context, begun time.Time, least, more time.Duration) {
	if least <= 0 {
		return
	}
	timer := time.NewTimer(least + rand.N(max(more, 1)) - time.Since(begun)) // #nosec G404 -- nobody sees the numbers
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
