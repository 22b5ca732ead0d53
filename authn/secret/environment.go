package secret

import (
	"context"
	"fmt"
)

// fileSuffix is what is put behind the name of a variable to name a file that holds the value.
const fileSuffix = "_FILE"

// Environment gives what variables hold: NAME, or the file that NAME_FILE names. Both at once is an error.
type Environment struct {
	variables map[string]string
	own       map[string]bool
	memory    *Memory
}

var _ Provider = (*Environment)(nil)

// NewEnvironment returns an Environment of the variables. own are the names that end in _FILE and are variables themselves, not
// the file of another.
func NewEnvironment(variables map[string]string, own map[string]bool, memory *Memory) *Environment {
	return &Environment{variables: variables, own: own, memory: memory}
}

// Source returns the variable that a secret comes from: NAME or NAME_FILE, and the file's path for the latter.
func (e *Environment) Source(name string) (variable, path string) {
	if path, ok := e.variables[name+fileSuffix]; ok && !e.own[name+fileSuffix] {
		return name + fileSuffix, path
	}
	return name, ""
}

// Secret returns what the variable or its file holds. A variable that is set to nothing is a secret that is empty.
func (e *Environment) Secret(_ context.Context, name string) (Bytes, bool, error) {
	value, given := e.variables[name]
	variable, path := e.Source(name)
	switch {
	case variable == name && given:
		return text(e.memory, value), true, nil
	case variable == name:
		return Bytes{}, false, nil
	case given:
		return Bytes{}, false, fmt.Errorf("is given beside %s, expected only one of them", name)
	}
	content, err := ReadFile(path)
	if err != nil {
		return Bytes{}, false, err
	}
	defer clear(content)
	return e.memory.Copy(withoutLineEnd(content)), true, nil
}
