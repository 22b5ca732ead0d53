package authn

// Passwords hashes and compares passwords.
type Passwords struct{}
