package web

import (
	"slices"
	"testing"

	"github.com/descoped/authly/authn"
)

// Whatever can have happened to an account has words, in every language; the other kinds are about no account.
func TestEventsHaveWords(t *testing.T) {
	ofNobody := []authn.EventKind{
		authn.EventClientRefused, authn.EventUserInvited, authn.EventInvitationWithdrawn, authn.EventMailTokenRefused, authn.EventRequestDenied,
		authn.EventKeyAdded, authn.EventKeyRevoked, authn.EventKeySealed, authn.EventDataKeyAdded, authn.EventMasterKeyReplaced,
		authn.EventConfigurationLoaded, authn.EventConfigurationReloaded,
	}
	names := []string{"event.admin.true", "event.admin.false"}
	for _, kind := range authn.EventKinds() {
		if !slices.Contains(ofNobody, kind) {
			names = append(names, "event."+string(kind))
		}
	}
	for _, actor := range []authn.ActorKind{
		authn.ActorUser, authn.ActorClient, authn.ActorOperator, authn.ActorSystem, authn.ActorAnonymous, authn.ActorAdministrator,
	} {
		names = append(names, "event.by."+string(actor))
	}
	for _, code := range []authn.Code{
		authn.CodeInvalidGrant, authn.CodeLocked, authn.CodeDelayed, authn.CodeRateLimited, authn.CodeAccountInactive, authn.CodeAccountUnverified,
		authn.CodeTooManySessions, "risk",
	} {
		names = append(names, "event.because."+string(code))
	}
	for _, check := range []string{"password_change", "email_change", "account_deletion"} {
		names = append(names, "event.for."+check)
	}
	for _, tag := range tags(t) {
		words := catalogue(t, tag)
		for _, name := range names {
			if words[name] == nil {
				t.Errorf("%s lacks %q", tag, name)
			}
		}
	}
}

func TestWhere(t *testing.T) {
	for want, given := range map[string][3]string{
		"": {}, "192.0.2.7": {"", "", "192.0.2.7"}, "Oslo, NO": {"Oslo", "NO", ""}, "Oslo, NO (192.0.2.7)": {"Oslo", "NO", "192.0.2.7"},
		"NO (2001:db8::1)": {"", "NO", "2001:db8::1"},
	} {
		if got := where(given[0], given[1], given[2]); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
