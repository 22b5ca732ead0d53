package authn

import (
	"fmt"
	"strconv"
	"strings"
)

// costlier is how many times the configured work stored hashes may take and still be what every check is made to take.
const costlier = 4

// workPlan is what every check of a password does, whatever its hash: where stored hashes are of several schemes, since the cost
// or the algorithm was changed, the time of a refusal would tell of an account how old its hash is, and of a name that its hash
// cannot be that old. A hash that is cheaper is followed by hashing for nothing up to the same work; while hashes of both
// algorithms are stored, each is followed by one of the other. That ends when the last user with an old hash has logged in.
type workPlan struct {
	bcrypt int          // cost; 0: no bcrypt
	argon  Argon2Params // zero: no argon2id
}

// newWorkPlan makes the plan of what is configured and what is stored. Hashes that take more than a few times the configured work,
// such as some that were brought along, are left out: each check would take as long. Names that do not exist are given such schemes
// by their share, see schemeShares.
func newWorkPlan(cfg PasswordsConfig, stored map[string]int) workPlan {
	var plan workPlan
	plan.include(cfg.ownScheme())
	for scheme, n := range stored {
		cost, params := parseScheme(scheme)
		bounded := cost > 0 && bcryptWork(cost) <= costlier*bcryptWork(max(cfg.BcryptCost, 4)) ||
			cost == 0 && params.work() <= costlier*max(cfg.Argon2id.work(), 1)
		if n > 0 && scheme != "" && bounded {
			plan.include(scheme)
		}
	}
	return plan
}

func (p *workPlan) include(scheme string) {
	cost, params := parseScheme(scheme)
	p.bcrypt = max(p.bcrypt, cost)
	if params.work() > p.argon.work() {
		p.argon = params
	}
}

// besides are the schemes that make up for what a hash of the given scheme is cheaper than the plan. That a bcrypt of cost 10 and
// others of 10 and 11 take as long as one of 12 is exact; of argon2id the work is memory times iterations.
func (p workPlan) besides(scheme string) (schemes []string) {
	cost, params := parseScheme(scheme)
	switch {
	case cost == 0 && p.bcrypt > 0:
		schemes = append(schemes, bcryptScheme(p.bcrypt))
	case cost > 0:
		for ; cost < p.bcrypt; cost++ {
			schemes = append(schemes, bcryptScheme(cost))
		}
	}
	if p.argon.work() <= params.work() {
		return schemes
	}
	rest := p.argon
	// #nosec G115 -- less than the memory of p.argon, which is such a number
	rest.Memory = uint32((p.argon.work() - params.work()) / uint64(rest.Iterations))
	if rest.sane() { // else it is next to nothing
		schemes = append(schemes, rest.prefix())
	}
	return schemes
}

// parseScheme reads what PasswordScheme returns: either a bcrypt cost or parameters of argon2id.
func parseScheme(scheme string) (cost int, params Argon2Params) {
	if text, ok := strings.CutPrefix(scheme, "$2$"); ok {
		cost, _ = strconv.Atoi(strings.TrimSuffix(text, "$"))
		return cost, params
	}
	var version int
	_, _ = fmt.Sscanf(scheme, argon2Prefix+"v=%d$m=%d,t=%d,p=%d$", &version, &params.Memory, &params.Iterations, &params.Parallelism)
	return 0, params
}

func bcryptWork(cost int) uint64 { return 1 << cost }

func (a Argon2Params) work() uint64 { return uint64(a.Memory) * uint64(a.Iterations) }
