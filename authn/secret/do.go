//go:build !goexperiment.runtimesecret

package secret

import "runtime"

// Do calls f, and has the stack that f has used overwritten. A program that was built with GOEXPERIMENT=runtimesecret also has the
// registers erased, and what f has allocated as soon as nobody has it any more. Results belong into what the caller has allocated
// before. Goroutines that f begins are not covered, nor is the copy that is left when a garbage collection in that very moment
// shrinks the stack.
func Do(f func()) {
	overwriteStack() // it is long enough from now on: a stack that has to grow is copied, and nobody clears the one of before
	defer overwriteStack()
	f()
}

// stackBytes is more than a derivation or the opening of something sealed takes.
const stackBytes = 16 << 10

// overwriteStack writes zeros to where what its caller calls has its variables.
//
//go:noinline
func overwriteStack() {
	var stack [stackBytes]byte
	clear(stack[:])
	runtime.KeepAlive(&stack)
}
