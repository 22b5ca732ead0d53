package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

func dataKeyCases() []promise {
	return []promise{
		{"data keys/installation", "a data key of another database must be told from one of this", installation},
		{"data keys/added", "of replicas that add one at once all must go on with the same", dataKeyAdded},
		{"data keys/a race", "of replicas that add one at once all must go on with the same", dataKeyRace},
		{"data keys/another master", "all data keys must open with one master key, or a start fails", dataKeyOfAnotherMaster},
		{"data keys/replaced", "a master key must be replaced for all data keys or for none", masterReplaced},
		{"data keys/replaced too late", "a data key that was added meanwhile would be lost with the old master key", masterReplacedLate},
		{"data keys/in use", "a data key that something is sealed with must stay, and nothing may be sealed with one that is gone", dataKeyInUse},
		{"data keys/purged", "who seals with a data key must have the time to hear of the next one", dataKeyPurged},
		{"data keys/abandoned", "what cannot be opened any more must not be in the way for ever, nor be removed by mistake", dataKeysAbandoned},
		{"data keys/sealings", "who starts with a wrong master key must notice before anything is made", sealings},
		{"mail/sealed anew", "a mail must be readable when the data key that it was sealed with is gone", mailSealedAnew},
	}
}

// newDataKey returns data key number i.
func newDataKey(i int) authn.DataKey {
	return authn.DataKey{
		ID: fmt.Sprintf("%016x", i), Wrapped: []byte{0, 0xff, '\'', byte(i)}, Master: "master:0123",
		CreatedAt: now.Add(time.Duration(i) * time.Second),
	}
}

func addDataKey(t *testing.T, s Store, key authn.DataKey, after string) {
	t.Helper()
	got, err := s.AddDataKey(t.Context(), key, after, By(now))
	must(t, err)
	equal(t, "the data key that was kept", got, key)
}

func hasDataKeys(t *testing.T, s Store, keys ...authn.DataKey) {
	t.Helper()
	got, err := s.ListDataKeys(t.Context())
	must(t, err)
	equal(t, "the data keys", got, append([]authn.DataKey{}, keys...))
}

func installation(t *testing.T, db Database) {
	var names []string
	for _, s := range db.replicas(t) {
		name, err := s.Installation(t.Context())
		must(t, err)
		names = append(names, name)
	}
	if len(names[0]) < 32 || names[0] != names[1] {
		t.Errorf("two replicas on one database call it %q", names)
	}
}

func dataKeyAdded(t *testing.T, db Database) {
	s := db.open(t)
	hasDataKeys(t, s)
	first, second := newDataKey(2), newDataKey(1) // a clock that is behind
	addDataKey(t, s, first, "")
	for _, after := range []string{"", "somebody else", "0"} {
		got, err := s.AddDataKey(t.Context(), second, after, By(now))
		must(t, err)
		equal(t, "the last one", got, first)
	}
	addDataKey(t, s, second, first.ID)
	hasDataKeys(t, db.open(t), first, second)
	sameID := newDataKey(1)
	if _, err := s.AddDataKey(t.Context(), sameID, second.ID, By(now)); err == nil {
		t.Error("two data keys got one id")
	}
}

func dataKeyRace(t *testing.T, db Database) {
	stores := db.replicas(t)
	got := make([]authn.DataKey, 20)
	errs := atOnce(len(got), func(i int) (err error) {
		got[i], err = stores[i%2].AddDataKey(t.Context(), newDataKey(10+i), "", By(now))
		return err
	})
	equal(t, "the number of calls without error", tally(t, errs), len(errs))
	for _, key := range got {
		equal(t, "the data key of a replica", key, got[0])
	}
	hasDataKeys(t, stores[0], got[0])
}

func dataKeyOfAnotherMaster(t *testing.T, db Database) {
	s := db.open(t)
	first, other := newDataKey(1), newDataKey(2)
	addDataKey(t, s, first, "")
	other.Master = "master:4567"
	got, err := s.AddDataKey(t.Context(), other, first.ID, By(now))
	must(t, err)
	equal(t, "the last one", got, first)
	hasDataKeys(t, s, first)
}

// rewrapped returns data keys as another master key has wrapped them.
func rewrapped(keys ...authn.DataKey) []authn.DataKey {
	again := slices.Clone(keys)
	for i := range again {
		again[i].Wrapped, again[i].Master = append([]byte("again"), again[i].Wrapped...), "hsm:keys"
	}
	return again
}

