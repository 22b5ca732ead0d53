package authn

import (
	"context"
	"slices"
)

// Explainer tells an administrator which route decides about a request, and how, by asking the gate that decides. No request is
// made, no credential is looked at, and nothing counts against a limit.
type Explainer struct {
	gate     *Gate
	accounts *Accounts
}

// NewExplainer returns an Explainer. Without accounts it knows no user.
func NewExplainer(gate *Gate, accounts *Accounts) *Explainer {
	return &Explainer{gate: gate, accounts: accounts}
}

// Explain returns what is decided about a request that the user makes, who is named by username, email address or id, with a good
// credential of a kind that the route reads; nobody if the name is empty. A disabled user has no good credential. CodeForbidden,
// CodeNotFound for a user that there is not.
func (e *Explainer) Explain(ctx context.Context, caller *Identity, r Request, user string) (Decision, error) {
	if !caller.Admin {
		return Decision{}, Refuse(CodeForbidden, "Not authorized to see the routes")
	}
	r.Credentials, r.Cookie = Credentials{}, Credentials{}
	asked := *e.gate
	asked.authenticator = assumed{}
	if user != "" {
		who, err := e.identity(ctx, caller, user)
		if err != nil {
			return Decision{}, err
		}
		asked.authenticator = assumed{who}
		r.Credentials.Kind, r.Cookie.Kind = BearerCredential, CookieCredential
	}
	return asked.Explain(ctx, r), nil
}

// Routes returns the table to an administrator, in the order in which it is searched. CodeForbidden.
func (e *Explainer) Routes(caller *Identity) ([]Route, error) {
	if !caller.Admin {
		return nil, Refuse(CodeForbidden, "Not authorized to see the routes")
	}
	return slices.Clone(e.gate.table.routes), nil
}

// identity is who the user is to the gate; nil if they are disabled: their tokens and sessions are dead.
func (e *Explainer) identity(ctx context.Context, caller *Identity, name string) (*Identity, error) {
	if e.accounts == nil {
		return nil, accountRefusal(ErrUserNotFound)
	}
	user, err := e.accounts.Find(ctx, caller, name)
	if err != nil || !user.Active {
		return nil, err
	}
	return &Identity{UserID: user.ID, Username: user.Username, Email: user.Email, Roles: user.Roles, Admin: user.Admin}, nil
}

// assumed is the Authenticator of an Explainer: every credential is that of one user, or is dead where there is none.
type assumed struct{ who *Identity }

// Authenticate returns the user for whatever credential there is.
func (a assumed) Authenticate(_ context.Context, c Credentials) (*Identity, error) {
	switch {
	case c.Kind == NoCredential:
		return nil, Refuse(CodeNoCredentials, "Not authenticated")
	case a.who == nil:
		return nil, Refuse(CodeInvalidCredentials, "The user is disabled: their tokens and sessions are dead")
	}
	return a.who, nil
}
