package main

import (
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn/hasher"
)

const hasherName = "hasher"

// hasherCommand is what this program starts itself as, to hash passwords. Nobody else has a use for it.
func (c *cli) hasherCommand() *cobra.Command {
	return &cobra.Command{
		Use: hasherName, Hidden: true, Args: exactArgs("WORKERS"),
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // it has no environment and reads no configuration
		RunE: func(_ *cobra.Command, args []string) error {
			workers, err := strconv.Atoi(args[0])
			if err != nil || workers < 1 {
				return usageError{errors.New("WORKERS must be a number of at least 1")}
			}
			return hasher.Serve(c.stdin, c.stdout, workers)
		},
	}
}

// newHasher returns what runs this program a second time, with as many workers as there are processors for it, which Go has
// learnt from the quota of the container if there is one.
func newHasher(log *slog.Logger) *hasher.Hasher {
	return hasher.New(hasher.Config{
		Command: []string{thisProgram(), hasherName}, Workers: runtime.GOMAXPROCS(0), Quota: hasher.Quota(), Log: log,
	})
}

// thisProgram is the file that runs, also when another version was put in its place meanwhile.
func thisProgram() string {
	const running = "/proc/self/exe"
	path, err := os.Executable()
	here, hereErr := os.Stat(path)
	if it, itErr := os.Stat(running); itErr == nil && (err != nil || hereErr != nil || !os.SameFile(here, it)) {
		return running
	}
	return path
}
