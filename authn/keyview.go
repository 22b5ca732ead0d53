package authn

import "time"

// KeyState is what a key is good for at a time.
type KeyState string

// The states of keys, in the order in which a key has them.
const (
	KeyNext    KeyState = "next"    // published, and verifies; does not sign yet
	KeyActive  KeyState = "active"  // signs
	KeyRetired KeyState = "retired" // verifies what it has signed
	KeyRevoked KeyState = "revoked" // neither: what it has signed is dead
)

// KeyView is what people are shown of a key.
type KeyView struct {
	ID         string
	Purpose    KeyPurpose
	Algorithm  string
	State      KeyState
	Configured bool // it is a secret of the configuration, of which no times are known

	CreatedAt, ActiveFrom time.Time
	VerifiesUntil         time.Time // zero: there is no end in sight
	RevokedAt             time.Time // zero: it is not
}

// KeyPlan is what people are shown of how a purpose has its keys.
type KeyPlan struct {
	Purpose     KeyPurpose
	Algorithm   string        // of what is made from now on
	Managed     bool          // Authly makes the keys; else a secret of the configuration signs
	InHSM       bool          // and makes them in the HSM
	Public      bool          // others fetch the public halves, to check what is signed
	Idle        bool          // the configuration has no use for such keys
	Life        time.Duration // the longest that something made with a key is good for
	RotateEvery time.Duration // of managed keys; 0: they sign until somebody replaces them
}

// Plans returns those of all purposes to an administrator. CodeForbidden.
func (m *ManagedKeys) Plans(caller *Identity) ([]KeyPlan, error) {
	if err := mayLookAfterKeys(caller); err != nil {
		return nil, err
	}
	var plans []KeyPlan
	for _, use := range m.uses {
		p := KeyPlan{Purpose: use.purpose, Algorithm: use.algorithm, Managed: use.isManaged(), Idle: use.idle, Life: use.life}
		p.Public = (use.purpose == SignAccess || use.purpose == SignAssertion) && !isHMAC(use.algorithm)
		if p.Managed {
			p.InHSM, p.RotateEvery = m.makesInHSM(use.algorithm), m.cfg.RotateEvery
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// view is what is shown of a stored key. keys are all that are stored, in their order.
func (m *ManagedKeys) view(keys []Key, k Key, now time.Time) KeyView {
	use := m.use(k.Purpose)
	v := KeyView{
		ID: k.ID, Purpose: k.Purpose, Algorithm: k.Algorithm, CreatedAt: k.CreatedAt, ActiveFrom: k.ActiveFrom,
		State: KeyRetired, RevokedAt: k.RevokedAt,
	}
	signs := signingAt(keys, use, now)
	switch {
	case !k.RevokedAt.IsZero():
		v.State, v.VerifiesUntil = KeyRevoked, k.RevokedAt
		return v
	case !use.isManaged() || !k.signsFor(use):
	case signs.ID == k.ID:
		v.State = KeyActive
	case k.ActiveFrom.After(now):
		v.State = KeyNext
	}
	if next := nextAfter(keys, k, v.State); !next.IsZero() {
		v.VerifiesUntil = next.Add(use.life + keyKeepSlack)
	}
	return v
}

// nextAfter returns when the next key took the place of k, or is going to; zero if none did. For a key that does not sign any
// more that can be one of another algorithm; one that was revoked before it was active never did.
func nextAfter(keys []Key, k Key, state KeyState) time.Time {
	for _, other := range keys {
		took := other.RevokedAt.IsZero() || other.RevokedAt.After(other.ActiveFrom)
		alike := other.Algorithm == k.Algorithm || state == KeyRetired
		if other.Purpose == k.Purpose && alike && took && other.ActiveFrom.After(k.ActiveFrom) {
			return other.ActiveFrom
		}
	}
	return time.Time{}
}

// isOver reports whether nothing that a key has signed can be alive, by the times alone. The configuration may have been
// another one when it was signed; therefore the store looks at the tokens too.
func (m *ManagedKeys) isOver(v KeyView, now time.Time) bool {
	if v.State == KeyActive || v.State == KeyNext {
		return false // also of a purpose that this configuration has no use for: another replica's may
	}
	end := v.VerifiesUntil
	if v.State == KeyRevoked || end.IsZero() {
		end = later(v.ActiveFrom, v.RevokedAt).Add(m.use(v.Purpose).life + keyKeepSlack)
	}
	return end.Before(now)
}

// standby is how long, at least, the last key of an algorithm is kept for replicas that are configured otherwise. While a
// configuration is being changed from one algorithm to another, replicas of both run, and what one of them takes for retired
// signs at another.
const standby = 30 * 24 * time.Hour

// maySignElsewhere reports whether a key signs at replicas that are configured for its algorithm, if there are any.
func (m *ManagedKeys) maySignElsewhere(keys []Key, key Key, now time.Time) bool {
	last := lastOf(keys, keyUse{purpose: key.Purpose, algorithm: key.Algorithm})
	return last != nil && last.ID == key.ID && now.Before(key.ActiveFrom.Add(max(standby, 2*m.cfg.RotateEvery)))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// use returns what the configuration says of a purpose; one that it does not know has nothing that signs.
func (m *ManagedKeys) use(purpose KeyPurpose) keyUse {
	for _, use := range m.uses {
		if use.purpose == purpose {
			return use
		}
	}
	return keyUse{}
}

// lastOf returns the last of the keys that can sign for a use; nil if there is none.
func lastOf(keys []Key, use keyUse) (last *Key) {
	for i, key := range keys {
		if key.signsFor(use) {
			last = &keys[i]
		}
	}
	return last
}

// signingAt returns the key that signs for a use, as KeyRing finds it; nil if there is none.
func signingAt(keys []Key, use keyUse, now time.Time) (signs *Key) {
	for i, key := range keys {
		if key.signsFor(use) && (signs == nil || !key.ActiveFrom.After(now)) {
			signs = &keys[i]
		}
	}
	return signs
}

// signsFor reports whether a key can ever sign for a use.
func (k Key) signsFor(use keyUse) bool {
	return k.Purpose == use.purpose && k.Algorithm == use.algorithm && k.RevokedAt.IsZero()
}
