package authn

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Event is an entry of the audit trail: something that matters for security has happened, or was refused. It never holds a
// password, a token, a hash or a key, nor a name that was typed at a login and is nobody's: people type passwords into the
// wrong field. Of email addresses it says that they changed and not what they are.
type Event struct {
	ID      int64 // given by the store; zero before
	At      time.Time
	Kind    EventKind
	Outcome Outcome
	Reason  string // of a failure: a Code, or another reason that nobody was told; else why, where the kind alone does not say it
	Actor   Actor
	Subject uuid.UUID // the user whom it is about; uuid.Nil: none
	Session uuid.UUID // that it is about, else the actor's own; uuid.Nil: none
	From    Client    // where the request came from; zero: there was none, as on the command line
	Country string    // where the address of From is, as Place has it; the store finds it out, as far as it is known then
	City    string    // the same
	Count   int       // how many such events this one stands for, at least 1: see Trail
	Details Details   // nil: none
}

// EventKind says what happened. The kinds are a closed set: what reads a trail can know them all.
type EventKind string

// The kinds of events.
const (
	EventLogin       EventKind = "login"            // a session began
	EventLoginFailed EventKind = "login_failed"     // a name and password were refused; Reason says why, Subject is the account, if it exists
	EventLocked      EventKind = "account_locked"   // too many failures have locked an account
	EventUnlocked    EventKind = "account_unlocked" // an administrator has forgotten an account's failures and its lock

	EventRefreshReused  EventKind = "refresh_reused"  // a refresh token was used twice, one of the two was a thief: its session ended
	EventLogout         EventKind = "logout"          // a user ended the session in use, or all
	EventSessionRevoked EventKind = "session_revoked" // other sessions were ended: by their user, an administrator, a client or a limit
	EventTokenRevoked   EventKind = "token_revoked"   // a client took back one access token
	EventClientRefused  EventKind = "client_refused"  // a registered client's secret was wrong, or too many were and it was not looked at

	EventUserCreated         EventKind = "user_created"         // by registration, an administrator, or the first start
	EventUserInvited         EventKind = "user_invited"         // by an administrator, by mail; the account is yet to be made
	EventInvitationWithdrawn EventKind = "invitation_withdrawn" // by an administrator: who was invited cannot make the account any more
	EventUserChanged         EventKind = "user_changed"         // another username, or the address is no longer taken for verified
	EventUserDeleted         EventKind = "user_deleted"         // with all sessions
	EventUserDisabled        EventKind = "user_disabled"        // with all sessions
	EventUserEnabled         EventKind = "user_enabled"         // may log in again
	EventUserVerified        EventKind = "user_verified"        // the email address counts as verified
	EventRolesChanged        EventKind = "roles_changed"        // other roles, or an administrator or none any more
	EventPasswordChanged     EventKind = "password_changed"     // by the user, an administrator, or the operator
	EventPasswordRehashed    EventKind = "password_rehashed"    // the same password, hashed as the configuration now says
	EventEmailChanged        EventKind = "email_changed"        // another address, not verified unless EventUserVerified is beside

	// What is mailed a token. Failures are those that mailed nothing, though the answer is the same: Reason says why.
	EventResetRequested        EventKind = "password_reset_requested"
	EventVerificationRequested EventKind = "verification_requested"
	EventEmailChangeRequested  EventKind = "email_change_requested" // EventEmailChanged when it is confirmed
	EventMailTokenRefused      EventKind = "mail_token_refused"     // #nosec G101 -- a mailed token did not live, or was none

	EventKeyAdded            EventKind = "key_added"            // a signing key, to be used now or soon: the first, or the next of a rotation
	EventKeyRevoked          EventKind = "key_revoked"          // all that it has signed is dead
	EventKeySealed           EventKind = "key_sealed"           // a key in the store was encrypted anew
	EventDataKeyAdded        EventKind = "data_key_added"       // what is secret in the store is sealed with another data key from now on
	EventMasterKeyReplaced   EventKind = "master_key_replaced"  // the data keys are wrapped by another master key
	EventConfigurationLoaded EventKind = "configuration_loaded" // a server has begun to go by a configuration

	EventConfigurationReloaded EventKind = "configuration_reloaded" // a server has taken up what changed in it, or refused to

	EventRequestDenied EventKind = "request_denied" // kept out by a rule, a limit or its form, where the configuration asks for these; Actor is who asked
)

