package api

import (
	"io"
	"iter"
	"net/http"
)

// objectFile writes a JSON object member by member, so that a long one is never in memory as a whole. The first error stays: that the
// client has gone is nobody's.
type objectFile struct {
	w     io.Writer
	begun bool
	err   error
}

func (f *objectFile) write(text string) {
	if f.err == nil {
		_, f.err = io.WriteString(f.w, text)
	}
}

// value writes what can be marshalled; what cannot breaks the answer off.
func (f *objectFile) value(v any) {
	body, err := marshal(v)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	f.write(string(body))
}

// name begins a member.
func (f *objectFile) name(name string) {
	if f.begun {
		f.write(",\n")
	} else {
		f.write("{\n")
	}
	f.begun = true
	f.value(name)
	f.write(": ")
}

func (f *objectFile) member(name string, v any) {
	f.name(name)
	f.value(v)
}

// list writes a member that is a list, each element on its line. An error of what is listed breaks the answer off.
func list[T any](f *objectFile, name string, elements iter.Seq2[T, error], show func(T) any) {
	f.name(name)
	separator := "[\n"
	for one, err := range elements {
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		f.write(separator)
		f.value(show(one))
		if separator = ",\n"; f.err != nil {
			return
		}
	}
	if separator == "[\n" {
		f.write("[")
	}
	f.write("]")
}

// end closes the object.
func (f *objectFile) end() error {
	f.write("\n}\n")
	return nil
}
