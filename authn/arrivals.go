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
	At      time.Time `json:"at,omitzero"`
	Address string    `json:"address,omitempty"` // of the client, empty if unknown
	Device  string    `json:"device,omitempty"`  // such as "Firefox on Linux"
	Place   string    `json:"place,omitempty"`   // such as "Oslo, NO"; empty if unknown
	Risk    Risk      `json:"-"`
	Denied  bool      `json:"denied,omitempty"` // it was refused: whoever it was knows the password
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
