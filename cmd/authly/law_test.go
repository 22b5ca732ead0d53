package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/descoped/authly"

// rooms are the folders that hold Go files, each with the rooms that it may know. Everything else is forbidden: a new folder
// and a new arrow are written here first.
func rooms() map[string][]string {
	edge := []string{"authn", "headers"}
	return map[string][]string{
		"authn":                    nil,
		"authn/secret":             {"authn"},
		"authn/secret/hsm":         {"authn", "authn/secret"}, // the one room that knows a library of C
		"authn/secret/hsm/hsmtest": nil,
		"authn/api":                edge,
		"authn/web":                edge,
		"authn/web/browsertest":    nil,
		"authn/hasher":             {"authn"},
		"authn/breach":             nil,
		"authn/geo":                {"authn"}, // reads the file that says where addresses are: authn knows no formats of files
		"authn/geo/geotest":        nil,
		"authn/mail":               {"authn"}, // sending is a matter of its own: the mind has no words, templates and mail servers
		"authn/mail/mailtest":      nil,
		"headers":                  {"authn"},
		"proxy":                    edge,
		"store":                    {"authn"},
		"store/limit":              {"authn"},
		"store/fill":               {"authn"},
		"store/pgserver":           nil,
		"store/storetest":          {"authn", "store/pgserver"},
		"cmd/authly/config":        {"authn", "authn/secret", "headers"},
		"cmd/authly": {
			"authn", "authn/api", "authn/breach", "authn/geo", "authn/hasher", "authn/mail", "authn/secret", "authn/secret/hsm", "authn/web", "cmd/authly/config",
			"headers", "proxy", "store", "store/limit",
		},
		"cmd/authly-bench": {"store/fill", "store/pgserver"}, // it measures the program from outside, on full databases
		"examples":         nil,                              // tests only

		"examples/assertion/go": nil, // an application that knows Authly by its header alone
	}
}

// restricted are imports from outside that only some rooms may have, by the beginning of their path.
func restricted() map[string][]string {
	all := slices.Collect(maps.Keys(rooms()))
	but := func(names ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(room string) bool { return slices.Contains(names, room) })
	}
	disk := []string{"store", "store/fill", "store/storetest", "store/pgserver"}
	testing := []string{"store/storetest", "authn/geo/geotest", "authn/mail/mailtest", "authn/secret/hsm/hsmtest", "authn/web/browsertest"}
	return map[string][]string{
		"net/http": but("authn", "authn/mail", "authn/mail/mailtest", "store", "store/fill", "store/pgserver"),

		"database/sql":                disk,
		"github.com/jackc/pgx":        disk,
		"modernc.org/sqlite":          disk,
		"github.com/pressly/goose":    disk,
		"github.com/mattn/go-sqlite3": disk,
		"github.com/ncruces":          disk,
		"github.com/lib/pq":           disk,

		"github.com/redis":    {"store/limit"},
		"github.com/go-redis": {"store/limit"},

		"github.com/oschwald":         {"authn/geo"},
		"github.com/maxmind":          testing,
		"github.com/wneessen/go-mail": {"authn/mail"},
		"net/smtp":                    {},

		"github.com/ThalesGroup/crypto11": {"authn/secret/hsm"},
		"github.com/miekg/pkcs11":         {"authn/secret/hsm"},
		"C":                               {},

		"github.com/go-jose":            {"authn"},
		"github.com/MicahParks/keyfunc": {"examples/assertion/go"},

		"testing":                         testing,
		"net/http/httptest":               testing,
		"github.com/google/go-cmp":        testing,
		"github.com/getkin/kin-openapi":   testing,
		"github.com/rogpeppe/go-internal": testing,
		"google.golang.org/grpc":          testing,
		"google.golang.org/protobuf":      testing,
		"github.com/coder/websocket":      testing,
		"golang.org/x/oauth2":             testing,
		"github.com/Shopify/toxiproxy":    testing,
		"pgregory.net/rapid":              testing,
		"go.uber.org/goleak":              testing,
		"github.com/chromedp":             testing,
		"github.com/stretchr/testify":     testing,
		"github.com/emersion/go-smtp":     testing,
		"github.com/emersion/go-sasl":     testing,
	}
}

// goFile is what the law asks of a file.
type goFile struct {
	path     string // below the root, with slashes
	packages string // the name in its package clause
	imports  []string
	hasInit  bool
}