func masterReplaced(t *testing.T, db Database) {
	s := db.open(t)
	keys, next := []authn.DataKey{newDataKey(1), newDataKey(2)}, newDataKey(3)
	addDataKey(t, s, keys[0], "")
	addDataKey(t, s, keys[1], keys[0].ID)
	next.Master = "hsm:keys"
	again := rewrapped(keys...)
	must(t, s.ReplaceMaster(t.Context(), again, next, keys[0].Master, By(now)))
	hasDataKeys(t, s, append(again, next)...)
	want(t, "the same again", s.ReplaceMaster(t.Context(), again, next, keys[0].Master, By(now)), authn.ErrStale)
	hasDataKeys(t, s, append(again, next)...)
}

func masterReplacedLate(t *testing.T, db Database) {
	s := db.open(t)
	first, second, next := newDataKey(1), newDataKey(2), newDataKey(3)
	addDataKey(t, s, first, "")
	addDataKey(t, s, second, first.ID)
	next.Master = "hsm:keys"
	for what, keys := range map[string][]authn.DataKey{
		"too few": rewrapped(first), "too many": rewrapped(first, second, newDataKey(4)), "others": rewrapped(first, newDataKey(4)), "none": nil,
		"not wrapped by the next": {first, second},
	} {
		want(t, what, s.ReplaceMaster(t.Context(), keys, next, first.Master, By(now)), authn.ErrStale)
	}
	want(t, "another master", s.ReplaceMaster(t.Context(), rewrapped(first, second), next, "master:4567", By(now)), authn.ErrStale)
	hasDataKeys(t, s, first, second)
}

func dataKeyInUse(t *testing.T, db Database) {
	s := db.open(t)
	used, mailed, last := newDataKey(1), newDataKey(2), newDataKey(3)
	addDataKey(t, s, used, "")
	addDataKey(t, s, mailed, used.ID)
	addDataKey(t, s, last, mailed.ID)
	key := newKey(1, authn.SignAccess, "EdDSA")
	key.Sealing = authn.SealingOf(used.ID)
	addKey(t, s, key, "")
	hasKeys(t, s, key)
	mail := queued(authn.MailNewSignIn, "somebody@example.com")
	mail.Sealing = authn.SealingOf(mailed.ID)
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: mail}}))
	purge := func(removed int, left ...authn.DataKey) {
		t.Helper()
		n, err := s.PurgeDataKeys(t.Context(), now.Add(time.Hour))
		must(t, err)
		equal(t, "the number of data keys removed", n, removed)
		hasDataKeys(t, s, left...)
	}
	purge(0, used, mailed, last)
	sealed := key
	sealed.Sealing = authn.SealingOf(last.ID)
	must(t, s.SealKey(t.Context(), sealed, key.Sealing, By(now)))
	purge(1, mailed, last)
	must(t, s.BuryMail(t.Context(), mail.ID, now))
	purge(1, last)
	_, err := s.RevokeKey(t.Context(), key.ID, nil, By(now))
	must(t, err)
	purge(0, last)

	late := newKey(2, authn.SignAccess, "EdDSA")
	late.Sealing = authn.SealingOf(used.ID)
	if _, err := s.AddKey(t.Context(), late, "", By(now)); err == nil {
		t.Error("a key was kept that nobody can open")
	}
	mail.ID = uuid.New()
	if err := s.Post(t.Context(), []authn.Posting{{Mail: mail}}); err == nil {
		t.Error("a mail was kept that nobody can open")
	}
	late.Sealing = authn.SealingOf(last.ID)
	addKey(t, s, late, "")
}

func dataKeyPurged(t *testing.T, db Database) {
	s := db.open(t)
	keys := []authn.DataKey{newDataKey(10), newDataKey(20), newDataKey(30)}
	for i, after := range []string{"", keys[0].ID, keys[1].ID} {
		addDataKey(t, s, keys[i], after)
	}
	for _, c := range []struct {
		before  time.Time
		removed int
	}{{now.Add(19 * time.Second), 0}, {now.Add(20 * time.Second), 1}, {now.Add(time.Hour), 1}, {now.Add(time.Hour), 0}} {
		n, err := s.PurgeDataKeys(t.Context(), c.before)
		must(t, err)
		equal(t, "the number of data keys removed", n, c.removed)
	}
	hasDataKeys(t, s, keys[2])
}

