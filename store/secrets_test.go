package store

import (
	"context"
	"database/sql"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/descoped/authly/store/storetest"
)

// A column that the list in secrets.go or in personal.go does not name is one about which nobody has thought, and one that is only there is
// a mistake.
func TestEveryColumnIsListed(t *testing.T) {
	t.Parallel()
	lists := map[string]map[string]int{"secrets.go": listedColumns(t, "secrets.go"), "personal.go": listedColumns(t, "personal.go")}
	for name, c := range map[string]struct{ url, statement string }{
		"sqlite": {"sqlite://" + t.TempDir() + "/authly.db", `SELECT s.name || '.' || c.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
			WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%'`},
		"postgres": {storetest.PostgresURL(t), `SELECT table_name || '.' || column_name FROM information_schema.columns
			WHERE table_schema = current_schema()`},
	} {
		t.Run(name, func(t *testing.T) {
			columns := columnsOf(t, c.url, c.statement)
			if len(columns) < 100 || !slices.Contains(columns, "users.password_hash") {
				t.Fatalf("the schema has only %d columns", len(columns))
			}
			for file, listed := range lists {
				used := map[string]bool{}
				for _, column := range columns {
					table, _, _ := strings.Cut(column, ".")
					n := listed[column] + listed[table+".*"]
					if n != 1 {
						t.Errorf("%s names %s %d times, want once", file, column, n)
					}
					used[column], used[table+".*"] = true, true
				}
				for name := range listed {
					if !used[name] {
						t.Errorf("%s names %s, which there is not", file, name)
					}
				}
			}
		})
	}
}

// listedColumns returns how often each column, or table.*, is named in the list of a file.
func listedColumns(t *testing.T, file string) map[string]int {
	t.Helper()
	listed := map[string]int{}
	for _, name := range columnNames(sourceOf(t, file)) {
		listed[name]++
	}
	if len(listed) < 50 {
		t.Fatalf("the list in %s has only %d names", file, len(listed))
	}
	return listed
}

func sourceOf(t *testing.T, file string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// columnNames returns what indented lines of comments name.
func columnNames(source string) (names []string) {
	for line := range strings.Lines(source) {
		if strings.HasPrefix(line, "//\t") {
			names = append(names, regexp.MustCompile(`\b[a-z_]+\.([a-z_]+|\*)`).FindAllString(line, -1)...)
		}
	}
	return names
}

// Nothing that secrets.go calls sealed or hashed is in the download of who it is about.
func TestNoSecretIsPersonal(t *testing.T) {
	t.Parallel()
	toldPart, _, _ := strings.Cut(sourceOf(t, "personal.go"), "\n// Not told")
	secretPart, _, _ := strings.Cut(sourceOf(t, "secrets.go"), "\n// Not secret")
	told, secret := columnNames(toldPart), columnNames(secretPart)
	if len(told) < 40 || len(secret) < 9 {
		t.Fatalf("only %d told and %d secret columns", len(told), len(secret))
	}
	for _, name := range secret {
		if slices.Contains(told, name) {
			t.Errorf("%s is a secret and told", name)
		}
	}
}

func columnsOf(t *testing.T, url, statement string) (columns []string) {
	t.Helper()
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.read(t.Context(), func(ctx context.Context, q querier) error {
		rows, err := q.QueryContext(ctx, statement)
		if err != nil {
			return err
		}
		columns, err = collect(rows, func(rows *sql.Rows) (name string, err error) { return name, rows.Scan(&name) })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return columns
}
