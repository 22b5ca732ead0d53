package api

import (
	"iter"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
)

// What is kept of a user, as the user may have it. Each is written out member by member, like userAnswer, so that no secret slips in.
type (
	personalSession struct {
		ID               uuid.UUID  `json:"id"`
		CreatedAt        time.Time  `json:"created_at"`
		LastSeenAt       time.Time  `json:"last_seen_at"`
		EndedAt          *time.Time `json:"ended_at"`
		ClientAddress    string     `json:"client_address"`
		UserAgent        string     `json:"user_agent"`
		Country          string     `json:"country"`
		City             string     `json:"city"`
		IsRemembered     bool       `json:"is_remembered"`
		BrowserCreatedAt *time.Time `json:"cookie_created_at"`
		BrowserExpiresAt *time.Time `json:"cookie_expires_at"`
	}
	personalToken struct {
		Kind          string     `json:"kind"`
		SessionID     uuid.UUID  `json:"session_id"`
		CreatedAt     time.Time  `json:"created_at"`
		ExpiresAt     time.Time  `json:"expires_at"`
		InvalidatedAt *time.Time `json:"invalidated_at"`
		ClientAddress string     `json:"client_address"`
		UserAgent     string     `json:"user_agent"`
		UsedBy        string     `json:"used_by"`
	}
	personalSignIn struct {
		At            time.Time `json:"at"`
		ClientAddress string    `json:"client_address"`
		Network       string    `json:"network"`
		Device        string    `json:"device"`
		Country       string    `json:"country"`
		City          string    `json:"city"`
		Latitude      *float64  `json:"latitude"`
		Longitude     *float64  `json:"longitude"`
		Accuracy      *float64  `json:"accuracy_km"`
		ASN           uint32    `json:"asn"`
	}
	personalClient struct {
		Network  string    `json:"network"`
		LastUsed time.Time `json:"last_used_at"`
	}
	personalMail struct {
		Kind      string     `json:"kind"`
		To        string     `json:"to"`
		CreatedAt time.Time  `json:"created_at"`
		ExpiresAt time.Time  `json:"expires_at"`
		DueAt     time.Time  `json:"due_at"`
		Attempts  int        `json:"attempts"`
		GivenUpAt *time.Time `json:"given_up_at"`
	}
	personalLink struct {
		Kind      string    `json:"kind"`
		Email     string    `json:"email"`
		CreatedAt time.Time `json:"created_at"`
		ExpiresAt time.Time `json:"expires_at"`
	}
)

// orNull is a time in UTC, nil for none.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC())
}

func showPersonalSession(s authn.PersonalSession) any {
	return personalSession{
		s.ID, s.CreatedAt.UTC(), s.LastSeenAt.UTC(), orNull(s.EndedAt), s.ClientAddress, s.UserAgent, s.Country, s.City, s.Remembered,
		orNull(s.CookieCreatedAt), orNull(s.CookieExpiresAt),
	}
}

func showPersonalToken(t authn.PersonalToken) any {
	return personalToken{
		string(t.Kind), t.SessionID, t.CreatedAt.UTC(), t.ExpiresAt.UTC(), orNull(t.InvalidatedAt), t.ClientAddress, t.UserAgent, t.UsedBy,
	}
}

func showSignIn(a authn.Arrival) any {
	p := a.Place
	s := personalSignIn{
		At: a.At.UTC(), ClientAddress: a.Address, Network: a.Network, Device: a.Device, Country: p.Country, City: p.City, ASN: p.ASN,
	}
	if p.Located {
		s.Latitude, s.Longitude, s.Accuracy = &p.Latitude, &p.Longitude, &p.Accuracy
	}
	return s
}

func showPersonalClient(c authn.PersonalClient) any {
	return personalClient{c.Network, c.LastUsed.UTC()}
}

func showPersonalMail(m authn.PersonalMail) any {
	return personalMail{
		string(m.Kind), m.To, m.CreatedAt.UTC(), m.ExpiresAt.UTC(), m.DueAt.UTC(), m.Attempts, orNull(m.GivenUpAt),
	}
}

func showLink(l authn.PersonalLink) any {
	return personalLink{string(l.Kind), l.Email, l.CreatedAt.UTC(), l.ExpiresAt.UTC()}
}

// personalData streams what is kept of the caller as one object, a line for each thing in it. What goes wrong once it has begun breaks the
// answer off: without its last bracket, nobody takes it for the whole.
func (a *API) personalData(c *call) error {
	d, err := a.cfg.Accounts.PersonalData(c.r.Context(), c.caller)
	if err != nil {
		return err
	}
	h := c.w.Header()
	name := "authly-" + d.At.UTC().Format("20060102T150405Z") + ".json" // nothing that anybody sent is in it
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", jsonType)
	if c.r.Method == http.MethodHead {
		return nil
	}
	f := objectFile{w: c.w}
	f.member("service", a.base)
	f.member("exported_at", d.At.UTC())
	f.member("user", ShowStanding(d.User, d.Standing))
	list(&f, "sessions", d.Sessions, showPersonalSession)
	list(&f, "tokens", d.Tokens, showPersonalToken)
	list(&f, "sign_ins", all(d.SignIns), showSignIn)
	list(&f, "known_networks", all(d.Clients), showPersonalClient)
	list(&f, "mails", all(d.Mails), showPersonalMail)
	list(&f, "mailed_links", all(d.Links), showLink)
	list(&f, "events", d.Events, ShowEvent)
	return f.end()
}

// all is a list that is there already, like one that is read.
func all[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for one := range slices.Values(list) {
			if !yield(one, nil) {
				return
			}
		}
	}
}
