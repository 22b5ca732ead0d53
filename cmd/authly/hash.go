package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
			passwords, err := authn.NewPasswords(passwordsConfig(cfg, slog.New(slog.NewTextHandler(c.stderr, nil))))
			if err != nil {
				return err
			}
			password, err := c.readPassword(cmd.Context(), "Password")
			if err != nil {
				return err
			}
			prepared, err := passwords.Choose(cmd.Context(), authn.NewPassword{Field: "password", Typed: password})
			if err != nil {
				return err
			}
			hash, err := passwords.Hash(cmd.Context(), authn.Client{}, prepared)
			if err != nil {
				return err
			}
			return c.print(map[string]string{"hash": hash}, func(w io.Writer) { fmt.Fprintln(w, hash) })
		},
	}
}

// readPassword asks for a password twice without echo on a terminal, and reads one line where there is none. It ends with the
// context, and a terminal then has its echo again.
func (c *cli) readPassword(ctx context.Context, prompt string) (string, error) {
	read := c.readPasswordLine
	if file, isFile := c.stdin.(*os.File); isFile && c.isTerminal() {
		before, err := term.GetState(int(file.Fd()))
		if err != nil {
			return "", err
		}
		defer func() { _ = term.Restore(int(file.Fd()), before) }()
		read = func() (string, error) { return c.askPassword(int(file.Fd()), prompt) }
	}
	type answer struct {
		password string
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		password, err := read()
		answered <- answer{password, err}
	}()
	select {
	case a := <-answered:
		return a.password, a.err
	case <-ctx.Done():
		return "", errors.New("interrupted")
	}
}

// isTerminal reports whether a person types what is read.
func (c *cli) isTerminal() bool {
	file, isFile := c.stdin.(*os.File)
	return isFile && term.IsTerminal(int(file.Fd()))
}

func (c *cli) readPasswordLine() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(c.stdin, 64<<10)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.Join(errors.New("no password on standard input"), ignoreEOF(err))
	}
	return line, nil
}

// askPassword asks at the terminal of a file descriptor, and once more against slips.
func (c *cli) askPassword(terminal int, prompt string) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(c.stderr, prompt, ": ")
		typed, err := term.ReadPassword(terminal)
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
