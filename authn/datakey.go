package authn

import (
	"context"
	"strings"
	"time"
)

// DataKey is a key that rows of the store are sealed with, as the store keeps it: wrapped by a master key, which is not there.
type DataKey struct {
	ID        string // 16 lower-case hex digits, unique
	Wrapped   []byte // as secret.Wrapper has made it
	Master    string // the name of the master key that has wrapped it; the same for all of them
	CreatedAt time.Time
}

// dataSealing begins what names a data key beside a sealed row. Versions before there were data keys take it for the name of a
// master key that they do not have, and so leave the row to others: a mail is not given up by a replica that is yet to be replaced.
const dataSealing = "master:data:"

// SealingOf names what is sealed with the data key of that id.
func SealingOf(dataKeyID string) string { return dataSealing + dataKeyID }

// DataKeyOf returns the id of the data key that something is sealed with; ok is false if it is not sealed with one.
func DataKeyOf(sealing string) (id string, ok bool) {
	if id, ok = strings.CutPrefix(sealing, dataSealing); !ok {
		return "", false
	}
	return id, true
}

// Cell is where something sealed is kept. It cannot be opened as if it were kept anywhere else.
type Cell struct {
	Table, Column, Row string

	// Of is what else of the row must stay as it is. Versions before there were data keys have bound to it alone.
	Of string
}

// Bound is the cell as associated data: no two cells have the same, since nothing that the store keeps holds a NUL.
func (c Cell) Bound() string {
	return strings.Join([]string{"authly row", c.Table, c.Column, c.Row, c.Of}, "\x00")
}

// DataKeyStore keeps data keys. Every method is atomic, and safe against the same call on another replica. All data keys are
// wrapped by one master key; whatever is sealed with one that is not kept any more is not kept either. Those that take an Act write
// their event in the same transaction: EventDataKeyAdded, EventMasterKeyReplaced.
type DataKeyStore interface {
	// Installation returns what names the database since it was made; copies of it have the same.
	Installation(ctx context.Context) (string, error)

	// ListDataKeys returns all data keys in the order in which they were added. The last one is to be sealed with.
	ListDataKeys(ctx context.Context) ([]DataKey, error)

	// AddDataKey keeps candidate if the last data key is the one with the id after and has the same master, or if after is empty
	// and there is none. It returns the last one then: of replicas that add one at once, one succeeds and all get the same answer.
	AddDataKey(ctx context.Context, candidate DataKey, after string, act Act) (DataKey, error)

	// ReplaceMaster puts rewrapped in the place of the data keys with the same ids and adds next. ErrStale, and nothing is changed,
	// unless these are all that there are, and the master of them all is before.
	ReplaceMaster(ctx context.Context, rewrapped []DataKey, next DataKey, before string, act Act) error

	// AbandonDataKeys removes the data keys of a master that is lost, with the mails that wait and are sealed with anything but
	// the names to keep, and adds next. ErrKeySealed, and nothing is changed, if a signing key is sealed with such a thing.
	AbandonDataKeys(ctx context.Context, master string, keep []string, next DataKey, act Act) error

	// PurgeDataKeys removes data keys that nothing is sealed with, if another one was added after them and before the given
	// time, and reports how many.
	PurgeDataKeys(ctx context.Context, before time.Time) (int, error)

	// Sealings returns the names of what living keys and waiting mails are sealed with, each once; empty for what is not sealed.
	Sealings(ctx context.Context) ([]string, error)

	// Scrub makes unreadable what was removed or replaced, as far as the database can; whole: also what was before it was told to
	// do so by itself, which takes as long as copying the database.
	Scrub(ctx context.Context, whole bool) error
}
