//go:build !linux

package main

// keepPrivate does nothing: who may read the memory of a process, and where it is written when the process crashes, is for the
// system's settings to say.
func keepPrivate() error { return nil }
