package authn

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// EventFilterNames are the names that Set knows.
func EventFilterNames() []string {
	return []string{"kind", "actor", "user", "session", "client", "country", "outcome", "request_id", "since", "until"}
}

// Set adds a condition by its name and the text that a person gives for it: kind (several with commas), actor (operator,
// system, anonymous, user, client, user:ID, client:ID), user (an id: the subject), session, client (an address or a network),
// country (its code of two letters), outcome (success, failure), request_id, since and until (RFC 3339). Errors: CodeInvalidRequest with the name as its field.
func (f *EventFilter) Set(name, text string) error {
	ok := false
	switch name {
	case "kind":
		return f.setKinds(text)
	case "actor":
		return f.setActor(text)
	case "client":
		return f.setNetwork(text)
	case "user":
		return setID(&f.Subject, name, text)
	case "session":
		return setID(&f.Session, name, text)
	case "outcome":
		f.Outcome = Outcome(text)
		if f.Outcome != Success && f.Outcome != Failure {
			return RefuseField(name, "Invalid field: "+name+" must be success or failure")
		}
		return nil
	case "country":
		f.Country = strings.ToUpper(text)
		ok = len(text) == 2 && strings.Trim(f.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	case "request_id":
		f.RequestID, ok = text, text != "" && len(text) <= 128
	case "since":
		f.Since, ok = parseTime(text)
	case "until":
		f.Until, ok = parseTime(text)
	}
	if !ok {
		return RefuseField(name, "Invalid field: "+name+" is malformed")
	}
	return nil
}

func (f *EventFilter) setKinds(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		kind := EventKind(strings.TrimSpace(one))
		if !slices.Contains(EventKinds(), kind) {
			return RefuseField("kind", "Invalid field: kind must be one of the kinds of events, or several with commas between")
		}
		f.Kinds = append(f.Kinds, kind)
	}
	return nil
}

func (f *EventFilter) setActor(text string) error {
	kind, id, given := strings.Cut(text, ":")
	f.Actor = Actor{Kind: ActorKind(kind), ID: id}
	ok := false
	switch f.Actor.Kind {
	case ActorOperator, ActorSystem, ActorAnonymous:
		ok = !given
	case ActorUser:
		parsed, err := uuid.Parse(id)
		if ok = !given || err == nil; given {
			f.Actor.ID = parsed.String()
		}
	case ActorClient:
		ok = !given || id != ""
	}
	if !ok {
		return RefuseField("actor", "Invalid field: actor must be operator, system, anonymous, user, client, user:ID or client:ID")
	}
	return nil
}

func (f *EventFilter) setNetwork(text string) error {
	network, err := netip.ParsePrefix(text)
	if addr, addrErr := netip.ParseAddr(text); err != nil && addrErr == nil {
		addr = addr.Unmap().WithZone("")
		network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		return RefuseField("client", "Invalid field: client must be an address or a network such as 192.0.2.0/24")
	}
	f.Network = network
	return nil
}

func setID(into *uuid.UUID, name, text string) error {
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil {
		return RefuseField(name, "Invalid field: "+name+" must be an id")
	}
	*into = id
	return nil
}

// parseTime reads a time as RFC 3339 writes it.
func parseTime(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil && at.Year() > 1 && at.Year() < 10000
}