// EventKinds returns every kind.
func EventKinds() []EventKind {
	return []EventKind{
		EventLogin, EventLoginFailed, EventLocked, EventUnlocked,
		EventRefreshReused, EventLogout, EventSessionRevoked, EventTokenRevoked, EventClientRefused,
		EventUserCreated, EventUserInvited, EventInvitationWithdrawn, EventUserChanged, EventUserDeleted,
		EventUserDisabled, EventUserEnabled, EventUserVerified,
		EventRolesChanged, EventPasswordChanged, EventPasswordRehashed, EventEmailChanged,
		EventResetRequested, EventVerificationRequested, EventEmailChangeRequested, EventMailTokenRefused,
		EventKeyAdded, EventKeyRevoked, EventKeySealed, EventDataKeyAdded, EventMasterKeyReplaced,
		EventConfigurationLoaded, EventConfigurationReloaded, EventRequestDenied,
	}
}

// Outcome says whether what was tried was done.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
)

// Actor is who did something, or tried.
type Actor struct {
	Kind ActorKind
	ID   string // of a user or a client; else empty
}

// ActorKind says what an Actor is. The zero value is none: a store refuses a change for which nobody answers.
type ActorKind string

// The kinds of actors.
const (
	ActorUser      ActorKind = "user"      // ID is the user's
	ActorClient    ActorKind = "client"    // a registered client; ID is its name in the configuration
	ActorOperator  ActorKind = "operator"  // who runs Authly's commands
	ActorSystem    ActorKind = "system"    // Authly by itself
	ActorAnonymous ActorKind = "anonymous" // who has not proved to be anybody

	ActorAdministrator ActorKind = "administrator" // shown to users for any who is another one, or the operator; never kept
)

// Details say more of an event, by a few known names.
type Details map[Detail]string

// Names returns the names of the details in order.
func (d Details) Names() []Detail { return slices.Sorted(maps.Keys(d)) }

// Detail is the name of one of the Details.
type Detail string

// The names of details. Numbers are decimal, times RFC 3339.
const (
	DetailCheck            Detail = "check"             // of a failed login: what the password was asked for, if not for a login
	DetailRisk             Detail = "risk"              // of a login that was refused for it: from 0 to 1
	DetailRiskReasons      Detail = "risk_reasons"      // the signals that made it, with commas between
	DetailUntil            Detail = "until"             // of a lock
	DetailSince            Detail = "since"             // of an event that stands for several: when the first was
	DetailUsername         Detail = "username"          // of a user who was created, renamed or deleted
	DetailPreviousUsername Detail = "previous_username" // of a user who was renamed
	DetailVerified         Detail = "verified"          // false, of a user who no longer is
	DetailRoles            Detail = "roles"             // separated by commas
	DetailPreviousRoles    Detail = "previous_roles"    // the same
	DetailAdmin            Detail = "admin"             // true or false, of a user who became that
	DetailSessions         Detail = "sessions"          // how many ended
	DetailTokens           Detail = "tokens"            // how many living ones ended
	DetailBySession        Detail = "by_session"        // the actor's own, where Session is another
	DetailClient           Detail = "client_id"         // of a registered client that was refused: who it said that it is
	DetailMail             Detail = "mail"              // of a mailed token: the kind of mail that it would have to be from
	DetailKeyID            Detail = "key_id"
	DetailPurpose          Detail = "purpose"    // of a key
	DetailAlgorithm        Detail = "algorithm"  // of a key
	DetailMasterKey        Detail = "master_key" // that has wrapped a data key: its fingerprint
	DetailMethod           Detail = "method"     // of a denied request, as are the next three
	DetailHost             Detail = "host"
	DetailPath             Detail = "path" // without the query
	DetailRoute            Detail = "route"
	DetailVersion          Detail = "version" // of Authly
	DetailDigest           Detail = "digest"  // of the configuration, secrets left out: the same for the same
	DetailKeys             Detail = "keys"    // of the configuration that were taken up, or are wrong; separated by commas
	DetailRestart          Detail = "restart" // keys of the configuration that have changed and need a restart; the same
)

// actor is the identity as an actor.
func (i *Identity) actor() Actor {
	switch {
	case i.UserID != uuid.Nil:
		return Actor{Kind: ActorUser, ID: i.UserID.String()}
	case i.Admin:
		return Actor{Kind: ActorOperator}
	}
	return Actor{Kind: ActorAnonymous}
}
