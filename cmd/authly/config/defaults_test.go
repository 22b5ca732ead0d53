package config

import (
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// distributed is the configuration file that comes with Authly.
const distributed = "../../../config.yaml"

// differ compares what two configurations say, whatever they were read from.
func differ(want, got *Config) string {
	return cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty())
}

// The file that people start from says what the program does without it.
func TestDistributedFileIsTheDefault(t *testing.T) {
	got, err := Load(distributed, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := differ(Defaults(), got); diff != "" {
		t.Errorf("config.yaml differs from the built-in defaults (-built-in +file):\n%s", diff)
	}
}

// Every key stands in the file, with its value or within the commented example.
func TestDistributedFileHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(distributed)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	uncommented := regexp.MustCompile(`^(  )?#( {1,})`)
	all := allKeys(reflect.TypeFor[Config](), "")
	if len(all) < 90 {
		t.Fatalf("the schema has only %d keys", len(all))
	}
	commons := namesOf(reflect.TypeFor[SecurityHeaders]())
	for _, path := range all {
		name := path[strings.LastIndex(path, ".")+1:]
		inRoute := strings.HasPrefix(path, "routes.") || strings.HasPrefix(path, "clients.") || strings.HasPrefix(path, "secrets.static.") || strings.HasPrefix(path, "pages.links.")
		if strings.HasPrefix(path, "routes.headers.") {
			if !strings.Contains(strings.Join(commons, " "), name) {
				t.Errorf("%s is no common key", path)
			}
			continue // explained once, above
		}
		word := regexp.MustCompile(`(^|[\s{,-])` + name + `:`)
		found := false
		for _, line := range lines {
			isComment := strings.HasPrefix(strings.TrimSpace(line), "#")
			inExample := uncommented.MatchString(line)
			if word.MatchString(line) && (!isComment || inRoute && inExample) {
				found = true
			}
		}
		if !found {
			t.Errorf("config.yaml does not have %s", path)
		}
	}
}

// The example in the comments works when somebody takes the comment signs away.
func TestDistributedExampleIsGood(t *testing.T) {
	data, err := os.ReadFile(distributed)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	begin := strings.Index(text, "  # - name: app")
	if begin < 0 {
		t.Fatal("there is no example")
	}
	example := "routes:\n" + strings.ReplaceAll("\n"+text[begin:], "\n  # ", "\n")
	c, err := load("example.yaml", []byte(example), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Routes) != 1 || len(c.Routes[0].Upstream) != 2 || c.Routes[0].HealthCheck == nil ||
		c.Routes[0].Headers.FrameOptions != "SAMEORIGIN" || c.Routes[0].Headers.ContentTypeOptions != "nosniff" {
		t.Errorf("the example was read as %+v", c.Routes)
	}
}

// Without a file the built-in routes stand; with one that has none, nothing is let in.
func TestRoutesBelongToTheFile(t *testing.T) {
	missing := t.TempDir() + "/config.yaml"
	c, err := Load(missing, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := differ(Defaults(), c); diff != "" {
		t.Errorf("no file (-defaults +loaded):\n%s", diff)
	}
	if _, err := Load(missing, true, nil); err == nil {
		t.Error("a file that was asked for is missing, and nothing is said")
	}
	for _, content := range []string{"", "# nothing yet\n", "---\n", "{}", "log: {level: warn}\n"} {
		if err := os.WriteFile(missing, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(missing, true, nil)
		if content == "---\n" {
			if err == nil {
				t.Error("a document that is null was taken")
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		if len(c.Routes) != 0 {
			t.Errorf("%q: has routes %v", content, c.Routes)
		}
		if c.Server.Address != ":8080" || c.Tokens.AccessTTL == 0 {
			t.Errorf("%q: other keys have lost their defaults", content)
		}
	}
}
