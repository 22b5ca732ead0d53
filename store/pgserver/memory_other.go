//go:build !linux

package pgserver

// inMemory returns where files can be kept in memory, or "" where they cannot.
func inMemory() string { return "" }
