// Package hsm keeps keys in a hardware security module, or anything else that has a PKCS #11 module: signing keys that never leave
// it, and the master key that data keys are wrapped with.
//
// A module is a shared library, and so all of this needs cgo: it is built with the tag pkcs11 alone, and the ordinary binary stays
// static. The library has the process's memory before it, its environment and its PIN; who configures a module trusts it as much as
// Authly itself.
//
// An HSM is a thing of the outside. It is slow, it is pulled out and put back, it drops sessions, and it locks itself when a wrong
// PIN is given three times. Therefore a Token has a bound for sessions and one for waiting; what fails because of a session, of which
// there are a dozen reasons, is done once more on a new connection; a PIN that was refused is never given again by the same process,
// nor by any when the token says that it would lock next; and nothing that checks a token comes here at all.
package hsm
