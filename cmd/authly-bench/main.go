// Command authly-bench measures what Authly promises in figures.
//
// Each measurement is a subcommand in a file of its own, and listed in measurements. It builds the real program from this
// tree, runs as many of it as it needs on the loopback address beside a PostgreSQL server of its own, measures from outside as
// a client would, holds the figures to the goals, and leaves nothing behind. What it prints says how the figures came about.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program as a function of what it is given. It returns the exit status: 0 if every goal was reached, 1 if
// one was missed or nothing could be measured, 2 for a command line that makes no sense.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cli := &cli{stdout: stdout, stderr: stderr}
	return cli.execute(ctx, args)
}
