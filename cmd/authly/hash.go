package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/descoped/authly/authn"
)

func (c *cli) hashCommand() *cobra.Command {
	return &cobra.Command{
		Use: "hash", Short: "Read a password without echo and print its hash, as the configuration says", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			passwords, err := authn.NewPasswords(passwordsConfig(cfg))
			if err != nil {
				return err
			}
			password, err := c.readPassword("Password")
			if err != nil {
				return err
			}
			prepared, err := passwords.Prepare("password", password)
			if err != nil {
				return err
			}
			hash, err := passwords.Hash(cmd.Context(), prepared)
			if err != nil {
				return err
			}
			return c.print(map[string]string{"hash": hash}, func(w io.Writer) { fmt.Fprintln(w, hash) })
		},
	}
}

// readPassword asks for a password twice without echo on a terminal, and reads one line where there is none.
func (c *cli) readPassword(prompt string) (string, error) {
	file, isFile := c.stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(c.stdin, 64<<10)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("no password on standard input"), ignoreEOF(err))
		}
		return line, nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(c.stderr, prompt, ": ")
		typed, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(c.stderr)
		return string(typed), err
	}
	password, err := ask(prompt)
	if err != nil {
		return "", err
	}
	again, err := ask("Again")
	switch {
	case err != nil:
		return "", err
	case again != password:
		return "", errors.New("the two passwords differ")
	}
	return password, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
