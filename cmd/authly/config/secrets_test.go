package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// marked is a secret that is found wherever it is shown. It is long enough that nobody warns of it.
const marked = "hunter2hunter2hunter2hunter2hunter2hunter2"

// Whatever is wrong with a secret or beside it, no message repeats it or a piece of it.
func TestMistakesHideSecrets(t *testing.T) {
	for _, file := range []string{
		"tokens: {secret_key: [" + marked + "]}",
		"tokens: {secret_key: {" + marked + ": x}}",
		"tokens: {" + marked + "'" + marked + ": x}",
		"tokens:\n  secret_key: " + marked + ": " + marked + "\n",
		"tokens:\n  secret_key: *" + marked + "\n",
		"tokens:\n  secret_key: &" + marked + " " + marked + "\n",
		"tokens:\n  secret_key: !" + marked + " " + marked + "\n",
		"tokens:\n  secret_key: @" + marked + "\n",
		"tokens:\n  secret_key: \"" + marked + "\n",
		"tokens:\n  secret_key: \"" + marked + "\\q\"\n",
		"tokens:\n  secret_key: " + marked + "\n " + marked + ": x\n",
		"tokens:\n  secret_key: a${" + marked + "}\n",
		"tokens:\n  secret_key: ${" + marked + "\n",
		"tokens:\n  secret_key: ${" + marked + " }\n",
		"tokens:\n  secret_key: " + marked + "\n  secret_key: " + marked + "\n",
		"tokens:\n  secret_key: " + marked + "\n  audience: " + "\"\"\n",
		"limits: {backend: \"redis://:" + marked + "@h:x\"}",
		"limits: {backend: \"redis://:" + marked + "@h/first\"}",
		"limits: {backend: \"//:" + marked + "%zz@h\"}",
		"store:\n  url: mysql://u:" + marked + "@h/d\n",
		"store:\n  url: \"//u:" + marked + "%zz@h/d\"\n",
		"store:\n  url: \"postgres://u:" + marked + "\\u0001@h/d\"\n",
		"server:\n  public_url: https://u:" + marked + "@h\n",
		"server:\n  address: " + marked + "\n",
		"server: " + marked + "\n",
		marked + "\n",
		"routes: [{name: a, paths: [/*], allow: public, upstream: \"http://u:" + marked + "@h\"}]\n",
		"routes: [{name: a, paths: [/*], allow: " + marked + "}]\n",
		"keys: {master_key: [" + marked + "]}\n",
		"keys: {master_key: " + marked[:20] + "}\n",
		"keys: {pkcs11: {pin: " + marked + "}}\n",
		"keys: {pkcs11: {module: /lib.so, token_label: " + marked + "}}\n",
		"log: {level: " + marked + "}\n",
		"mail: {url: \"smtp://u:" + marked + "@h/x\", from: a@example.com}\n",
		"mail: {url: \"mailto:" + marked + "\"}\n",
		"mail: {url: \"smtp://u:" + marked + "%zz@h\"}\n",
		"passwords: {bcrypt_cost: " + marked + ", min_length: \"" + marked + "\"}\n",
	} {
		_, err := load("config.yaml", []byte(file), true, nil)
		if err == nil {
			t.Errorf("nothing is wrong with %q", file)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the message shows the secret: %v", file, err)
		}
	}
	for _, variable := range []string{
		"AUTHLY_TOKENS_SECRET_KEY_FILE=" + marked, "AUTHLY_TOKENS=" + marked, "AUTHLY_TOKENS={secret_key: [" + marked + "]}",
		"AUTHLY_TOKENS={secret_key: *" + marked + "}", "DATABASE_URL=mysql://u:" + marked + "@h", "AUTHLY_STORE_URL=" + marked,
		"ACCESS_TOKEN_EXPIRE_MINUTES=" + marked, "JWT_ALGORITHM=" + marked,
	} {
		_, err := load("config.yaml", nil, true, []string{variable})
		if err == nil {
			t.Errorf("nothing is wrong with %q", variable)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the message shows the secret: %v", variable, err)
		}
	}
}

