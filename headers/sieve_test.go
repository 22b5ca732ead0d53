package headers

import (
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// stripped reports whether a field is one of those that are dropped in every spelling, by one question after the other.
func stripped(names IdentityNames, name string) bool {
	return names.IsIdentity(name) || isForwarding(name) || isControl(name)
}

func TestSieveDropsWhatIsStripped(t *testing.T) {
	t.Parallel()
	names := DefaultIdentityNames()
	names.User = append(names.User, "X-Who")
	s := NewSieve(names)
	for _, name := range []string{"X-Forwarded-User", "x_forwarded_user", "X-Who", "X_who", "Remote.Email", "X-Authly-Anything", "X.Authly.Anything",
		"X-Forwarded-Anything", "Forwarded", "X-Real_Ip", "X-Original-Url", "Transfer_Encoding", "X_Request_Id", "Te_", "Proxy"} {
		if want := stripped(names, name); (s.Fate(name) == Dropped) != want {
			t.Errorf("%s: %v, and stripped is %t", name, s.Fate(name), want)
		}
	}
	for name, want := range map[string]Fate{
		"Connection": Dropped, "Te": Dropped, "Trailer": Dropped, "Upgrade": Dropped, "Host": Dropped, "Content-Length": Dropped, "X-Request-Id": Dropped,
		"Http2-Settings": Dropped, "Authorization": Judged, "Cookie": Judged, "User-Agent": Judged, "Accept": Passes, "Content-Type": Passes, "X-Whose": Passes,
		"X-" + strings.Repeat("Who", 40): Passes, "X-Forwarded-" + strings.Repeat("x", 100): Dropped, "Cookie2": Passes,
	} {
		if got := s.Fate(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// Whatever a name looks like, it is dropped if one of the questions says so, and else only for being of the connection.
func TestSieveNeverLetsMoreThrough(t *testing.T) {
	t.Parallel()
	names := DefaultIdentityNames()
	s := NewSieve(names)
	known := []string{"x-forwarded-user", "remote-user", "x-forwarded-for", "forwarded", "x-real-ip", "x-original-url", "transfer-encoding", "x-request-id",
		"x-authly-a", "accept", "cookie", "te", "content-type", "client-ip", "x-http-method", "remote-groups"}
	rapid.Check(t, func(t *rapid.T) {
		bytes := []byte(rapid.SampledFrom(known).Draw(t, "name"))
		for i, c := range bytes {
			switch {
			case c == '-':
				bytes[i] = rapid.SampledFrom([]byte("-_.-~!")).Draw(t, "dash")
			case rapid.Bool().Draw(t, "upper") && 'a' <= c && c <= 'z':
				bytes[i] -= 'a' - 'A'
			}
		}
		name := http.CanonicalHeaderKey(string(bytes) + rapid.SampledFrom([]string{"", "", "s", "-"}).Draw(t, "end"))
		if got, want := s.Fate(name) == Dropped, stripped(names, name) || fateOf(name) == Dropped; got != want {
			t.Fatalf("%s: dropped %t, want %t", name, got, want)
		}
	})
}
