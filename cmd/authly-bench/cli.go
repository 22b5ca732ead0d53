package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

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
		new(check).measurement(),
		new(refusal).measurement(),
		new(proxying).measurement(),
		new(latency).measurement(),
		new(rules).measurement(),
		new(streams).measurement(),
		new(logins).measurement(),
		new(flood).measurement(),
		new(footprint).measurement(),
		new(starting).measurement(),
		new(growth).measurement(),
		new(revocation).measurement(),
	}
}

// cli is one invocation of the program.
type cli struct {
	stdout, stderr io.Writer
	output, binary string
	pace           pace
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
			return c.pace.check()
		},
	}
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "text", "text or json")
	root.PersistentFlags().StringVar(&c.binary, "binary", "", "measure this program instead of one that is built from the tree")
	c.pace.flags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(c.targetCommand(), c.allCommand())
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
	if m.flags != nil {
		m.flags(cmd)
	}
	return cmd
}

// run makes one measurement and prints its report.
func (c *cli) run(ctx context.Context, m measurement) error {
	r, err := c.measure(ctx, m)
	if err != nil {
		return err
	}
	if err := r.print(c.stdout, c.output == "json"); err != nil {
		return err
	}
	if !r.judge() {
		return errMissed
	}
	return nil
}

// measure makes one measurement on a stage of its own.
func (c *cli) measure(ctx context.Context, m measurement) (r *report, err error) {
	stage, err := newStage(c.binary, c.pace, c.stderr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	where, began := newMachine(), time.Now()
	if r, err = m.measure(ctx, stage); err != nil {
		return nil, err
	}
	r.Measurement, r.Machine = m.name, where
	r.Machine.Seconds = round(time.Since(began).Seconds())
	r.judge()
	return r, nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command or argument %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}
