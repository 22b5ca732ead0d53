package web

import (
	"go/ast"
	"regexp"
	"testing"

	"github.com/descoped/authly/authn"
)

// Every kind of event can be chosen, once.
func TestEveryKindHasAGroup(t *testing.T) {
	seen := map[authn.EventKind]int{}
	for _, g := range eventGroups() {
		for _, kind := range g.kinds {
			seen[kind]++
		}
	}
	for _, kind := range authn.EventKinds() {
		if seen[kind] != 1 {
			t.Errorf("%s stands in %d groups", kind, seen[kind])
		}
	}
	if len(seen) != len(authn.EventKinds()) {
		t.Errorf("%d kinds are offered, of %d", len(seen), len(authn.EventKinds()))
	}
}

// Whatever has a code in the trail has words in every language: kinds, reasons, who it was, and details.
func TestCodesHaveWords(t *testing.T) {
	typed := map[string]string{"EventKind": "audit.kind.", "Code": "audit.reason.", "ActorKind": "audit.actor.", "Detail": "audit.detail."}
	var names []string
	isCode := regexp.MustCompile(`^[a-z][a-z_0-9]*$`)
	eachLiteral(t, "..", func(_, text string, in ast.Node) {
		spec, ok := in.(*ast.ValueSpec)
		if !ok || !isCode.MatchString(text) {
			return
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && typed[kind.Name] != "" {
			names = append(names, typed[kind.Name]+text)
		}
	})
	if len(names) < 90 {
		t.Fatalf("found %d codes alone", len(names))
	}
	for _, reason := range []string{"risk", "mailed_token", "verified"} {
		names = append(names, "audit.reason."+reason)
	}
	for _, tag := range tags(t) {
		words := catalogue(t, tag)
		for _, name := range names {
			if words[name] == nil && name != "audit.actor.administrator" { // which is not kept
				t.Errorf("%s lacks %s", tag, name)
			}
		}
	}
}
