package authn

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
)

// AccountsConfig is what Accounts needs; Mails, the limits and ReservedNames may be left out.
type AccountsConfig struct {
	Store                  LoginStore
	Logins                 *Logins // asked to check a current password, so that such a check counts like a login
	Passwords              *Passwords
	Mails                  *Mails // nil: nobody is mailed, and an address is verified by administrators alone
	OpenRegistration       bool
	RequireCurrentPassword bool     // to change one's own password
	CurrentPasswordToMove  bool     // to change one's own email address
	Limits                 *Limits  // where registrations are counted; nil: in memory
	Limit                  Limit    // registrations per client network; zero: none
	ReservedNames          []string // usernames that only administrators give, mapped: rules let them pass by name
	Now                    func() time.Time
	Log                    *slog.Logger
}

// Accounts keeps users: who exists, and who may change what of whom. A caller is the identity that an access token was
// resolved to, or Operator.
type Accounts struct {
	cfg       AccountsConfig
	byNetwork *Limiter
}

// NewAccounts returns an Accounts.
func NewAccounts(cfg AccountsConfig) *Accounts {
	return &Accounts{cfg: cfg, byNetwork: limitsOr(cfg.Limits, cfg.Now).Limiter("registration", cfg.Limit)}
}

// Operator is the caller of the command line: whoever can read the configuration and the database is an administrator.
func Operator() *Identity { return &Identity{Username: "operator", Admin: true} }

// Registration is what a person gives to get an account.
type Registration struct {
	Username string
	Email    string
	Password string
}

// NewAccount is what an administrator gives to make an account for somebody.
type NewAccount struct {
	Registration
	PasswordHash string // instead of Password: a hash made elsewhere, see CheckPasswordHash
	Verified     bool
	Admin        bool
	Roles        []string
}

// Register adds a user who registers. Errors: CodeForbidden when registration is closed; CodeRateLimited; CodeInvalidRequest
// with the field for what is malformed or taken. A name that a rule of the configuration lets pass is taken too.
func (a *Accounts) Register(ctx context.Context, r Registration, from Client) (User, error) {
	if !a.cfg.OpenRegistration {
		return User{}, Refuse(CodeForbidden, "Registration is closed")
	}
	if err := a.byNetwork.spendTold(ctx, ClientNetwork(from.Address)); err != nil {
		return User{}, err
	}
	if name, err := ParseUsername(r.Username); err == nil && slices.Contains(a.cfg.ReservedNames, name) {
		return User{}, RefuseField("username", "Username already registered")
	}
	return a.create(ctx, NewAccount{Registration: r}, anonymousAct(from, a.cfg.Now()), a.mailRegistration)
}

// Create adds a user for an administrator. Errors: CodeForbidden; CodeInvalidRequest as for Register.
func (a *Accounts) Create(ctx context.Context, caller *Identity, n NewAccount) (User, error) {
	if !caller.Admin {
		return User{}, Refuse(CodeForbidden, "Not authorized to create users")
	}
	return a.create(ctx, n, caller.act(a.cfg.Now()), a.cfg.Store.CreateUser)
}

// create checks everything about a new account and has keep keep it.
func (a *Accounts) create(ctx context.Context, n NewAccount, act Act, keep func(context.Context, User, Act) error) (User, error) {
	user, err := a.newUser(ctx, n, act.From, a.unused)
	if err != nil {
		return User{}, err
	}
	switch err := keep(ctx, user, act); {
	case errors.Is(err, ErrUsernameTaken):
		return User{}, RefuseField("username", "Username already registered")
	case err != nil:
		return User{}, accountRefusal(err)
	}
	return user, nil
}

// newUser checks everything about a new account and hashes its password. What allowed has to say about the names comes before
// the costly hash; the store has the last word.
func (a *Accounts) newUser(
	ctx context.Context, n NewAccount, from Client, allowed func(ctx context.Context, username, emailKey string) error,
) (User, error) {
	username, err := ParseUsername(n.Username)
	if err != nil {
		return User{}, err
	}
	emailKey, err := ParseEmail(n.Email)
	if err != nil {
		return User{}, err
	}
	roles, err := ParseRoles(n.Roles)
	if err != nil {
		return User{}, err
	}
	if err := allowed(ctx, username, emailKey); err != nil {
		return User{}, err
	}
	hash, err := a.newHash(ctx, n, from)
	if err != nil {
		return User{}, err
	}
	now := a.cfg.Now().Truncate(time.Microsecond) // as stores keep it
	return User{
		ID: uuid.New(), Username: username, Email: n.Email, EmailKey: emailKey, PasswordHash: hash,
		Active: true, Verified: n.Verified, Admin: n.Admin, Roles: roles, CreatedAt: now, UpdatedAt: now,
	}, nil
}