func (f goFile) room() string { return path.Dir(f.path) }

// isOutside reports whether the file is a test of its package from outside. Such a test may import what it likes: it uses
// the real thing instead of a substitute.
func (f goFile) isOutside() bool { return f.isTest() && strings.HasSuffix(f.packages, "_test") }

func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// breaches says what the file does that it may not.
func (f goFile) breaches() []string {
	var found []string
	breach := func(format string, args ...any) {
		found = append(found, f.path+": "+fmt.Sprintf(format, args...))
	}
	known, isRoom := rooms()[f.room()]
	if !isRoom {
		breach("%s is no room of the design", f.room())
	}
	for _, vague := range []string{"util", "utils", "common", "helper", "helpers", "service", "services", "model", "models", "misc"} {
		if strings.TrimSuffix(f.packages, "_test") == vague || slices.Contains(strings.Split(f.room(), "/"), vague) {
			breach("%s says nothing about what is in it", vague)
		}
	}
	if f.hasInit {
		breach("has a func init")
	}
	if f.room() == "examples" && !f.isTest() {
		breach("examples holds tests only")
	}
	if f.isOutside() {
		return found
	}
	for _, imported := range f.imports {
		if imported == module || strings.HasPrefix(imported, module+"/") {
			if to := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/"); !slices.Contains(known, to) &&
				!(f.isTest() && to == "store/storetest") { // what tests are made with
				breach("%s may not import %s", f.room(), to)
			}
			continue
		}
		for outside, allowed := range restricted() {
			if f.isTest() && slices.Contains(allowed, "store/storetest") && !slices.Contains(allowed, "store") {
				continue // what tests are made with
			}
			if isBelow(imported, outside) && !slices.Contains(allowed, f.room()) {
				breach("%s may not import %s", f.room(), imported)
			}
		}
	}
	return found
}

// isBelow reports whether an import path is prefix or below it; a prefix may also end within a name.
func isBelow(imported, prefix string) bool {
	rest, ok := strings.CutPrefix(imported, prefix)
	return ok && (rest == "" || rest[0] == '/' || strings.Contains(prefix, "."))
}

// readGo parses a Go file.
func readGo(root, name string) (goFile, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.SkipObjectResolution)
	if err != nil {
		return goFile{}, err
	}
	f := goFile{path: filepath.ToSlash(name), packages: parsed.Name.Name}
	for _, i := range parsed.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return goFile{}, err
		}
		f.imports = append(f.imports, imported)
	}
	for _, d := range parsed.Decls {
		if function, ok := d.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
			f.hasInit = true
		}
	}
	return f, nil
}

// goFiles are all of the tree, of every build tag.
func goFiles(t *testing.T, root string) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		below, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := readGo(root, below)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// moduleRoot is the folder of go.mod.
func moduleRoot(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			t.Fatal("no go.mod above the tests")
		}
		folder = filepath.Dir(folder)
	}
}

// The files are parsed here and not asked of a tool, so that the test cache, which knows what files a test has opened, runs
// the test again whenever one changes.
func TestLawOfImports(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range goFiles(t, moduleRoot(t)) {
		seen[f.room()] = true
		for _, breach := range f.breaches() {
			t.Error(breach)
		}
	}
	for _, room := range []string{"authn", "authn/api", "authn/mail", "authn/web", "headers", "proxy", "store", "store/fill", "store/pgserver", "cmd/authly", "cmd/authly-bench",
		"cmd/authly/config", "examples"} {
		if !seen[room] {
			t.Errorf("no file of %s was looked at", room)
		}
	}
}

