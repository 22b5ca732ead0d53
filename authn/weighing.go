package authn

import "context"

// weighing is the comparison of one attempt to sign in. A nil weighing objects to nothing.
type weighing struct {
	by   *Arrivals
	user User
	from Client
	done chan struct{} // closed when what follows is there

	arrival Arrival
	risk    Risk
	err     error
}

// weighing returns the comparison of an attempt to sign in, which has not begun; nil for a user who does not exist.
func (s *Arrivals) weighing(user *User, from Client) *weighing {
	if s == nil || user == nil {
		return nil
	}
	return &weighing{by: s, user: *user, from: from, done: make(chan struct{})}
}

// begin is called right before the password is hashed, which takes far longer than the comparison, right or wrong. So nobody
// waits for it, and the time of an answer does not tell that it was needed.
func (w *weighing) begin(ctx context.Context) {
	if w == nil {
		return
	}
	go func() {
		defer close(w.done)
		w.arrival, w.risk, w.err = w.by.assess(ctx, w.user.ID, w.from)
	}()
}

// judge waits for the comparison, and refuses a sign-in that is too unlike earlier ones as if the password were wrong. It is
// asked before the failures of the account are forgotten, so that this counts as one.
func (w *weighing) judge(ctx context.Context) *Error {
	if w == nil {
		return nil
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return Fault(ErrUnavailable)
	}
	switch {
	case w.err != nil:
		return Fault(w.err)
	case w.risk.Value <= w.by.cfg.DenyAbove:
		return nil
	}
	if w.user.Active && w.by.denied.Spend(ctx, w.user.ID.String()+" "+w.arrival.Network) == nil {
		w.post(true)
	}
	return errWrongPassword
}

// mark notes in a session that is about to begin where it comes from, and in the user's history that it did.
func (w *weighing) mark(s *Session) {
	if w == nil {
		return
	}
	s.Country, s.City = w.arrival.Place.Country, w.arrival.Place.City
	if w.by.compares() {
		s.Arrival = &w.arrival
	}
}

// begun has the user told of a sign-in that is unlike earlier ones, now that its session has begun.
func (w *weighing) begun() {
	if w != nil && w.risk.Value > w.by.cfg.NotifyAbove {
		w.post(false)
	}
}

// post leaves it to Run: the answer does not wait for a mail.
func (w *weighing) post(denied bool) {
	a := w.arrival
	n := notice{w.user, SignInNotice{
		At: a.At, Address: a.Address, Device: a.Device, Place: a.Place.String(), Risk: w.risk, Denied: denied,
	}}
	select {
	case w.by.waiting <- n:
	default:
		w.by.cfg.Log.Warn("a user is not told of an unusual sign-in: too many wait to be told", "user_id", w.user.ID)
	}
}
