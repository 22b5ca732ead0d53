//go:build !unix

package secret

// lockFolder does nothing: here the operator sees to it that the master key is replaced once at a time.
func lockFolder(string) (unlock func(), err error) { return func() {}, nil }