// The law is no law unless it finds who breaks it.
func TestLawFindsBreaches(t *testing.T) {
	ours := func(room string) string { return module + "/" + room }
	for _, tt := range []struct {
		file, packages, imported string
		lawful                   bool
	}{
		{"authn/gate.go", "authn", ours("headers"), false},
		{"authn/gate.go", "authn", ours("store"), false},
		{"authn/gate.go", "authn", ours("authn/api"), false},
		{"authn/gate.go", "authn", ours("authn/secret"), false},
		{"authn/gate.go", "authn", ours("proxy"), false},
		{"authn/gate.go", "authn", ours("cmd/authly/config"), false},
		{"authn/gate.go", "authn", "net/http", false},
		{"authn/gate.go", "authn", "net/http/httputil", false},
		{"authn/gate.go", "authn", "net/netip", true},
		{"authn/gate.go", "authn", "database/sql", false},
		{"authn/gate.go", "authn", "database/sql/driver", false},
		{"authn/gate.go", "authn", "github.com/jackc/pgx/v5", false},
		{"authn/gate.go", "authn", "modernc.org/sqlite", false},
		{"authn/gate.go", "authn", "golang.org/x/crypto/bcrypt", true},
		{"authn/gate.go", "authn", ours("authn/hasher"), false},
		{"authn/gate.go", "authn", ours("authn/breach"), false},
		{"authn/hasher/hasher.go", "hasher", ours("authn"), true},
		{"authn/hasher/hasher.go", "hasher", ours("store"), false},
		{"authn/breach/breach.go", "breach", "net/http", true},
		{"authn/breach/breach.go", "breach", ours("authn"), false},
		{"authn/export_test.go", "authn", ours("store"), false},
		{"authn/gate_test.go", "authn_test", ours("store"), true},
		{"authn/api/api.go", "api", ours("authn"), true},
		{"authn/api/api.go", "api", ours("headers"), true},
		{"authn/api/api.go", "api", ours("store"), false},
		{"authn/api/api.go", "api", ours("proxy"), false},
		{"authn/api/api.go", "api", ours("authn/web"), false},
		{"authn/api/api.go", "api", "database/sql", false},
		{"authn/gate.go", "authn", ours("authn/mail"), false},
		{"authn/outbox.go", "authn", "github.com/wneessen/go-mail", false},
		{"authn/mail/relay.go", "mail", "github.com/wneessen/go-mail", true},
		{"authn/mail/relay.go", "mail", "net/smtp", false},
		{"authn/mail/relay.go", "mail", "net/http", false},
		{"authn/mail/relay.go", "mail", ours("headers"), false},
		{"authn/mail/relay.go", "mail", ours("store"), false},
		{"cmd/authly/main.go", "main", ours("authn/mail"), true},
		{"authn/web/web.go", "web", ours("authn/mail"), false},
		{"authn/web/web.go", "web", ours("store"), false},
		{"authn/web/web.go", "web", ours("authn/web/browsertest"), false},
		{"authn/web/web.go", "web", "github.com/chromedp/chromedp", false},
		{"authn/web/browsertest/tab.go", "browsertest", "github.com/chromedp/chromedp", true},
		{"authn/web/web.go", "web", ours("authn/api"), false},
		{"headers/trust.go", "headers", ours("authn"), true},
		{"headers/trust.go", "headers", ours("proxy"), false},
		{"headers/trust.go", "headers", ours("store"), false},
		{"proxy/door.go", "proxy", ours("headers"), true},
		{"proxy/door.go", "proxy", ours("store"), false},
		{"proxy/door.go", "proxy", ours("authn/api"), false},
		{"proxy/door.go", "proxy", "github.com/coder/websocket", false},
		{"proxy/stream_test.go", "proxy", "github.com/coder/websocket", true},
		{"store/store.go", "store", ours("authn"), true},
		{"store/store.go", "store", "database/sql", true},
		{"store/store.go", "store", ours("headers"), false},
		{"store/store.go", "store", ours("store/storetest"), false},
		{"store/store.go", "store", "net/http", false},
		{"store/store.go", "store", "testing", false},
		{"store/store.go", "store", "testing/fstest", false},
		{"store/storetest/suite.go", "storetest", "testing", true},
		{"store/storetest/suite.go", "storetest", "github.com/google/go-cmp/cmp", true},
		{"store/storetest/suite.go", "storetest", ours("store"), false},
		{"store/storetest/postgres.go", "storetest", ours("store/pgserver"), true},
		{"store/pgserver/server.go", "pgserver", "github.com/jackc/pgx/v5", true},
		{"store/pgserver/server.go", "pgserver", "testing", false},
		{"store/fill/fill.go", "fill", "modernc.org/sqlite", true},
		{"store/fill/fill.go", "fill", ours("authn"), true},
		{"store/fill/fill.go", "fill", ours("store"), false},
		{"store/store.go", "store", ours("store/fill"), false},
		{"store/store.go", "store", "github.com/redis/go-redis/v9", false},
		{"store/limit/server.go", "limit", "github.com/redis/go-redis/v9", true},
		{"store/limit/server.go", "limit", "github.com/go-redis/redis_rate/v10", true},
		{"store/limit/server.go", "limit", ours("authn"), true},
		{"store/limit/server.go", "limit", ours("store"), false},
		{"authn/limits.go", "authn", "github.com/redis/go-redis/v9", false},
		{"authn/limits.go", "authn", ours("store/limit"), false},
		{"cmd/authly/main.go", "main", ours("store/fill"), false},
		{"store/pgserver/server.go", "pgserver", ours("store"), false},
		{"store/store.go", "store", ours("store/pgserver"), false},
		{"cmd/authly/main.go", "main", ours("store/pgserver"), false},
		{"cmd/authly/durability_test.go", "main_test", ours("store/pgserver"), true},
		{"cmd/authly-bench/main.go", "main", ours("store/pgserver"), true},
		{"cmd/authly-bench/main.go", "main", ours("store/fill"), true},
		{"cmd/authly-bench/main.go", "main", ours("authn"), false},
		{"cmd/authly-bench/main.go", "main", ours("store"), false},
		{"cmd/authly-bench/main.go", "main", ours("store/storetest"), false},
		{"cmd/authly-bench/main.go", "main", "github.com/jackc/pgx/v5", false},
		{"cmd/authly/main.go", "main", ours("store"), true},
		{"cmd/authly/main.go", "main", ours("store/storetest"), false},
		{"cmd/authly/main.go", "main", "github.com/google/go-cmp/cmp", false},
		{"cmd/authly/main.go", "main", "golang.org/x/oauth2", false},
		{"cmd/authly/main.go", "main", "google.golang.org/grpc/codes", false},
		{"cmd/authly/main.go", "main", "database/sql", false},
		{"cmd/authly/config/load.go", "config", ours("store"), false},
		{"cmd/authly/config/load.go", "config", module, false},
		{"authn/util/text.go", "util", "strings", false},
		{"common/text_test.go", "common_test", "strings", false},
		{"cache/cache.go", "cache", "strings", false},
		{"examples/run.go", "examples", "strings", false},
		{"examples/run_test.go", "examples_test", "strings", true},
		{"examples/assertion/go/main.go", "main", "net/http", true},
		{"examples/assertion/go/main.go", "main", ours("authn"), false},
		{"authn/seal.go", "authn", "github.com/go-jose/go-jose/v4", true},
		{"authn/secret/hsm/line.go", "hsm", "github.com/ThalesGroup/crypto11", true},
		{"authn/secret/hsm/line.go", "hsm", "C", false},
		{"authn/secret/sealer.go", "secret", "github.com/ThalesGroup/crypto11", false},
		{"authn/hsm.go", "authn", "github.com/miekg/pkcs11", false},
		{"authn/secret/sealer.go", "secret", ours("authn/secret/hsm"), false},
		{"authn/geo/database.go", "geo", "github.com/oschwald/maxminddb-golang/v2", true},
		{"authn/place.go", "authn", "github.com/oschwald/maxminddb-golang/v2", false},
		{"authn/place.go", "authn", ours("authn/geo"), false},
		{"proxy/assertion.go", "proxy", "github.com/go-jose/go-jose/v4", false},
		{"main.go", "main", "strings", false},
	} {
		breaches := goFile{path: tt.file, packages: tt.packages, imports: []string{tt.imported}}.breaches()
		if lawful := len(breaches) == 0; lawful != tt.lawful {
			t.Errorf("%s with %s: breaches %q, want lawful %v", tt.file, tt.imported, breaches, tt.lawful)
		}
	}
	if (goFile{path: "proxy/door.go", packages: "proxy", hasInit: true}).breaches() == nil {
		t.Error("a func init is not found")
	}
}

// A file is read as it is written: the breaches above are about what the parser delivers.
func TestLawReadsFiles(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "authn", "testdata"), 0o700); err != nil {
		t.Fatal(err)
	}
	source := "//go:build hsm\n\npackage authn\n\nimport (\n\t_ \"net/http\"\n\tdisk `" + module + "/store`\n)\n\nfunc init() { disk.Open() }\n"
	for _, name := range []string{"authn/hsm.go", "authn/testdata/no.go"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := goFiles(t, root)
	if len(files) != 1 || len(files[0].breaches()) != 3 {
		t.Errorf("read %+v with breaches %q, want one file with three", files, files[0].breaches())
	}
}
