package authn

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// MailsConfig is what Mails needs; every field but Sealer, Limits, Limit and AnswerAfter is required.
type MailsConfig struct {
	Store     MailStore
	Sealer    Sealer // nil: what waits is kept as it is
	Lifetimes MailLifetimes
	Keep      time.Duration // for how long a mail without a token is worth sending
	Limits    *Limits       // where requests are counted; nil: in memory
	Limit     Limit         // requests that cause a mail, per client network, and per address and kind; zero: none

	// ConfirmEmail makes a new address of a user count only when it is confirmed. Without it the address changes at once.
	ConfirmEmail bool

	// AnswerAfter is how long a request for a mail takes at least, for addresses that are known and those that are not. It hides
	// what is left of a difference when the work is the same: some microseconds for a row that is there. Zero: nothing is hidden.
	AnswerAfter time.Duration

	Now func() time.Time
	Log *slog.Logger
}

// Mails writes what people are mailed, and knows the tokens in it. Everything is kept in the store with the act that causes it;
// an Outbox sends it.
type Mails struct {
	cfg       MailsConfig
	byNetwork *Limiter
	byAddress *Limiter
	posted    chan struct{} // holds one sign that there is something to send
}

// NewMails returns a Mails.
func NewMails(cfg MailsConfig) *Mails {
	if cfg.Sealer == nil {
		cfg.Sealer = unsealed{}
	}
	limits := limitsOr(cfg.Limits, cfg.Now)
	return &Mails{
		cfg: cfg, byNetwork: limits.Limiter("mail-client", cfg.Limit), byAddress: limits.Limiter("mail-address", cfg.Limit),
		posted: make(chan struct{}, 1),
	}
}

// NoticeOfSignIn makes it a Notifier.
func (m *Mails) NoticeOfSignIn(ctx context.Context, user User, s SignInNotice) error {
	p, err := m.notice(ctx, Mail{Kind: MailNewSignIn, To: user.Email, Username: user.Username, SignIn: s})
	if err != nil {
		return err
	}
	if err := m.post(ctx, p); err != nil {
		return err
	}
	m.wake()
	return nil
}

// notice is a mail without a token, ready for the store.
func (m *Mails) notice(ctx context.Context, mail Mail) (Posting, error) {
	mail.CreatedAt = m.cfg.Now()
	mail.ExpiresAt = mail.CreatedAt.Add(m.cfg.Keep)
	queued, err := m.queue(ctx, mail)
	return Posting{Mail: queued}, err
}

// withToken is a mail with a new token in it, ready for the store.
func (m *Mails) withToken(ctx context.Context, t MailToken, username string) (Posting, error) {
	token := newMailToken()
	t.Hash, _ = hashMailToken(t.Kind, token)
	t.CreatedAt = m.cfg.Now().Truncate(time.Microsecond) // as it is kept
	t.ExpiresAt = t.CreatedAt.Add(m.cfg.Lifetimes.of(t.Kind))
	mail := Mail{Kind: t.Kind, To: t.Email, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, Username: username, Token: token}
	if t.Kind == MailEmailChange {
		mail.NewEmail = t.Email
	}
	queued, err := m.queue(ctx, mail)
	return Posting{Mail: queued, Token: &t}, err
}

// toUser is withToken to the user's own address.
func (m *Mails) toUser(ctx context.Context, kind MailKind, user User) (Posting, error) {
	return m.withToken(ctx, MailToken{Kind: kind, UserID: user.ID, Email: user.Email, EmailKey: user.EmailKey}, user.Username)
}

// queue seals what a mail says.
func (m *Mails) queue(ctx context.Context, mail Mail) (QueuedMail, error) {
	body, err := json.Marshal(mail)
	if err != nil {
		return QueuedMail{}, Fault(err)
	}
	q := QueuedMail{
		ID: uuid.New(), Kind: mail.Kind, To: mail.To, CreatedAt: mail.CreatedAt, ExpiresAt: mail.ExpiresAt, DueAt: mail.CreatedAt,
	}
	if q.Body, q.Sealing, err = m.cfg.Sealer.Seal(ctx, body, q.cell()); err != nil {
		return QueuedMail{}, Fault(err)
	}
	return q, nil
}

