package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errNoObject is all that is said of what is not JSON: the words of the decoder could repeat a piece of a secret.
var errNoObject = errors.New(`names a file that holds no JSON object, expected one such as {"JWT_SECRET_KEY": "…"}`)

// readJSON reads an object whose members are secrets. A member that is there twice is an error: which of the two it is would be a
// guess.
func (f *Files) readJSON(content []byte, wanted func(string) bool) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errNoObject
	}
	for decoder.More() {
		token, err := decoder.Token()
		name, isText := token.(string)
		if err != nil || !isText {
			return errNoObject
		}
		line := 1 + bytes.Count(content[:decoder.InputOffset()], []byte("\n"))
		if err := f.readMember(decoder, name, wanted(name), line); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return errNoObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errNoObject
	}
	return nil
}

// readMember reads the value of a member that begins in a line. Its name is repeated only where it is one of ours: anything else
// may be a secret in the wrong place.
func (f *Files) readMember(decoder *json.Decoder, name string, wanted bool, line int) error {
	token, err := decoder.Token()
	value, isText := token.(string)
	_, twice := f.secrets[name]
	switch {
	case err != nil:
		return errNoObject
	case !wanted:
		return fmt.Errorf("names a file that holds, in line %d, a name that is no secret's, expected one such as JWT_SECRET_KEY", line)
	case twice:
		return fmt.Errorf("names a file that holds %s twice, again in line %d, expected it once", name, line)
	case !isText:
		return fmt.Errorf("names a file in which %s, in line %d, is no text, expected a secret in quotes", name, line)
	}
	f.secrets[name] = filed{value, f.path}
	return nil
}
