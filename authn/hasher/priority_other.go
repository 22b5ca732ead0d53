//go:build !linux

package hasher

// lowerPriority does nothing: which of its threads a system runs first is its own affair.
func lowerPriority() error { return nil }

func giveWay() {}