// cell is where the sealed body is: it cannot be opened as another mail's, nor sent to another address.
func (q QueuedMail) cell() Cell {
	id := q.ID.String()
	return Cell{Table: "mails", Column: "body", Row: id, Of: "mail " + string(q.Kind) + " " + id + " " + q.To}
}

// open is the mail that waits.
func (m *Mails) open(ctx context.Context, q QueuedMail) (Mail, error) {
	mail := Mail{ID: q.ID.String(), Kind: q.Kind, To: q.To, CreatedAt: q.CreatedAt, ExpiresAt: q.ExpiresAt}
	body, err := m.unseal(ctx, q)
	if err != nil {
		return Mail{}, err
	}
	if json.Unmarshal(body, &mail) != nil { // its text could repeat what is in the body
		return Mail{}, errors.New("its body is not one that this version has written")
	}
	return mail, nil
}

// unseal returns what the body of a mail is.
func (m *Mails) unseal(ctx context.Context, q QueuedMail) ([]byte, error) {
	if q.Sealing == "" {
		return q.Body, nil
	}
	return m.cfg.Sealer.Open(ctx, q.Body, q.Sealing, q.cell())
}

// post keeps a mail that no other act carries along, and its events. An outbox finds it when it looks next; wake makes it look.
func (m *Mails) post(ctx context.Context, p Posting, events ...Event) error {
	if err := m.cfg.Store.Post(ctx, []Posting{p}, events...); err != nil {
		return Fault(err)
	}
	return nil
}

// wake has the outbox of this replica look at once. It is called when what was posted is committed.
func (m *Mails) wake() {
	select {
	case m.posted <- struct{}{}:
	default: // a sign is there already
	}
}

// hold waits until a request that has begun so long ago has taken as long as every other.
func (m *Mails) hold(ctx context.Context, begun time.Time) {
	hold(ctx, begun, m.cfg.AnswerAfter, m.cfg.AnswerAfter/10)
}

// spend counts a request that causes a mail of a kind to an address, whoever it belongs to. Each kind counts for itself: else
// strangers could use up what there is for an address by requests that mail nothing there, such as to verify what is verified,
// and its owner could not have a new password mailed. Who uses up what there is for that has it mailed to the owner.
func (m *Mails) spend(ctx context.Context, from Client, kind MailKind, emailKey string) error {
	levels, refused := spend(ctx,
		spending{m.byNetwork, ClientNetwork(from.Address)}, spending{m.byAddress, string(kind) + " " + emailKey})
	tell(ctx, of(levels, m.byNetwork))
	if refused >= 0 {
		return rateLimited(told(levels, m.byAddress))
	}
	return nil
}

// errMailToken is the one answer to a token that does not live, whatever is wrong with it.
var errMailToken = RefuseField("token", "Invalid field: token is unknown, used or expired")

// token looks a mailed token up, without spending it.
func (m *Mails) token(ctx context.Context, kind MailKind, token string) (MailToken, error) {
	hash, ok := hashMailToken(kind, token)
	if !ok {
		return MailToken{}, errMailToken
	}
	t, err := m.cfg.Store.MailToken(ctx, kind, hash, m.cfg.Now())
	if err != nil {
		return MailToken{}, mailTokenRefusal(err)
	}
	return t, nil
}

// mailTokenRefusal turns what the store answers about a token and its user into what a client is told.
func mailTokenRefusal(err error) error {
	if errors.Is(err, ErrTokenNotFound) || errors.Is(err, ErrUserNotFound) {
		return errMailToken
	}
	return accountRefusal(err)
}
