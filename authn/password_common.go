package authn

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the list
	"io"
	"slices"
	"strings"
)

// commonList is the list of common passwords of @zxcvbn-ts/language-common 4.1.3 (MIT, see commonpasswords.LICENSE), as far as
// they have at least eight characters: folded as foldPassword does it, sorted, one on a line, compressed.
//
//go:embed commonpasswords.txt.gz
var commonList []byte

// commonPasswords are the passwords that are tried first, sorted.
type commonPasswords []string

func readCommonPasswords() commonPasswords {
	unpacked, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic("the built-in list of passwords is damaged: " + err.Error()) // a test reads it
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		panic("the built-in list of passwords is damaged: " + err.Error())
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func (c commonPasswords) has(folded string) bool {
	_, found := slices.BinarySearch(c, folded)
	return found
}
