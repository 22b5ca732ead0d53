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

// A column that the list in secrets.go does not name is one about which nobody has thought, and one that is only there is a mistake.
func TestEveryColumnIsListed(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("secrets.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]int{}
	for line := range strings.Lines(string(source)) {
		if !strings.HasPrefix(line, "//\t") {
			continue
		}
		for _, name := range regexp.MustCompile(`\b[a-z_]+\.([a-z_]+|\*)`).FindAllString(line, -1) {
			listed[name]++
		}
	}
	if len(listed) < 50 {
		t.Fatalf("the list has only %d names", len(listed))
	}
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
			used := map[string]bool{}
			for _, column := range columns {
				table, _, _ := strings.Cut(column, ".")
				n := listed[column] + listed[table+".*"]
				if n != 1 {
					t.Errorf("secrets.go names %s %d times, want once", column, n)
				}
				used[column], used[table+".*"] = true, true
			}
			for name := range listed {
				if !used[name] {
					t.Errorf("secrets.go names %s, which there is not", name)
				}
			}
		})
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
