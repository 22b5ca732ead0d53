package authn

import (
	"context"

	"github.com/google/uuid"
)

// Usernames returns to an administrator what the users are called, of those who are there. Of at most 1,000 ids. CodeForbidden.
func (a *Accounts) Usernames(ctx context.Context, caller *Identity, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	if !caller.Admin {
		return nil, Refuse(CodeForbidden, "Not authorized to list users")
	}
	names, err := a.cfg.Store.Usernames(ctx, ids)
	if err != nil {
		return nil, Fault(err)
	}
	return names, nil
}