// unused refuses names that are in use.
func (a *Accounts) unused(ctx context.Context, username, emailKey string) error {
	if _, err := a.cfg.Store.UserByUsername(ctx, username); !errors.Is(err, ErrUserNotFound) {
		return taken(err, RefuseField("username", "Username already registered"))
	}
	if _, err := a.cfg.Store.UserByEmailKey(ctx, emailKey); !errors.Is(err, ErrUserNotFound) {
		return taken(err, RefuseField("email", "Email already registered"))
	}
	return nil
}

// taken turns the outcome of a lookup that should have found nobody into an error.
func taken(lookup error, refusal *Error) error {
	if lookup == nil {
		return refusal
	}
	return Fault(lookup)
}

func (a *Accounts) newHash(ctx context.Context, n NewAccount, from Client) (string, error) {
	if n.PasswordHash != "" {
		return n.PasswordHash, CheckPasswordHash(n.PasswordHash)
	}
	return a.setPassword(ctx, NewPassword{Field: "password", Typed: n.Password, Username: n.Username, Email: n.Email, From: from})
}

// setPassword is the one way to a new password: it checks it and returns its hash.
func (a *Accounts) setPassword(ctx context.Context, n NewPassword) (hash string, err error) {
	prepared, err := a.cfg.Passwords.Choose(ctx, n)
	if err == nil {
		hash, err = a.cfg.Passwords.Hash(ctx, n.From, prepared)
	}
	if err != nil {
		return "", Fault(err)
	}
	return hash, nil
}

// Bootstrap makes the administrator of a first start: username admin, with the password given, or with a generated one if
// that is empty. It reports whether this was a first start, and the password that was generated.
func (a *Accounts) Bootstrap(ctx context.Context, password string) (created bool, generated string, err error) {
	known, err := a.cfg.Store.ListUsers(ctx, 0, 1)
	if err != nil {
		return false, "", Fault(err)
	}
	var first User
	if len(known) == 0 {
		if password == "" {
			generated = rand.Text()
			password = generated
		}
		first, err = a.newUser(ctx, NewAccount{
			Registration: Registration{Username: "admin", Email: "admin@localhost", Password: password},
			Verified:     true, Admin: true,
		}, Client{}, func(context.Context, string, string) error { return nil }) // another replica's administrator is no mistake here
		if err != nil {
			return false, "", err
		}
	} else {
		first = known[0] // not added again: the call only records that the first start is over
	}
	created, err = a.cfg.Store.CreateFirstUser(ctx, first, systemAct(Client{}, a.cfg.Now()))
	switch {
	case err != nil:
		return false, "", Fault(err)
	case !created:
		return false, "", nil
	}
	return true, generated, nil
}

// Get returns a user to themselves or to an administrator; to anybody else every id is CodeNotFound.
func (a *Accounts) Get(ctx context.Context, caller *Identity, id uuid.UUID) (User, error) {
	if !mayTouch(caller, id) {
		return User{}, accountRefusal(ErrUserNotFound)
	}
	user, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return User{}, accountRefusal(err)
	}
	return user, nil
}

// Find returns the user of a name, which is a username, an email address or an id, to an administrator. CodeNotFound.
func (a *Accounts) Find(ctx context.Context, caller *Identity, name string) (User, error) {
	if !caller.Admin {
		return User{}, accountRefusal(ErrUserNotFound)
	}
	if id, err := uuid.Parse(name); err == nil {
		if user, err := a.Get(ctx, caller, id); err == nil {
			return user, nil
		}
	}
	_, user, err := a.cfg.Logins.account(ctx, name)
	switch {
	case err != nil:
		return User{}, Fault(err)
	case user == nil:
		return User{}, accountRefusal(ErrUserNotFound)
	}
	return *user, nil
}

