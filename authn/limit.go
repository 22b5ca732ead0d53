package authn

import "time"

// Limit is a rate: Requests in Per, all of which may come at once. The zero value is no limit.
type Limit struct {
	Requests int
	Per      time.Duration
}
