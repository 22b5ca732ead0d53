package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/descoped/authly/authn/secret"
)

// unspeakable is the material that nothing may print.
const unspeakable = "Zw9~unspeakable+material:Zw9"

// shows reports whether a text holds the material in a form in which something could have printed it.
func shows(text string) bool {
	m := []byte(unspeakable)
	decimal := strings.Trim(fmt.Sprint(m), "[]")
	for _, form := range []string{
		unspeakable, unspeakable[4:12], hex.EncodeToString(m[4:12]), fmt.Sprintf("% x", m[4:12]),
		base64.StdEncoding.EncodeToString(m[:24]), decimal, strings.ReplaceAll(decimal, " ", ", "),
		strings.ReplaceAll(strings.TrimSuffix(fmt.Sprintf("%#v", m[4:12]), "}"), "[]byte{", ""),
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}

type outer struct {
	Shown  secret.Bytes
	hidden secret.Bytes
	Point  *secret.Bytes
	List   []secret.Bytes
	Named  map[string]secret.Bytes
	memory *secret.Memory
}

// carriers are values that hold the material.
func carriers(m *secret.Memory) map[string]any {
	b := m.Copy([]byte(unspeakable))
	o := outer{b, b, &b, []secret.Bytes{b}, map[string]secret.Bytes{"k": b}, m}
	all := map[string]any{
		"itself": b, "pointer": &b, "struct": o, "pointer to a struct": &o, "list": []any{b, o},
		"error": fmt.Errorf("with %v and %w", b, errors.Join(fmt.Errorf("%+v", o), errors.New("x"))),
	}
	if m != nil {
		all["memory"] = m
	}
	return all
}

func TestNothingPrints(t *testing.T) {
	if !shows(fmt.Sprint(struct{ b []byte }{[]byte(unspeakable)})) || !shows(fmt.Sprintf("%#v", []byte(unspeakable))) ||
		!shows(fmt.Sprintf("%x", unspeakable)) || !shows(fmt.Sprintf("%X", unspeakable)) || !shows("a "+unspeakable) {
		t.Fatal("the material would not be found")
	}
	memories(t, func(t *testing.T, m *secret.Memory) {
		for name, v := range carriers(m) {
			for _, verb := range strings.Split("v +v #v s q x X #x d o O b c U e g t p T w 10s -5.3v 08x", " ") {
				if text := fmt.Sprintf("%"+verb, v); shows(text) {
					t.Errorf("%s with %%%s: %s", name, verb, text)
				}
			}
			for how, text := range encodings(t, v) {
				if shows(text) {
					t.Errorf("%s as %s: %s", name, how, text)
				}
			}
			if path := find(reflect.ValueOf(v), 0); path != "" {
				t.Errorf("%s: who follows the values finds it: %s", name, path)
			}
		}
	})
}

// encodings are what encoders make of a value; an error is as good.
func encodings(t *testing.T, v any) map[string]string {
	t.Helper()
	out := map[string]string{}
	asJSON, err := json.Marshal(v)
	out["JSON"] = string(asJSON) + fmt.Sprint(err)
	asXML, err := xml.Marshal(v)
	out["XML"] = string(asXML) + fmt.Sprint(err)
	asYAML, err := yaml.Marshal(v)
	out["YAML"] = string(asYAML) + fmt.Sprint(err)
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(v)
	out["gob"] = b.String() + fmt.Sprint(err)
	b.Reset()
	err = template.Must(template.New("").Parse("{{.}} {{printf \"%x\" .}}")).Execute(&b, v)
	out["HTML"] = b.String() + fmt.Sprint(err)
	b.Reset()
	slog.New(slog.NewTextHandler(&b, nil)).Info("log", "v", v, slog.Any("w", v))
	slog.New(slog.NewJSONHandler(&b, nil)).Info("log", "v", v, slog.Group("g", "w", v))
	out["log"] = b.String()
	return out
}

// find follows a value wherever reflection can, also where no name is exported, and says where the material is.
func find(v reflect.Value, depth int) string {
	if !v.IsValid() || depth > 12 {
		return ""
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return find(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if found := find(v.Field(i), depth+1); found != "" {
				return v.Type().Field(i).Name + "." + found
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if found := find(v.MapIndex(key), depth+1) + find(key, depth+1); found != "" {
				return found
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if shows(string(v.Bytes())) {
				return "bytes"
			}
			return ""
		}
		fallthrough
	case reflect.Array:
		for i := range min(v.Len(), 10) {
			if found := find(v.Index(i), depth+1); found != "" {
				return found
			}
		}
	}
	return ""
}

func TestWhatIsPrinted(t *testing.T) {
	memories(t, func(t *testing.T, m *secret.Memory) {
		set, gone := m.Copy([]byte(unspeakable)), m.Copy([]byte("x"))
		gone.Release()
		got := fmt.Sprintf("%v|%s|%#v|%x|%v|%d", set, set, set, set, gone, secret.Bytes{})
		if want := "(set)|(set)|(set)|(set)|(released)|"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		asJSON, err := json.Marshal(map[string]any{"a": set, "b": gone, "c": secret.Bytes{}})
		if want := `{"a":"(set)","b":"(released)","c":""}`; err != nil || string(asJSON) != want {
			t.Errorf("got %s, %v", asJSON, err)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "key", set)
		if !strings.Contains(log.String(), "key=(set)") {
			t.Errorf("logged: %s", &log)
		}
	})
}

// panicVariable names the case of TestPanics that this test is when it is run by itself.
const panicVariable = "AUTHLY_TEST_PANIC"

// Whatever a program dies of, what it writes then has nothing of the material.
func TestPanics(t *testing.T) {
	if name := os.Getenv(panicVariable); name != "" {
		var m *secret.Memory
		if kind, rest, _ := strings.Cut(name, "/"); kind == "pages" {
			m, name = secret.NewMemory(nil), rest
		} else {
			name = rest
		}
		v := carriers(m)[name]
		if b, ok := v.(secret.Bytes); ok {
			_ = b.Use(func([]byte) error { panic(v) })
		}
		panic(v)
	}
	for kind, m := range map[string]*secret.Memory{"pages": secret.NewMemory(nil), "heap": nil} {
		defer m.Close()
		for name := range carriers(m) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestPanics$")
			cmd.Env = append(os.Environ(), panicVariable+"="+kind+"/"+name, "GOTRACEBACK=system")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "panic: ") || !strings.Contains(string(out), "goroutine ") {
				t.Errorf("%s: no panic: %v\n%s", name, err, out)
			}
			if shows(string(out)) {
				t.Errorf("%s: a panic shows it:\n%s", name, out)
			}
		}
	}
}
