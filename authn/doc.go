// Package authn is the mind of Authly: who is calling, and may they pass?
//
// Everything that decides lives here, and nothing that talks to the outside: no net/http, no SQL, no driver. A request
// arrives as plain data (Request) and leaves as a Decision; what must be kept goes through small interfaces that this
// package declares and the store room implements; time comes from an injected clock.
//
// There are five parts:
//
//   - Logins turns a name and a password into a pair of tokens, a refresh token into the next pair, and a bearer token into
//     an Identity. It is the only place that looks at a password or a token.
//   - Accounts keeps users: registration, changes, deletion, and who may do which.
//   - Gate decides: given method, host, path, client address and credentials, it finds the first route that matches and
//     answers allow, challenge or deny. The reverse proxy, every forward-auth dialect and the Explainer, which tells
//     administrators why, ask this one function.
//   - Arrivals compares sign-ins with the account's earlier ones: from where, with what, when.
//   - Mails writes what people are mailed, in the transaction of what causes it, and an Outbox has it sent.
//   - KeyRing holds what tokens are signed and verified with, and ManagedKeys looks after those keys that Authly makes itself.
//   - Trail is what has happened: an Event for every change that matters for security, written by the store in the
//     transaction of the change (Act), and for what was refused.
//
// Errors that leave the package are of type *Error, with a Code and a Detail that is safe to show to a client.
package authn
