package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

// table is the outcome of all measurements.
type table struct {
	Machine machine   `json:"machine"`
	Rows    []row     `json:"rows"`
	Reports []*report `json:"reports"`
	Passed  bool      `json:"passed"`
}

const allLong = `Every measurement, one after the other, at its defaults, and one table of all goals. It takes about half an hour on two
cores, and three gigabytes of disk for temporary files; with --quick less than a minute, and then the figures are worth nothing. Figures
are best when the machine does nothing else.`

func (c *cli) allCommand() *cobra.Command {
	var but []string
	cmd := &cobra.Command{
		Use: "all", Short: "Make every measurement and print one table", Long: allLong, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.all(cmd.Context(), but) },
	}
	cmd.Flags().StringSliceVar(&but, "but", nil, "measurements to leave out")
	return cmd
}

// all makes the measurements. One that fails is a row that says so, and the others go on.
func (c *cli) all(ctx context.Context, but []string) (err error) {
	for _, name := range but {
		if !slices.ContainsFunc(measurements(), func(m measurement) bool { return m.name == name }) {
			return usageError{fmt.Errorf("--but: there is no measurement %q", name)}
		}
	}
	t := table{Machine: newMachine()}
	program, err := newStage(c.binary, c.pace, c.stderr) // built once, for all
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, program.close()) }()
	if c.binary, err = program.program(ctx); err != nil {
		return err
	}
	if !c.pace.quick {
		fmt.Fprintln(c.stderr, "all of it takes about half an hour on two cores at the usual pace")
	}
	for _, m := range measurements() {
		if slices.Contains(but, m.name) {
			continue
		}
		if m.flags != nil {
			m.flags(new(cobra.Command)) // sets the defaults
		}
		fmt.Fprintf(c.stderr, "== %s\n", m.name)
		r, err := c.measure(ctx, m)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if err != nil {
			r = &report{Measurement: m.name, Rows: []row{missing(m.name, nil, failed, err.Error())}}
		}
		_ = printRows(c.stderr, r.table()) // for who waits
		t.Reports, t.Rows = append(t.Reports, r), append(t.Rows, r.table()...)
		t.Machine.Seconds += r.Machine.Seconds
	}
	t.Passed = (&report{Rows: t.Rows}).judge()
	if err := t.print(c.stdout, c.output == "json"); err != nil {
		return err
	}
	if !t.Passed {
		return errMissed
	}
	return nil
}

// table returns all goals as rows.
func (r *report) table() []row {
	var rows []row
	for _, g := range r.Goals {
		one := row{Name: r.Measurement + ": " + g.Name, Got: spreadOf([]float64{g.Got}), Unit: g.Unit, Bound: most(g.Goal)}
		one.judge()
		rows = append(rows, one)
	}
	return append(rows, r.Rows...)
}

func (t *table) print(w io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(t)
	}
	t.Machine.print(w)
	return printRows(w, t.Rows)
}
