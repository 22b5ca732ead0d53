package authn_test

import (
	"strings"
	"testing"

	"github.com/descoped/authly/authn"
)

func TestDeviceName(t *testing.T) {
	const chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                          "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome + " Safari/537.36":                                                                          "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + chrome + " Safari/537.36 Edg/126.0.2592.8":                                                         "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) " + chrome + " Mobile Safari/537.36":                                                                    "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                           "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1":         "Safari on iOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/127.0 Mobile/15E148 Safari/605.1.15 x/<b>": "Firefox on iOS",
		"Mozilla/5.0 (X11; Linux x86_64)": "Linux",
		"curl/8.5.0":                      "curl",
		"curl":                            "curl",
		"Go-http-client/2.0":              "Go-http-client",
		"python-requests/2.31.0":          "python-requests",
		"my-client 1.0":                   "my-client",
		"backup/1.0 (Linux)":              "backup on Linux",
		"Mozilla/5.0":                     "Unknown",
		"":                                "Unknown",
		"()":                              "Unknown",
		"<script>alert(1)</script>":       "Unknown",
		"<b>/1.0":                         "Unknown",
		"42/1.0":                          "Unknown",
		"é/1.0":                           "Unknown",
		"\u202egpj/1.0":                   "Unknown",
		strings.Repeat("a", 41) + "/1.0":  "Unknown",
		strings.Repeat("a", 40) + "/1.0":  strings.Repeat("a", 40),
		"Mozilla/5.0 (Windows NT 10.0) <img>/1.0":  "Windows",
		"curl/8.5.0 <script>alert(1)</script>/1.0": "curl",
	} {
		if got := authn.DeviceName(agent); got != want {
			t.Errorf("%q is called %q, want %q", agent, got, want)
		}
	}
}

// Whatever is sent, a name is short and harmless.
func FuzzDeviceName(f *testing.F) {
	for _, seed := range []string{"", "curl/8", "(((", "[;[;(;", "Android;", "Mozilla/5.0 (Linux; Android", "CrOS x86_64 ", "http://", "a/b/c://d",
		"<script>/1", "Instagram", "FBAN", "XiaoMi/", "\xff/\xff", "Windows NT\x00/1", "Edge/" + strings.Repeat("9", 400)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		label := authn.DeviceName(agent)
		if label == "" || len(label) > 80 {
			t.Errorf("%q has a name of %d bytes", agent, len(label))
		}
		if strings.ContainsFunc(label, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(" ._+-", c)
		}) {
			t.Errorf("%q is called %q", agent, label)
		}
	})
}
