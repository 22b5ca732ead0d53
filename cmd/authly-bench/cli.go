package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// measurement is one thing that is measured.
type measurement struct {
	name, short, long string

	flags   func(*cobra.Command) // adds those that it alone has
	measure func(context.Context, *stage) (*report, error)
}

// measurements lists all there are.
func measurements() []measurement {
	return []measurement{
		new(revocation).measurement(),
	}
}

// cli is one invocation of the program.
type cli struct {
	stdout, stderr io.Writer
	output, binary string
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

var errMissed = errors.New("a goal was missed")

func (c *cli) execute(ctx context.Context, args []string) int {
	root := c.rootCommand()
	root.SetArgs(args)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(c.stderr, "authly-bench:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

func (c *cli) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "authly-bench", Short: "Measure what Authly promises in figures", Args: noArgs,
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if c.output != "text" && c.output != "json" {
				return usageError{errors.New("--output must be text or json")}
			}
			return nil
		},
	}
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "text", "text or json")
	root.PersistentFlags().StringVar(&c.binary, "binary", "", "measure this program instead of one that is built from the tree")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, m := range measurements() {
		root.AddCommand(c.command(m))
	}
	return root
}

func (c *cli) command(m measurement) *cobra.Command {
	cmd := &cobra.Command{
		Use: m.name, Short: m.short, Long: m.long, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), m) },
	}
	m.flags(cmd)
	return cmd
}

// run makes one measurement and prints its report.
func (c *cli) run(ctx context.Context, m measurement) (err error) {
	stage, err := newStage(c.binary, c.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	r, err := m.measure(ctx, stage)
	if err != nil {
		return err
	}
	r.Measurement = m.name
	if err := r.print(c.stdout, c.output == "json"); err != nil {
		return err
	}
	if !r.judge() {
		return errMissed
	}
	return nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command or argument %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}
