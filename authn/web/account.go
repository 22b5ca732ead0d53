package web

import (
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// Where people look after their own account.
const (
	passwordPath     = accountPath + "/password"
	emailPath        = accountPath + "/email"
	verificationPath = accountPath + "/verification"
	sessionsPath     = accountPath + "/sessions"
	otherSessions    = sessionsPath + "/others"
	activityPath     = accountPath + "/activity"
	dataPath         = accountPath + "/data"
	deletePath       = accountPath + "/delete"
)

// accountPages are what people see of their own account.
func (p *Pages) accountPages() []page {
	forPassword, forEmail := p.currentPasswords()
	return []page{
		{path: accountPath, who: signedIn, name: "account", menu: accountMenu, show: (*visit).showAccount},
		{path: passwordPath, who: signedIn, name: "account_password", menu: accountMenu, fields: append(forPassword, passwordTwice()...), act: (*visit).changePassword},
		{
			path: emailPath, who: signedIn, name: "account_email", menu: accountMenu,
			fields: append([]field{{name: "email", kind: "email", label: "account_email.new", autocomplete: "email"}}, forEmail...),
			show:   (*visit).showEmail, act: (*visit).changeEmail,
		},
		{path: verificationPath, who: signedIn, act: (*visit).mailVerification},
		{
			path: sessionsPath, who: signedIn, name: "account_sessions", menu: accountMenu, fields: []field{{name: "session", kind: "hidden"}},
			show: (*visit).showSessions, act: (*visit).endSession,
		},
		{path: otherSessions, who: signedIn, act: (*visit).endOtherSessions},
		{path: activityPath, who: signedIn, name: "account_activity", menu: accountMenu, show: (*visit).showActivity},
		{path: dataPath, who: signedIn, name: "account_data", menu: accountMenu},
		{
			path: deletePath, who: signedIn, name: "account_delete", act: (*visit).deleteAccount,
			fields: []field{currentPassword(), {name: "confirm", kind: "checkbox", label: "account_delete.confirm"}},
		},
	}
}

func currentPassword() field {
	return field{name: "current_password", kind: "password", autocomplete: "current-password"}
}

// currentPasswords are the fields that a change of one's password or address begins with.
func (p *Pages) currentPasswords() (forPassword, forEmail []field) {
	if p.cfg.Accounts == nil { // of a table that nobody opens
		return []field{currentPassword()}, []field{currentPassword()}
	}
	needed, neededToMove := p.cfg.Accounts.NeedsCurrentPassword()
	if needed {
		forPassword = append(forPassword, currentPassword())
	}
	if neededToMove {
		forEmail = append(forEmail, currentPassword())
	}
	return forPassword, forEmail
}

// accountView is what the template shows.
type accountView struct {
	Username, Email      string
	Verified, Admin      bool
	Roles                string // with commas between; empty: there are none
	CreatedAt, LastLogin time.Time
	Applications         []applicationView
}

// applicationView is what somebody may open.
type applicationView struct{ Title, URL, Host string }

func (v *visit) showAccount() (any, error) {
	user, err := v.cfg.Accounts.Get(v.r.Context(), v.caller, v.caller.UserID)
	if err != nil {
		return nil, err
	}
	shown := accountView{
		Username: user.Username, Email: user.Email, Verified: user.Verified, Admin: user.Admin, Roles: strings.Join(user.Roles, ", "),
		CreatedAt: user.CreatedAt, LastLogin: user.LastLogin,
	}
	shown.Applications, err = v.applications()
	return shown, err
}

// applications is what the gate lets the browser open.
func (v *visit) applications() (all []applicationView, err error) {
	if v.cfg.Applications == nil {
		return nil, nil
	}
	may, err := v.cfg.Applications(v.r.Context(), authn.Request{Cookie: v.cfg.Cookie.Read(v.r.Header), Client: v.client().Address})
	for _, app := range may {
		all = append(all, applicationView{app.Title, app.URL, app.Host})
	}
	return all, err
}

// where is where a client was, as far as that is known.
func where(city, country, address string) string {
	place := authn.PlaceName(city, country)
	if place == "" || address == "" {
		return place + address
	}
	return place + " (" + address + ")"
}
