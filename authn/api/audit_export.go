package api

import (
	"encoding/csv"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/descoped/authly/authn"
)

// The forms in which events are given out.
const (
	formatJSON   = "json"   // one page
	formatNDJSON = "ndjson" // all, one JSON object in a line
	formatCSV    = "csv"    // all (RFC 4180)
)

func formatOf(name string) (string, error) {
	switch name {
	case formatJSON, formatNDJSON, formatCSV:
		return name, nil
	}
	return "", authn.RefuseField("format", "Invalid field: format must be json, ndjson or csv")
}

// accepted returns the first form that the client names in Accept; one page of JSON if it names none.
func accepted(accept []string) string {
	for one := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, _, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		switch mediaType {
		case "application/x-ndjson", "application/jsonl":
			return formatNDJSON
		case "text/csv":
			return formatCSV
		case "application/json":
			return formatJSON
		}
	}
	return formatJSON
}

// export streams events as a file. What goes wrong before the first event is a problem like any other; what goes wrong after
// it breaks the answer off, so that a part is not taken for the whole.
func (c *call) export(format string, events iter.Seq2[authn.Event, error]) error {
	begun := false
	var out eventWriter
	for e, err := range events {
		switch {
		case err != nil && !begun:
			return err
		case err != nil:
			panic(http.ErrAbortHandler)
		case !begun:
			begun = true
			if out = c.beginExport(format); c.r.Method == http.MethodHead {
				return nil
			}
		}
		if out.write(e) != nil {
			return nil // the client has gone
		}
	}
	if !begun {
		out = c.beginExport(format)
	}
	_ = out.end()
	return nil
}

// beginExport writes the headers. The name of the file is made of a time alone: nothing that anybody sent is in it.
func (c *call) beginExport(format string) eventWriter {
	h := c.w.Header()
	name := "authly-audit-" + time.Now().UTC().Format("20060102T150405Z") + "." + format
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("X-Content-Type-Options", "nosniff")
	if format == formatCSV {
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		return newCSVEvents(c.w)
	}
	h.Set("Content-Type", "application/x-ndjson")
	return lineEvents{c.w}
}

// eventWriter writes events one after the other.
type eventWriter interface {
	write(authn.Event) error
	end() error
}

// lineEvents writes each event as a line of JSON.
type lineEvents struct{ w io.Writer }

func (l lineEvents) write(e authn.Event) error {
	line, err := marshal(showEvent(e))
	if err == nil {
		_, err = l.w.Write(append(line, '\n'))
	}
	return err
}

func (l lineEvents) end() error { return nil }

// csvEvents writes events as lines of a table.
type csvEvents struct{ w *csv.Writer }

func newCSVEvents(w io.Writer) csvEvents {
	c := csvEvents{csv.NewWriter(w)}
	_ = c.w.Write([]string{"id", "at", "kind", "outcome", "reason", "actor", "actor_id", "user_id", "session_id",
		"client_address", "country", "city", "user_agent", "request_id", "count", "details"}) // an error comes again with the next line
	return c
}

func (c csvEvents) write(e authn.Event) error {
	s := showEvent(e)
	details, err := marshal(s.Details)
	if err != nil {
		return err
	}
	row := []string{strconv.FormatInt(s.ID, 10), s.At.Format(time.RFC3339Nano), s.Kind, s.Outcome, s.Reason, s.Actor, s.ActorID,
		"", "", s.ClientAddress, s.Country, s.City, s.UserAgent, s.RequestID, strconv.Itoa(s.Count), string(details)}
	if s.UserID != nil {
		row[7] = s.UserID.String()
	}
	if s.SessionID != nil {
		row[8] = s.SessionID.String()
	}
	for i := range row {
		row[i] = defuse(row[i])
	}
	return c.w.Write(row)
}

func (c csvEvents) end() error {
	c.w.Flush()
	return c.w.Error()
}

// defuse puts an apostrophe before what a spreadsheet would take for a formula and run: whoever writes a user agent must not
// program the computer of who reads the trail. Where commas are decimal points, spreadsheets take each semicolon for the end of a
// cell, whatever quotes are around.
func defuse(cell string) string {
	var defused strings.Builder
	begins := true
	for _, c := range cell {
		if begins && strings.ContainsRune("=+-@\t\r\n", c) {
			defused.WriteByte('\'')
		}
		begins = strings.ContainsRune(";\t\r\n", c) || begins && strings.ContainsRune(` "`, c)
		defused.WriteRune(c)
	}
	return defused.String()
}
