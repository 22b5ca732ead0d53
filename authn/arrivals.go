package authn

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// ArrivalsConfig is what Arrivals needs. Store, Now and Log are required.
type ArrivalsConfig struct {
	Store     ArrivalStore
	Geography Geography // nil: nobody knows where addresses are
	Notifier  Notifier  // nil: users are told nothing, the log alone is

	// The risk above which users are told of a sign-in, and above which it is refused; 1: never. If both are 1, nothing is
	// compared and no history is kept.
	NotifyAbove, DenyAbove float64

	Now func() time.Time
	Log *slog.Logger
}

// Notifier tells users what happens to their accounts.
type Notifier interface {
	// NoticeOfSignIn tells the user of a sign-in that is unlike their earlier ones. It is called once for each, after the
	// answer. Its error is logged.
	NoticeOfSignIn(ctx context.Context, user User, notice SignInNotice) error
}

// SignInNotice is what a user is told of a sign-in with their password.
type SignInNotice struct {
	At      time.Time
	Address string // of the client, empty if unknown
	Device  string // such as "Firefox on Linux"
	Place   string // such as "Oslo, NO"; empty if unknown
	Risk    Risk
	Denied  bool // it was refused: whoever it was knows the password
}

// notices is how many may wait to be told. A flood of logins cannot fill it: each notice took a right password.
const notices = 256

// Arrivals compares sign-ins with those before. A nil Arrivals compares nothing and knows no places.
type Arrivals struct {
	cfg     ArrivalsConfig
	waiting chan notice
	denied  *Limiter // notices of refusals, per user and network
}

type notice struct {
	user User
	SignInNotice
}

// NewArrivals returns an Arrivals. Somebody has to Run it.
func NewArrivals(cfg ArrivalsConfig) *Arrivals {
	return &Arrivals{
		cfg: cfg, waiting: make(chan notice, notices),
		denied: NewLimiter(Limit{Requests: 1, Per: time.Hour}, cfg.Now),
	}
}

// Run tells users what there is to tell them, until ctx ends, and then what still waits.
func (s *Arrivals) Run(ctx context.Context) {
	for {
		select {
		case n := <-s.waiting:
			s.tell(ctx, n)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			for len(s.waiting) > 0 {
				s.tell(last, <-s.waiting)
			}
			return
		}
	}
}

func (s *Arrivals) tell(ctx context.Context, n notice) {
	s.cfg.Log.WarnContext(ctx, "a sign-in unlike the account's earlier ones", "event", "unusual_sign_in", "user_id", n.user.ID,
		"client", n.Address, "device", n.Device, "place", n.Place, "risk", n.Risk.Value, "reasons", n.Risk.Reasons, "denied", n.Denied)
	if s.cfg.Notifier == nil {
		return
	}
	if err := s.cfg.Notifier.NoticeOfSignIn(ctx, n.user, n.SignInNotice); err != nil {
		s.cfg.Log.WarnContext(ctx, "a user was not told of an unusual sign-in", "user_id", n.user.ID, "error", err)
	}
}

// compares reports whether risk matters at all.
func (s *Arrivals) compares() bool { return s.cfg.NotifyAbove < 1 || s.cfg.DenyAbove < 1 }

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

func (s *Arrivals) assess(ctx context.Context, userID uuid.UUID, from Client) (a Arrival, r Risk, err error) {
	var place Place
	if s.cfg.Geography != nil {
		place = s.cfg.Geography.Locate(from.Address)
	}
	a = NewArrival(userID, s.cfg.Now(), from, place)
	if !s.compares() {
		return a, Risk{}, nil
	}
	earlier, err := s.cfg.Store.Arrivals(ctx, userID, a.Vector)
	if err != nil {
		return a, Risk{}, err
	}
	return a, Assess(a, earlier), nil
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
	if w.user.Active && w.by.denied.Spend(w.user.ID.String()+" "+w.arrival.Network) == nil {
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
