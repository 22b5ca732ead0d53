package config

import (
	"regexp"
	"strings"
)

// variableName is the name of a variable within ${}.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} by the variable's value and ${NAME:-default} by the value or, if that is empty or not set, by the
// default. $${ is a literal ${. What a variable holds is not expanded again. expanded says whether there was any variable;
// problem, if not empty, says what is wrong. In a secret, what only looks like a variable may be a part of it, so problem then
// names a variable only if the secret is nothing but that.
func expand(text string, secret bool, lookup func(string) (string, bool)) (result string, expanded bool, problem string) {
	var out strings.Builder
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "${")
		if literal, ok := strings.CutSuffix(before, "$"); ok && found {
			out.WriteString(literal + "${")
			rest = after
			continue
		}
		out.WriteString(before)
		if !found {
			return out.String(), expanded, ""
		}
		inside, behind, closed := strings.Cut(after, "}")
		name, fallback, hasFallback := strings.Cut(inside, ":-")
		if !closed || !variableName.MatchString(name) {
			return "", false, "holds ${ without a variable's name and }, expected ${NAME} or ${NAME:-default}; $${ is a plain ${"
		}
		value, set := lookup(name)
		switch {
		case hasFallback && value == "":
			value = fallback
		case !set && secret && text != "${"+inside+"}":
			return "", false, "names a variable that is not set, expected it to be, or a default as in ${NAME:-default}"
		case !set:
			return "", false, "the variable " + name + " is not set, expected it to be, or a default as in ${" + name + ":-default}"
		}
		out.WriteString(value)
		expanded = true
		rest = behind
	}
}
