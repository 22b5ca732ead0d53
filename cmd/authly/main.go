// Command authly is the gateway, the forward-auth target and the login service, and the tools to look after them.
//
// It reads the configuration, builds the rooms, runs them and stops them. It decides nothing: what may pass is decided in
// package authn, how a request is read and forwarded in packages headers and proxy, what is kept in package store.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker for releases: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end; from then on the system's own handling is back, and a second one ends at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program as a function of what it is given. It returns the exit status: 0 for success, 1 for a failure
// that has been told on stderr, 2 for a command line or configuration that makes no sense.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cli := &cli{environ: environ, notPrivate: keepPrivate(), forget: forgetVariables, stdin: stdin, stdout: stdout, stderr: stderr}
	return cli.execute(ctx, args)
}