func dataKeysAbandoned(t *testing.T, db Database) {
	s := db.open(t)
	lost, next := newDataKey(1), newDataKey(2)
	addDataKey(t, s, lost, "")
	next.Master = "master:4567"
	key, other := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignRefresh, "HS256")
	key.Sealing, other.Sealing = authn.SealingOf(lost.ID), "master:89ab" // as a version of before has sealed
	addKey(t, s, key, "")
	addKey(t, s, other, "")
	var kept []uuid.UUID
	for _, sealing := range []string{authn.SealingOf(lost.ID), "file:0123", "master:89ab", ""} {
		m := queued(authn.MailNewSignIn, "somebody@example.com")
		m.Sealing = sealing
		must(t, s.Post(t.Context(), []authn.Posting{{Mail: m}}))
		kept = append(kept, m.ID)
	}
	abandon := func(keep ...string) error {
		return s.AbandonDataKeys(t.Context(), lost.Master, keep, next, By(now))
	}
	want(t, "with keys that are lost", abandon("master:89ab"), authn.ErrKeySealed)
	_, err := s.RevokeKey(t.Context(), key.ID, nil, By(now))
	must(t, err)
	want(t, "with a key that is lost", abandon("master:4567"), authn.ErrKeySealed)
	hasDataKeys(t, s, lost)
	must(t, abandon("master:89ab"))
	hasDataKeys(t, s, next)
	waiting, err := s.WaitingMails(t.Context(), uuid.Nil, 10)
	must(t, err)
	left := map[uuid.UUID]bool{}
	for _, m := range waiting {
		left[m.ID] = true
	}
	equal(t, "the mails that wait", left, map[uuid.UUID]bool{kept[2]: true, kept[3]: true})
}

func sealings(t *testing.T, db Database) {
	s := db.open(t)
	has := func(names ...string) {
		t.Helper()
		got, err := s.Sealings(t.Context())
		must(t, err)
		equal(t, "what there is sealed with", got, append([]string{}, names...))
	}
	has()
	one, two := newKey(1, authn.SignAccess, "EdDSA"), newKey(2, authn.SignRefresh, "HS256")
	one.Sealing, two.Sealing = "master:01", ""
	addKey(t, s, one, "")
	addKey(t, s, two, "")
	m := queued(authn.MailNewSignIn, "somebody@example.com")
	m.Sealing = "file:02"
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: m}}))
	has("", "file:02", "master:01")
	for _, key := range []authn.Key{one, two} {
		_, err := s.RevokeKey(t.Context(), key.ID, nil, By(now))
		must(t, err)
	}
	has("file:02")
	must(t, s.BuryMail(t.Context(), m.ID, now))
	has()
}

func mailSealedAnew(t *testing.T, db Database) {
	s := db.open(t)
	key := newDataKey(1)
	addDataKey(t, s, key, "")
	mails := map[uuid.UUID]authn.QueuedMail{}
	for range 5 {
		m := queued(authn.MailNewSignIn, "somebody@example.com")
		must(t, s.Post(t.Context(), []authn.Posting{{Mail: m}}))
		mails[m.ID] = m
	}
	decoy := queued(authn.MailNewSignIn, "nobody@example.com")
	must(t, s.Post(t.Context(), []authn.Posting{{Mail: decoy, Decoy: true}}))
	seen := 0
	for after := uuid.Nil; ; {
		some, err := s.WaitingMails(t.Context(), after, 2)
		must(t, err)
		if len(some) == 0 {
			break
		}
		for _, m := range some {
			equal(t, "a mail that waits", m, mails[m.ID])
			before := m.Sealing
			m.Body, m.Sealing = []byte("sealed anew"), authn.SealingOf(key.ID)
			must(t, s.SealMail(t.Context(), m, "another"))
			must(t, s.SealMail(t.Context(), m, before))
			seen++
		}
		after = some[len(some)-1].ID
	}
	equal(t, "the number of mails that wait", seen, 5)
	claimed, err := s.ClaimMail(t.Context(), now, time.Minute)
	must(t, err)
	equal(t, "the body of a mail that was sealed anew", string(claimed.Body), "sealed anew")
	equal(t, "what it is sealed with", claimed.Sealing, authn.SealingOf(key.ID))
	must(t, s.FinishMail(t.Context(), claimed.ID))
	must(t, s.SealMail(t.Context(), *claimed, claimed.Sealing)) // gone
}
