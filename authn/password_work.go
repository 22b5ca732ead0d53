package authn

import (
	"context"
	"runtime"
	"slices"
	"strings"
)

// PasswordWork is the part of looking at a password that costs time: to compare it with a hash, or to make a new hash of it. It
// can be done in another process.
type PasswordWork struct {
	Prepared string
	Against  string   // the hash that it is compared with; empty: a new one is made
	Besides  []string // schemes with which it is hashed for nothing, see workPlan

	Algorithm  string // of a new hash
	BcryptCost int
	Argon2id   Argon2Params
}

// cheapWork is how much work is done sooner than it is worth while to have it done elsewhere: some milliseconds, as in tests.
const (
	cheapBcryptCost = 7
	cheapArgonWork  = 4 << 10 // KiB times iterations
)

// Cheap reports whether the work takes some milliseconds at most.
func (w PasswordWork) Cheap() bool {
	schemes := append([]string{PasswordScheme(w.Against)}, w.Besides...)
	if w.Against == "" {
		schemes[0] = PasswordsConfig{Algorithm: w.Algorithm, BcryptCost: w.BcryptCost, Argon2id: w.Argon2id}.ownScheme()
	}
	return !slices.ContainsFunc(schemes, func(scheme string) bool {
		cost, params := parseScheme(scheme)
		return cost > cheapBcryptCost || params.work() > cheapArgonWork
	})
}

// PasswordResult is what the work has come to.
type PasswordResult struct {
	Right bool   // it is the password of the hash
	Hash  string // the new one
}

// PasswordWorker does work, or has it done. It returns when the work is done, also if the context has ended meanwhile; an error
// means that it was not done.
type PasswordWorker func(context.Context, PasswordWork) (PasswordResult, error)

// Do does the work on the spot. giveWay, if it is not nil, is called some thousand times a second as long as that is bcrypt; argon2id
// cannot be interrupted.
func (w PasswordWork) Do(giveWay func()) (r PasswordResult, err error) {
	switch {
	case w.Against == "" && w.Algorithm == Argon2id:
		r.Hash = w.Argon2id.hash(w.Prepared)
	case w.Against == "":
		r.Hash, err = hashBcrypt(w.Prepared, w.BcryptCost, giveWay)
	default:
		r.Right = compareHash(w.Against, w.Prepared, giveWay)
	}
	for _, scheme := range w.Besides {
		compareHash(dummyHash(scheme), w.Prepared, giveWay)
	}
	return r, err
}

func compareHash(hash, prepared string, giveWay func()) bool {
	if strings.HasPrefix(hash, argon2Prefix) {
		return compareArgon2id(hash, prepared)
	}
	return compareBcrypt(hash, prepared, giveWay)
}

// WorkHere returns a worker that does work in this process, as much at a time as there are processors.
func WorkHere() PasswordWorker {
	processors := make(chan struct{}, runtime.GOMAXPROCS(0))
	return func(ctx context.Context, w PasswordWork) (PasswordResult, error) {
		select {
		case processors <- struct{}{}:
		case <-ctx.Done():
			return PasswordResult{}, gone(ctx)
		}
		defer func() { <-processors }()
		return w.Do(nil)
	}
}
