package authn

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
)

// AccountsConfig is what Accounts needs; every field is required.
type AccountsConfig struct {
	Store                  LoginStore
	Logins                 *Logins // asked to check a current password, so that such a check counts like a login
	Passwords              *Passwords
	OpenRegistration       bool
	RequireVerification    bool
	RequireCurrentPassword bool
	Now                    func() time.Time
	Log                    *slog.Logger
}

// Accounts keeps users: who exists, and who may change what of whom.
type Accounts struct {
	cfg AccountsConfig
}

// Registration is what a person gives to get an account.
type Registration struct {
	Username string
	Email    string
	Password string
}

// AccountUpdate is what a caller asks to change of a user; nil leaves a field as it is.
type AccountUpdate struct {
	Username        *string
	Email           *string
	Password        *string
	CurrentPassword *string
	Active          *bool
	Verified        *bool
	Admin           *bool
	Roles           *[]string
}

// Register adds a user who registers. Errors: CodeForbidden when registration is closed; CodeInvalidRequest with the field
// for what is malformed or taken.
func (a *Accounts) Register(ctx context.Context, r Registration) (User, error) {
	return User{}, Refuse(CodeInternal, "")
}

// Get returns a user to themselves or to an administrator; to anybody else every id is CodeNotFound.
func (a *Accounts) Get(ctx context.Context, caller *Identity, id uuid.UUID) (User, error) {
	return User{}, Refuse(CodeInternal, "")
}

// List returns users in order of creation to an administrator. skip is at least 0, limit 1 to 100: else CodeInvalidRequest.
func (a *Accounts) List(ctx context.Context, caller *Identity, skip, limit int) ([]User, error) {
	return nil, Refuse(CodeInternal, "")
}

// Update changes a user. Errors: CodeForbidden, CodeNotFound, CodeInvalidRequest, CodeConflict for the last administrator;
// CodeLocked and CodeRateLimited where the current password is checked.
func (a *Accounts) Update(ctx context.Context, caller *Identity, id uuid.UUID, u AccountUpdate, from Client) (User, error) {
	return User{}, Refuse(CodeInternal, "")
}

// Delete removes a user and every token of theirs. Errors: CodeForbidden, CodeNotFound, CodeConflict.
func (a *Accounts) Delete(ctx context.Context, caller *Identity, id uuid.UUID) error {
	return Refuse(CodeInternal, "")
}

// Verify marks a user's email address as verified. Errors: CodeForbidden, CodeNotFound.
func (a *Accounts) Verify(ctx context.Context, caller *Identity, id uuid.UUID) (User, error) {
	return User{}, Refuse(CodeInternal, "")
}