// A configuration can be printed in every way without showing what is secret, and shows what is not.
func TestConfigurationHidesSecrets(t *testing.T) {
	c, err := load("config.yaml", nil, true, []string{
		"JWT_SECRET_KEY=" + marked, "JWT_REFRESH_SECRET_KEY=" + marked + "2", "AUTHLY_MASTER_KEY=" + marked + "3",
		"JWT_SECRET_KEY_PREVIOUS=" + marked + "4", "JWT_REFRESH_SECRET_KEY_PREVIOUS=" + marked + "5", "AUTHLY_MASTER_KEY_PREVIOUS=" + marked + "6",
		"AUTHLY_KEYS_PKCS11_PIN=" + marked + "7", "AUTHLY_KEYS_PKCS11_MODULE=/lib.so", "AUTHLY_KEYS_PKCS11_TOKEN_LABEL=authly", "JWT_ALGORITHM=ES256",
		"AUTHLY_LIMITS_BACKEND=rediss://ben:" + marked + "@cache:6379/1",
		"DATABASE_URL=postgresql://ann:" + marked + "@db:5432/authly?sslmode=require&sslpassword=" + marked + "&PASSWORD=" + marked,
		"AUTHLY_MAIL_URL=smtp://ann:" + marked + "@mail.example.com:587", "AUTHLY_MAIL_FROM=a@example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Tokens.SecretKey) != marked || !strings.Contains(c.Store.URL, marked) || !strings.Contains(c.Mail.URL, marked) {
		t.Fatal("the secrets are not there at all")
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "secret", c.Tokens.SecretKey, "store", c.Store, "mail", c.Mail, "config", c,
		"tokens", c.Tokens, "limits", c.Limits.Backend)
	for name, text := range map[string]string{
		"WriteYAML": c.String(),
		"JSON":      string(encoded),
		"log":       logged.String(),
		"%v":        fmt.Sprintf("%v", c),
		"%+v":       fmt.Sprintf("%+v", *c),
		"%#v":       fmt.Sprintf("%#v", *c),
		"redacted":  fmt.Sprintf("%+v", *c.Redacted()) + c.Redacted().Store.URL + c.Redacted().Mail.URL,
		"warnings":  fmt.Sprint(c.Warnings()),
	} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s shows a secret: %s", name, text)
		}
		if name != "warnings" && !strings.Contains(text, "ben@cache:6379") {
			t.Errorf("%s does not show the limits' backend: %s", name, text)
		}
		if name != "warnings" && (!strings.Contains(text, hidden) || !strings.Contains(text, "ann@db:5432") || !strings.Contains(text, "ann@mail.example.com:587")) {
			t.Errorf("%s does not show what is there: %s", name, text)
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"sqlite://authly.db", "sqlite://authly.db"},
		{"log:", "log:"},
		{"smtps://u:p@h:465", "smtps://u@h:465"},
		{"smtp:u:p@h", "smtp://(hidden)"},
		{"postgres://h/d", "postgres://h/d"},
		{"postgres://u@h/d?sslmode=disable", "postgres://u@h/d?sslmode=disable"},
		{"postgres://u:p@h/d", "postgres://u@h/d"},
		{"postgresql+asyncpg://u:p%40@h/d", "postgresql+asyncpg://u@h/d"},
		{"postgres:///d?host=/run&user=u&password=p&a=b", "postgres:///d?host=/run&user=u&password=hidden&a=b"},
		{"postgres:///d?pass%77ord=p", "postgres:///d?pass%77ord=hidden"},
		{"postgres:///d?sslPassword=p;a=b", "postgres:///d?sslPassword=hidden&a=b"},
		{"postgres:u:p@h", "postgres://(hidden)"},
		{"postgres://u:p%zz@h/d", "postgres://(hidden)"},
		{"postgres://u:p@h:port/d", "postgres://(hidden)"},
	} {
		if got := withoutPassword(test.url); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
