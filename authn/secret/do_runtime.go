//go:build goexperiment.runtimesecret

package secret

import "runtime/secret"

// Do calls f, and has what f leaves behind erased: its stack and the registers at once, what it has allocated when the garbage
// collector finds that nobody has it any more. Results belong into what the caller has allocated before. Goroutines that f begins
// are not covered.
//
// This is what a program does that was built with GOEXPERIMENT=runtimesecret, on Linux on amd64 and arm64; others clear the stack.
func Do(f func()) { secret.Do(f) }
