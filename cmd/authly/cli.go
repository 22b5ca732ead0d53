package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/cmd/authly/config"
)

// cli is one invocation of the program: its surroundings, and the flags that all commands share.
type cli struct {
	environ        []string
	notPrivate     error                          // what keeps others from reading the memory of this process, and could not be done
	forget         func(variables []string) error // takes secrets out of the environment of the process
	stdin          io.Reader
	stdout, stderr io.Writer

	configPath string
	configSet  bool // --config or AUTHLY_CONFIG names the file, which then must exist
	output     string

	notForgotten error // why secrets are still to be seen in the environment of the process; nil: they are not
}

// usageError is a command line or configuration that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// execute runs the command that args name and returns the exit status.
func (c *cli) execute(ctx context.Context, args []string) int {
	root := c.rootCommand()
	root.SetArgs(args)
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(c.stderr, plainError(err))
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// plainError is what a person is told: of Authly's own errors the detail without its code, and behind it the cause, which
// whoever runs the program may see. What was said around the error stays.
func plainError(err error) string {
	text := err.Error()
	if refusal, ok := errors.AsType[*authn.Error](err); ok {
		plain := refusal.Detail
		if refusal.Cause != nil {
			plain = fmt.Sprintf("%s: %v", strings.ToLower(plain[:1])+plain[1:], refusal.Cause)
		}
		text = strings.Replace(text, refusal.Error(), plain, 1)
	}
	return "authly: " + text
}

// rootCommand lists every command.
func (c *cli) rootCommand() *cobra.Command {
	serve := c.serveCommand()
	root := &cobra.Command{
		Use:           "authly",
		Short:         "Login in front of any web application",
		Long:          "Authly puts login in front of any web application: as a gateway, as a forward-auth target, and as a login service.",
		Args:          noArgs,
		RunE:          serve.RunE,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.configSet = cmd.Flags().Changed("config")
			if path, ok := c.lookup("AUTHLY_CONFIG"); ok && !c.configSet {
				c.configPath, c.configSet = path, true
			}
			if c.output != "text" && c.output != "json" {
				return usageError{errors.New("--output must be text or json")}
			}
			return nil
		},
	}
	root.PersistentFlags().StringVarP(&c.configPath, "config", "c", "config.yaml", "configuration file")
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "text", "text or json")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serve, c.checkCommand(), c.explainCommand(), c.userCommand(), c.sessionCommand(), c.keyCommand(), c.secretCommand(), c.auditCommand(),
		c.hashCommand(), c.hasherCommand(), c.healthCommand(),
		c.migrateCommand(), c.versionCommand())
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command or argument %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return nil
}

// exactArgs demands that many arguments and says what they are called.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("expected %s; see %s --help", strings.Join(names, " "), cmd.CommandPath())}
		}
		return nil
	}
}

// lookup reads a variable of the environment; the last one wins, as in a process's own.
func (c *cli) lookup(name string) (string, bool) {
	for _, pair := range slices.Backward(c.environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// load reads the configuration. The secrets that the environment holds are taken out of it: neither children nor whoever looks at
// this process from outside has use for them.
func (c *cli) load() (*config.Config, error) {
	cfg, err := c.read()
	if err != nil {
		return nil, mistaken(err)
	}
	c.notForgotten = c.forget(cfg.SecretVariables())
	return cfg, nil
}

// read is load for who wants it again, and the error as it is.
func (c *cli) read() (*config.Config, error) {
	return config.Load(c.configPath, c.configSet, c.environ)
}

func mistaken(err error) error {
	return usageError{fmt.Errorf("the configuration has mistakes:\n%w", err)}
}

// print writes v as JSON, or calls text, as --output says.
func (c *cli) print(v any, text func(w io.Writer)) error {
	if c.output == "json" {
		encoder := json.NewEncoder(c.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	}
	text(c.stdout)
	return nil
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			return c.print(map[string]string{"version": version}, func(w io.Writer) { fmt.Fprintln(w, "authly", version) })
		},
	}
}
