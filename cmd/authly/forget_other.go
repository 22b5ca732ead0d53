//go:build !linux

package main

import "os"

// forgetVariables takes variables out of the environment that children inherit.
func forgetVariables(names []string) error {
	for _, name := range names {
		_ = os.Unsetenv(name) // fails for names that no variable has
	}
	return nil
}
