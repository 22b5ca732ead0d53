package authn

// Terms are what people should know before they ask for an account, or for something by mail.
type Terms struct {
	Registration bool // anybody may register
	Verification bool // who has registered can sign in when their address is verified, and is mailed a link for that
	MinPassword  int  // characters of a new password
}

// Terms returns them.
func (a *Accounts) Terms() Terms {
	return Terms{
		Registration: a.cfg.OpenRegistration,
		Verification: a.cfg.Mails != nil && a.cfg.Logins.cfg.RequireVerification,
		MinPassword:  a.cfg.Passwords.cfg.MinLength,
	}
}
