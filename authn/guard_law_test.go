package authn_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Passwords of users are compared in one place, behind everything that counts and refuses, and the only other one compares
// the secrets of registered programs. Whoever adds a third would open a way around the locks.
func TestPasswordsAreComparedInOnePlace(t *testing.T) {
	var places []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == "authly-bench" { // it measures what hashing costs, and knows nobody's password
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(function, func(n ast.Node) bool {
				if name := comparesPasswords(n); name != "" {
					places = append(places, filepath.ToSlash(path)+" "+function.Name.Name+" "+name)
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(places)
	want := []string{
		"../authn/clients.go compare Compare", "../authn/clients.go compare CompareUnknown",
		"../authn/guard.go compare Compare", "../authn/guard.go compare CompareUnknown",
		"../authn/password.go CompareUnknown Compare",
		"../authn/password_work.go Do compareHash", "../authn/password_work.go Do compareHash",
		"../authn/password_work.go compareHash compareArgon2id", "../authn/password_work.go compareHash compareBcrypt",
	}
	if !slices.Equal(places, want) {
		t.Errorf("passwords are compared by\n%s\nwant\n%s", strings.Join(places, "\n"), strings.Join(want, "\n"))
	}
}

// comparesPasswords returns the name of the function that looks at a password, if a node of a program is one.
func comparesPasswords(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		if name, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"compareHash", "compareBcrypt", "compareArgon2id"}, name.Name) {
			return name.Name
		}
	case *ast.SelectorExpr:
		if selectsComparison(n) {
			return n.Sel.Name
		}
	}
	return ""
}

func selectsComparison(selector *ast.SelectorExpr) bool {
	switch selector.Sel.Name {
	case "CompareUnknown", "CompareHashAndPassword":
		return true
	case "Compare":
	default:
		return false
	}
	of, _ := selector.X.(*ast.Ident)
	if field, ok := selector.X.(*ast.SelectorExpr); ok {
		of = field.Sel
	}
	return of == nil || of.Name == "p" || strings.Contains(strings.ToLower(of.Name), "password")
}
