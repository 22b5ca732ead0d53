package authn

import "context"

// feedState is what the log was told last of how a Follower keeps up.
type feedState struct {
	failing   bool // the feed cannot be read
	untrusted bool // and that for so long that the store is asked
}

// tell writes to the log what an operator should know of a look at the feed: what begins and what is over, each once.
func (f *Follower) tell(ctx context.Context, told *feedState, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err == nil && told.failing:
		f.cfg.Log.InfoContext(ctx, "the feed of changes is followed again")
	case err != nil && !told.failing:
		f.cfg.Log.WarnContext(ctx, "the feed of changes cannot be followed: what other replicas take back is not known here",
			"error", err, "memory_is_trusted_for", f.cfg.MaxStaleness.String())
	}
	untrusted := err != nil && !f.Fresh()
	if untrusted && !told.untrusted {
		f.cfg.Log.WarnContext(ctx, "memory is not trusted any more: the store is asked about every token", "max_staleness", f.cfg.MaxStaleness.String())
	}
	*told = feedState{failing: err != nil, untrusted: untrusted}
}
