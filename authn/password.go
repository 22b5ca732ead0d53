package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/secure/precis"
)

// bcryptMaxBytes is how much of a password bcrypt looks at. x/crypto's comparison ignores the rest without a word, so
// anything longer is refused when it is set and never matches when it is compared.
const bcryptMaxBytes = 72

// maxPasswordBytes bounds the work that a password can cause where the algorithm sets no bound of its own.
const maxPasswordBytes = 1024

// The names of password algorithms.
const (
	Bcrypt   = "bcrypt"
	Argon2id = "argon2id"
)

// PasswordsConfig is what Passwords needs.
type PasswordsConfig struct {
	Algorithm  string       // Bcrypt or Argon2id: of new hashes; both always verify
	BcryptCost int          // 4 to 31
	Argon2id   Argon2Params // of new hashes
	MinLength  int          // in characters

	Blocklist    bool         // whether new ones are held against common ones, and what is known of their user
	ServiceNames []string     // that a password must not be made of
	Breached     BreachCheck  // asked about each new password; nil: nobody is
	Log          *slog.Logger // where it is told that Breached does not answer; nil: nowhere

	MaxWait time.Duration  // for as long the work of a check may be waited for; 0: 10 s
	Worker  PasswordWorker // does the work; nil: it is done in this process
	Workers int            // how much the Worker does at a time; 0: as much as there are processors
}

// Argon2Params are the parameters of argon2id (RFC 9106 section 3.1).
type Argon2Params struct {
	Memory      uint32 // KiB
	Iterations  uint32
	Parallelism uint8
}

// Passwords prepares, hashes and compares passwords. It is safe for use by many goroutines. Whoever has a password compared or
// hashed waits for their turn, see hashQueue.
type Passwords struct {
	cfg    PasswordsConfig
	queue  *hashQueue
	work   PasswordWorker
	stored atomic.Pointer[storedSchemes]
	common func() commonPasswords
}

// storedSchemes is what is known of the stored hashes.
type storedSchemes struct {
	shares *schemeShares
	plan   workPlan
}

// NewPasswords checks the configuration.
func NewPasswords(cfg PasswordsConfig) (*Passwords, error) {
	switch {
	case cfg.Algorithm == Bcrypt && (cfg.BcryptCost < bcrypt.MinCost || cfg.BcryptCost > bcrypt.MaxCost):
		return nil, fmt.Errorf("bcrypt cost %d is not between %d and %d", cfg.BcryptCost, bcrypt.MinCost, bcrypt.MaxCost)
	case cfg.Algorithm == Argon2id && !cfg.Argon2id.sane():
		return nil, errors.New("argon2id parameters are out of range")
	case cfg.Algorithm != Bcrypt && cfg.Algorithm != Argon2id:
		return nil, fmt.Errorf("password algorithm %q is neither %s nor %s", cfg.Algorithm, Bcrypt, Argon2id)
	}
	if cfg.Worker == nil {
		cfg.Worker = WorkHere()
	}
	// Twice as many are served as there is work at a time: while one asks the store, the work of the next is done.
	slots := 2 * cmp.Or(cfg.Workers, runtime.GOMAXPROCS(0))
	p := &Passwords{
		cfg: cfg, work: cfg.Worker, queue: newHashQueue(slots, cmp.Or(cfg.MaxWait, 10*time.Second)),
		common: sync.OnceValue(readCommonPasswords), // it is long, and only who sets a password needs it
	}
	p.ObserveSchemes(nil)
	return p, nil
}

// Prepare maps a new password as RFC 8265 section 4.2 says (OpaqueString) and checks its length; field names it in errors.
func (p *Passwords) Prepare(field, typed string) (string, error) {
	prepared, err := precis.OpaqueString.String(typed)
	switch {
	case typed != "" && (err != nil || !utf8.ValidString(typed)):
		return "", RefuseField(field, "Invalid field: "+field+" cannot contain control characters")
	case utf8.RuneCountInString(prepared) < p.cfg.MinLength:
		return "", RefuseField(field, fmt.Sprintf("Invalid field: %s must have at least %d characters", field, p.cfg.MinLength))
	case p.cfg.Algorithm == Bcrypt && len(prepared) > bcryptMaxBytes:
		return "", RefuseField(field, fmt.Sprintf("Invalid field: %s must have at most %d bytes", field, bcryptMaxBytes))
	case len(prepared) > maxPasswordBytes:
		return "", RefuseField(field, fmt.Sprintf("Invalid field: %s must have at most %d bytes", field, maxPasswordBytes))
	}
	return prepared, nil
}