// List returns users in order of creation to an administrator. skip is at least 0, limit 1 to 100: else CodeInvalidRequest.
func (a *Accounts) List(ctx context.Context, caller *Identity, skip, limit int) ([]User, error) {
	if !caller.Admin {
		return nil, Refuse(CodeForbidden, "Not authorized to list users")
	}
	if err := checkPaging(skip, limit); err != nil {
		return nil, err
	}
	users, err := a.cfg.Store.ListUsers(ctx, skip, limit)
	if err != nil {
		return nil, Fault(err)
	}
	return slices.Clip(users), nil
}

// checkPaging refuses a part of a list that there cannot be, and one that would be too long.
func checkPaging(skip, limit int) error {
	switch {
	case skip < 0:
		return RefuseField("skip", "Invalid field: skip must be 0 or more")
	case limit < 1 || limit > 100:
		return RefuseField("limit", "Invalid field: limit must be from 1 to 100")
	}
	return nil
}

// ListAfter returns users in the same order from behind a cursor, which UserCursor has made of the last one of the page before;
// empty: from the first on. Unlike skipping, going on costs the same however many are left behind.
func (a *Accounts) ListAfter(ctx context.Context, caller *Identity, cursor string, limit int) ([]User, error) {
	place, err := parseUserCursor(cursor)
	switch {
	case !caller.Admin:
		return nil, Refuse(CodeForbidden, "Not authorized to list users")
	case err != nil:
		return nil, err
	case limit < 1 || limit > 100:
		return nil, RefuseField("limit", "Invalid field: limit must be from 1 to 100")
	}
	users, err := a.cfg.Store.ListUsersAfter(ctx, place, limit)
	if err != nil {
		return nil, Fault(err)
	}
	return users, nil
}

// Delete removes a user and every token of theirs. Their own account is not deleted by whoever has come with a cookie, an administrator
// neither: see DeleteOwn. Errors: CodeForbidden, CodeNotFound, CodeConflict.
func (a *Accounts) Delete(ctx context.Context, caller *Identity, id uuid.UUID) error {
	switch {
	case !mayTouch(caller, id):
		return Refuse(CodeForbidden, "Not authorized to delete this user")
	case caller.UserID == id && caller.Cookie != nil:
		return Refuse(CodeForbidden, "Your own account is deleted on the page of your account, with your password")
	}
	if err := a.cfg.Store.DeleteUser(ctx, id, caller.act(a.cfg.Now())); err != nil {
		return accountRefusal(err)
	}
	return nil
}

// Verify marks a user's email address as verified. Errors: CodeForbidden, CodeNotFound.
func (a *Accounts) Verify(ctx context.Context, caller *Identity, id uuid.UUID) (User, error) {
	if !caller.Admin {
		return User{}, Refuse(CodeForbidden, "Not authorized to verify this user")
	}
	verified := true
	user, err := a.cfg.Store.UpdateUser(ctx, id, UserChange{Verified: &verified, Act: caller.act(a.cfg.Now())})
	if err != nil {
		return User{}, accountRefusal(err)
	}
	return user, nil
}

// Unlock forgets a user's failed logins, and the locks and delays that they made. Errors: CodeForbidden, CodeNotFound.
func (a *Accounts) Unlock(ctx context.Context, caller *Identity, id uuid.UUID) (User, error) {
	if !caller.Admin {
		return User{}, Refuse(CodeForbidden, "Not authorized to unlock this user")
	}
	user, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return User{}, accountRefusal(err)
	}
	if err := a.cfg.Store.Unlock(ctx, userAccount(id), id, caller.act(a.cfg.Now())); err != nil {
		return User{}, Fault(err)
	}
	return user, nil
}

// mayTouch reports whether the caller may see and change the user.
func mayTouch(caller *Identity, id uuid.UUID) bool { return caller.Admin || caller.UserID == id }

// accountRefusal turns what the store answers about an existing account into what a client is told.
func accountRefusal(err error) error {
	switch {
	case errors.Is(err, ErrUserNotFound):
		return Refuse(CodeNotFound, "User not found")
	case errors.Is(err, ErrUsernameTaken):
		return RefuseField("username", "Username already taken")
	case errors.Is(err, ErrEmailTaken):
		return RefuseField("email", "Email already registered")
	case errors.Is(err, ErrLastAdministrator):
		return Refuse(CodeConflict, "The last administrator cannot be deleted, disabled or demoted")
	case errors.Is(err, ErrChanged):
		return Refuse(CodeChanged, "The user has been changed meanwhile")
	}
	return Fault(err)
}
