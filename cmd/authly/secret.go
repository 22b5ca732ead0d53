package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/descoped/authly/authn/secret"
	"github.com/descoped/authly/cmd/authly/config"
)

// longestValue is the most bytes of a value to seal, or of one that is sealed.
const longestValue = 64 << 10

// secretCommand makes secrets, and lets them stand in a configuration that others can read.
func (c *cli) secretCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "secret", Short: "Make a secret, or seal a value of the configuration", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(c.secretGenerateCommand(), c.secretSealCommand(), c.secretOpenCommand())
	return root
}

func (c *cli) secretGenerateCommand() *cobra.Command {
	var length int
	cmd := &cobra.Command{
		Use: "generate", Short: "Print a new secret: random bytes in base64", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if length < 32 || length > 1024 {
				return usageError{errors.New("--bytes must be from 32 to 1024")}
			}
			material := make([]byte, length)
			rand.Read(material) // never fails
			text := base64.StdEncoding.EncodeToString(material)
			return c.print(map[string]string{"secret": text}, func(w io.Writer) { fmt.Fprintln(w, text) })
		},
	}
	cmd.Flags().IntVar(&length, "bytes", 32, "how many; HS384 wants 48 and HS512 64")
	return cmd
}

func (c *cli) secretSealCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "seal", Short: "Read a value from standard input and print it sealed under the master key, for the configuration", Args: noArgs,
		Example: `  authly secret generate | authly secret seal --for tokens.secret_key`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			values, err := c.values(path)
			if err != nil {
				return err
			}
			value, err := c.readValue(cmd.Context())
			if err != nil {
				return err
			}
			defer clear(value)
			sealed := values.Seal(value, path)
			return c.print(map[string]string{"sealed": sealed}, func(w io.Writer) { fmt.Fprintln(w, sealed) })
		},
	}
	cmd.Flags().StringVar(&path, "for", "", "the only key that the value is good for, such as tokens.secret_key; none: any")
	return cmd
}

func (c *cli) secretOpenCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "open", Short: "Read a sealed value from standard input and print what was sealed", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			values, err := c.values(path)
			if err != nil {
				return err
			}
			sealed, err := c.readValue(cmd.Context())
			if err != nil {
				return err
			}
			value, err := values.Open(string(sealed), path)
			if err != nil {
				return fmt.Errorf("what stands on standard input %w", err)
			}
			defer clear(value)
			return c.print(map[string]string{"value": string(value)}, func(w io.Writer) { fmt.Fprintf(w, "%s\n", value) })
		},
	}
	cmd.Flags().StringVar(&path, "for", "", "the key that it was sealed for, if it was for one")
	return cmd
}

// values returns what seals under the configured master key, whatever else is wrong with the configuration: that may wait for what
// is to be sealed.
func (c *cli) values(path string) (*secret.Values, error) {
	if err := checkPath(path); err != nil {
		return nil, usageError{err}
	}
	values, err := config.Values(c.configPath, c.configSet, c.environ)
	switch {
	case err != nil:
		return nil, mistaken(err)
	case values == nil:
		return nil, usageError{errors.New("there is no master key to seal with: set AUTHLY_MASTER_KEY, or keys.master_key")}
	}
	return values, nil
}

// checkPath refuses what could never be opened.
func checkPath(path string) error {
	known, near := config.IsKey(path)
	switch {
	case path == "" || known && path != config.MasterKeyPath:
		return nil
	case known:
		return errors.New("--for " + path + ": the master key is what sealed values are opened with, and cannot be sealed itself")
	case near != "":
		return errors.New("--for: no such key of the configuration; did you mean " + near + "?")
	}
	return errors.New("--for: no such key of the configuration, expected one such as tokens.secret_key")
}

// readValue reads a value from standard input: of a pipe all, without one line end behind it; at a terminal a line, unseen.
func (c *cli) readValue(ctx context.Context) ([]byte, error) {
	if c.isTerminal() {
		typed, err := c.readPassword(ctx, "Value")
		return []byte(typed), err
	}
	value, err := io.ReadAll(io.LimitReader(c.stdin, longestValue+1))
	if err != nil {
		return nil, err
	}
	value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	switch {
	case len(value) == 0:
		return nil, errors.New("no value on standard input")
	case len(value) > longestValue:
		return nil, fmt.Errorf("the value on standard input is too long, expected at most %d bytes", longestValue)
	}
	return value, nil
}