// Begin waits until it is the turn of a client, at an address, to have a password compared for an account; done, which must be
// called, passes the turn on. On one account one is served at a time. What counts attempts does so after this: an attempt that is
// turned away was none. Errors: CodeOverloaded when it could not begin in time, CodeUnavailable when the context ended.
func (p *Passwords) Begin(ctx context.Context, from Client, account string) (done func(), err error) {
	return p.queue.begin(ctx, &hashWaiter{network: ClientNetwork(from.Address), account: account})
}

// Hash hashes a prepared password with the configured algorithm, when it is the client's turn. Errors as of Begin.
func (p *Passwords) Hash(ctx context.Context, from Client, prepared string) (string, error) {
	done, err := p.queue.begin(ctx, &hashWaiter{setting: true, network: ClientNetwork(from.Address)})
	if err != nil {
		return "", err
	}
	defer done()
	r, err := p.work(ctx, PasswordWork{
		Prepared: prepared, Algorithm: p.cfg.Algorithm, BcryptCost: p.cfg.BcryptCost, Argon2id: p.cfg.Argon2id,
	})
	return r.Hash, err
}

// Compare reports whether the password, as typed, is the one of the hash. It is called between Begin and done. The error says that
// it could not be found out. It takes as long for a password that could never be set as for a wrong one, and as long for every
// hash that is stored.
func (p *Passwords) Compare(ctx context.Context, hash, typed string) (bool, error) {
	prepared, err := precis.OpaqueString.String(typed)
	possible := err == nil && len(prepared) <= maxPasswordBytes
	if !possible {
		prepared = "?"
	}
	if !strings.HasPrefix(hash, argon2Prefix) {
		possible = possible && len(prepared) <= bcryptMaxBytes
	}
	r, err := p.work(ctx, PasswordWork{
		Prepared: prepared, Against: hash, Besides: p.stored.Load().plan.besides(PasswordScheme(hash)),
	})
	return r.Right && possible, err
}

// CompareUnknown does the work of comparing a password for an account that does not exist, and never matches. The scheme is
// drawn by the account's name among those that stored hashes have, by their shares, so that names which do not exist cost
// what names which do exist cost, and each of them the same every time.
func (p *Passwords) CompareUnknown(ctx context.Context, account, typed string) error {
	_, err := p.Compare(ctx, dummyHash(p.stored.Load().shares.pick(account, p.cfg.ownScheme())), typed)
	return err
}

// ObserveSchemes tells Passwords how many stored hashes there are of each scheme.
func (p *Passwords) ObserveSchemes(counts map[string]int) {
	p.stored.Store(&storedSchemes{shares: newSchemeShares(counts), plan: newWorkPlan(p.cfg, counts)})
}

// Outdated reports whether a stored hash is of another scheme than new ones.
func (p *Passwords) Outdated(hash string) bool { return PasswordScheme(hash) != p.cfg.ownScheme() }

func (cfg PasswordsConfig) ownScheme() string {
	if cfg.Algorithm == Argon2id {
		return cfg.Argon2id.prefix()
	}
	return bcryptScheme(cfg.BcryptCost)
}

// PasswordLoad is how busy Passwords is.
type PasswordLoad struct {
	Waiting int           // that have not had their turn
	Served  int           // whose password is being looked at
	Shed    uint64        // that were turned away, since the start
	Took    time.Duration // of late, for one from its turn to its end
}

// Load returns how busy it is.
func (p *Passwords) Load() PasswordLoad {
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return PasswordLoad{Waiting: q.waiting(), Served: q.served, Shed: q.shed, Took: q.took}
}
