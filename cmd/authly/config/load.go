package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	maxSize  = 1 << 20 // bytes of a configuration file
	maxDepth = 32      // of lists and mappings within each other
)

// Load reads the configuration file at path and lays the environment, in the form of os.Environ, over it.
//
// Every key that the file does not have keeps its default, but a file without routes has none: everything is denied. If there
// is no file and required is false, Defaults is what the environment is laid over, the built-in routes included.
//
// The error is of type Mistakes and holds everything that is wrong at once, or says why the file could not be read.
func Load(path string, required bool, environ []string) (*Config, error) {
	s, err := open(path, required, environ)
	if err != nil {
		return nil, err
	}
	return s.load()
}

// open reads the file.
func open(path string, required bool, environ []string) (*source, error) {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return newSource(path, nil, false, environ), nil
	}
	if err != nil {
		return nil, err
	}
	return newSource(path, data, true, environ), nil
}

// read returns what the file at path holds.
func read(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the configuration
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(data) > maxSize {
		return nil, Mistakes{{Place: Place{File: path}, Problem: fmt.Sprintf("is too long, expected at most %d bytes", maxSize)}}
	}
	return data, nil
}

// load is Load with the file already read. hasFile tells an empty file from none.
func load(path string, data []byte, hasFile bool, environ []string) (*Config, error) {
	return newSource(path, data, hasFile, environ).load()
}

// parse returns the root of the one document in data, or nil if there is none.
func parse(data []byte, file string) (*yaml.Node, Mistakes) {
	if m, ok := unreadable(data, file); ok {
		return nil, Mistakes{m}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, Mistakes{syntax(file, err)}
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, Mistakes{syntax(file, err)}
	case len(first.Content) == 0:
		return nil, nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil
	case err != nil:
		return nil, Mistakes{syntax(file, err)}
	}
	return nil, Mistakes{{
		Place:   Place{File: file, Line: max(1, second.Line), Column: max(1, second.Column)},
		Problem: "holds a second document, expected only one",
	}}
}

// syntax is the mistake that the YAML reader found. Where its words could hold a piece of the file, ours stand instead.
func syntax(file string, err error) Mistake {
	m := Mistake{Place: Place{File: file, Line: 1, Column: 1}, Problem: "is not good YAML"}
	found, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return m
	}
	if found.Mark.Line > 0 {
		m.Place.Line, m.Place.Column = found.Mark.Line, max(1, found.Mark.Column)
	}
	switch found.Stage {
	case yaml.ScannerStage, yaml.ParserStage:
		m.Problem += ": " + found.Message
		if found.ContextMsg != "" {
			m.Problem += " " + found.ContextMsg
			if found.ContextMark.Line > 0 {
				m.Problem += fmt.Sprintf(" that begins at line %d", found.ContextMark.Line)
			}
		}
		if strings.HasPrefix(found.Message, "found character that cannot start") {
			m.Problem += "; indent with spaces, and put a text that begins with a sign such as @ or % in quotes"
		}
	case yaml.ComposerStage:
		m.Problem += ": there is an alias without its anchor; put a text that begins with * in quotes"
	}
	return m
}

// unreadable finds the first byte that is no text, for which the YAML reader has no place.
func unreadable(data []byte, file string) (Mistake, bool) {
	line, column := 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		isText := r == '\n' || r == '\r' || r == '\t' || !unicode.IsControl(r)
		if !isText || r == utf8.RuneError && size == 1 {
			return Mistake{
				Place:   Place{File: file, Line: line, Column: column},
				Problem: "holds a control character or is not UTF-8, expected plain text",
			}, true
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[size:]
	}
	return Mistake{}, false
}
