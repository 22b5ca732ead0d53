package headers_test

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/headers"
)

// spellings returns name in the ways that a CGI-like reader takes for it.
func spellings(name string) []string {
	all := []string{name, strings.ToLower(name), strings.ToUpper(name)}
	for _, other := range []string{"_", ".", "~", "!", "|", "$"} {
		all = append(all, strings.ReplaceAll(name, "-", other), strings.ToLower(strings.Replace(name, "-", other, 1)))
	}
	return append(all, strings.Replace(strings.Replace(name, "-", "_", 1), "-", ".", 1))
}

// ordinary are headers of an everyday request, among them some that look a little like what is removed.
func ordinary() http.Header {
	return http.Header{
		"Accept": {"text/html", "*/*;q=0.8"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer x"}, "Content-Length": {"5"},
		"Content-Type": {"application/json"}, "Cookie": {"a=b"}, "User-Agent": {"curl/8"}, "X-Request-Id": {"1"}, "Via": {"1.1 a"},
		"X-User": {"b"}, "Remote-Users": {"b"}, "Remote-Use": {"b"}, "Xx-Authly-User": {"b"}, "X-Authlyuser": {"b"}, "X-Authly": {"b"},
		"X-Forwarde-For": {"b"}, "Forwardedx": {"b"}, "X-Original-Urls": {"b"}, "Proxys": {"b"}, "x_lower": {"kept  as is "},
		"X-" + strings.Repeat("Long-", 100): {""},
	}
}

// sift returns what a Sieve leaves of the headers of a request.
func sift(names headers.IdentityNames, h http.Header) http.Header {
	left, sieve := http.Header{}, headers.NewSieve(names)
	for name, values := range h {
		if sieve.Fate(name) != headers.Dropped {
			left[name] = values
		}
	}
	return left
}

// ordinaryLeft is what a Sieve leaves of ordinary headers: all but what is the message's own.
func ordinaryLeft() http.Header {
	h := ordinary()
	delete(h, "Content-Length")
	delete(h, "X-Request-Id")
	return h
}

func TestSieveDropsIdentity(t *testing.T) {
	names := headers.DefaultIdentityNames()
	all := slices.Concat(names.User, names.Email, names.Groups, names.UserID, []string{"X-Authly-Assertion", "X-Authly-Anything"})
	if len(all) != 9 {
		t.Fatalf("the defaults have become %d names; is each of them tested?", len(all))
	}
	for _, name := range all {
		h := ordinary()
		for _, spelling := range spellings(name) {
			if !names.IsIdentity(spelling) {
				t.Errorf("%s is no identity header", spelling)
			}
			h[spelling] = []string{"admin", "root"}
			h[http.CanonicalHeaderKey(spelling)] = []string{"admin"}
		}
		if diff := cmp.Diff(ordinaryLeft(), sift(names, h)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name := range ordinary() {
		if names.IsIdentity(name) {
			t.Errorf("%s is an identity header", name)
		}
	}
	if names.IsIdentity("") || names.IsIdentity("X-Authly") || !names.IsIdentity("X-Authly-") {
		t.Error("the prefix of Authly's own names is read wrongly")
	}
}

func TestSieveDropsConfiguredNames(t *testing.T) {
	names := headers.IdentityNames{User: []string{"X-WebAuth-User"}}
	h := http.Header{"X-Webauth-User": {"a"}, "X_webauth_user": {"a"}, "Remote-User": {"b"}, "X.authly.user": {"a"}}
	if diff := cmp.Diff(http.Header{"Remote-User": {"b"}}, sift(names, h)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := sift(headers.IdentityNames{}, http.Header{"X_Authly_User": {"a"}, "X-Webauth-User": {"b"}}); len(left) != 1 {
		t.Errorf("without names %v is left", left)
	}
}

func TestStripTrailer(t *testing.T) {
	names := headers.DefaultIdentityNames()
	want := http.Header{"Server-Timing": {"db;dur=1"}, "Grpc-Status": {"0"}, "Checksum": nil}
	h := maps.Clone(want)
	for _, name := range []string{"X-Forwarded-User", "Remote-Groups", "X-Authly-Assertion", "X-Forwarded-For", "X-Forwarded-Anything", "X-Real-Ip", "Forwarded",
		"X-Original-Url", "X-Http-Method-Override", "Host", "Authorization", "Cookie", "Content-Length", "Transfer-Encoding",
		"Trailer", "Connection", "Sec-Fetch-Site", "Content-Type"} {
		for _, spelling := range spellings(name) {
			h[spelling] = []string{"admin"}
		}
		h[name] = nil // as announced, before the body was read
	}
	names.StripTrailer(h)
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	names.StripTrailer(nil)
}

// A server puts every trailer that a client sends into Request.Trailer, announced or not, once the body was read.
func TestStripTrailerOnTheWire(t *testing.T) {
	names := headers.DefaultIdentityNames()
	type seen struct{ header, announced, arrived http.Header }
	requests := make(chan seen, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names.StripTrailer(r.Trailer)
		s := seen{header: sift(names, r.Header), announced: r.Trailer.Clone()}
		_, _ = io.Copy(io.Discard, r.Body)
		if _, ok := r.Trailer["Remote_user"]; !ok {
			t.Error("the trailer to be removed has not even arrived")
		}
		names.StripTrailer(r.Trailer)
		s.arrived = r.Trailer.Clone()
		requests <- s
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nx_forwarded_user: admin\r\n"+
		"X-Forwarded-User: root\r\nx-forwarded-user: admin\r\nTrailer: X-Forwarded-User, Checksum\r\n\r\n1\r\na\r\n0\r\n"+
		"X-Forwarded-User: admin\r\nChecksum: 1\r\nRemote_User: admin\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	got := <-requests
	want := seen{http.Header{}, http.Header{"Checksum": nil}, http.Header{"Checksum": {"1"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStamp(t *testing.T) {
	names := headers.DefaultIdentityNames()
	id := &authn.Identity{UserID: uuid.MustParse("11111111-2222-4333-8444-555555555555"), Username: "zoë", Email: "zoe@example.com",
		Roles: []string{"editors", "night shift", "a,b"}}
	h := http.Header{"X-Forwarded-User": {"admin", "root"}, "Accept": {"*/*"}}
	names.Stamp(h, id)
	want := http.Header{
		"Accept":           {"*/*"},
		"X-Forwarded-User": {"zo%C3%AB"}, "Remote-User": {"zo%C3%AB"},
		"X-Forwarded-Email": {"zoe@example.com"}, "Remote-Email": {"zoe@example.com"},
		"X-Forwarded-Groups": {"editors,night shift,a%2Cb"}, "Remote-Groups": {"editors,night shift,a%2Cb"},
		"X-Forwarded-User-Id": {"11111111-2222-4333-8444-555555555555"},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	names.Stamp(h, &authn.Identity{UserID: id.UserID, Username: "bob"})
	for name, value := range map[string]string{"X-Forwarded-User": "bob", "X-Forwarded-Email": "", "Remote-Groups": ""} {
		if diff := cmp.Diff([]string{value}, h[name]); diff != "" {
			t.Errorf("without email and roles: %s (-want +got):\n%s", name, diff)
		}
	}

	names.Stamp(h, nil)
	for name, values := range h {
		if name != "Accept" && !slices.Equal(values, []string{""}) {
			t.Errorf("anonymous: %s is %q", name, values)
		}
	}
	if len(h) != len(want) {
		t.Errorf("anonymous: %d headers, want all %d", len(h), len(want))
	}
}

func TestIdentityNamesValidate(t *testing.T) {
	for _, good := range []headers.IdentityNames{
		{}, headers.DefaultIdentityNames(),
		{User: []string{"X-WebAuth-User", "x-user2"}, UserID: []string{"X-Authly-User-Id"}},
	} {
		wantCode(t, good.Validate(), "")
	}
	for _, bad := range []string{"", " ", "X User", "X_User", "X.User", "X-User:", "X-Üser", "X-User\r\nA", "-", "-X", "X-", "X-Forwarded-For",
		"x-forwarded-host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Host", "connection", "Authorization", "Cookie",
		"Content-Length", "Transfer-Encoding", "Trailer", "Sec-Fetch-Site", "X-Original-URL", "Proxy", "Access-Control-Allow-Origin",
		"X-" + strings.Repeat("a", 63)} {
		err := headers.IdentityNames{Groups: []string{"X-Groups", bad}}.Validate()
		if err == nil {
			t.Errorf("%q is accepted", bad)
			continue
		}
		wantCode(t, err, authn.CodeInvalidRequest)
		if e := err.(*authn.Error); e.Field != "groups" || len(bad) > 4 && strings.Contains(e.Error(), bad) {
			t.Errorf("%q: %v names %q", bad, err, e.Field)
		}
	}
	wantCode(t, headers.IdentityNames{User: []string{"X-User", "x-user"}}.Validate(), authn.CodeInvalidRequest)
	wantCode(t, headers.IdentityNames{User: []string{"X-User"}, Email: []string{"X-USER"}}.Validate(), authn.CodeInvalidRequest)
}

func TestEncodeValue(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "alice": "alice", "a b": "a b", " a ": "%20a%20", " ": "%20", "  ": "%20%20", "100%": "100%25", "%41": "%2541",
		"zoë": "zo%C3%AB", "名": "%E5%90%8D", "a\r\nX-Admin: 1": "a%0D%0AX-Admin: 1", "\x00\x1b\x7f": "%00%1B%7F", "a,b": "a,b",
		"\xff": "%FF", "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~": "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~",
	} {
		if got := headers.EncodeValue(in); got != want {
			t.Errorf("EncodeValue(%q) = %q, want %q", in, got, want)
		}
	}
}

// An encoded value arrives as it was sent, and gives the text back: so no two texts share one.
func FuzzEncodeValue(f *testing.F) {
	for _, seed := range []string{"", "alice", "zoë", "%41", " a ", "a\r\nb", "\xff\xfe", "a%", "\t"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		value := headers.EncodeValue(in)
		if strings.TrimSpace(value) != value || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("EncodeValue(%q) = %q does not survive transport", in, value)
		}
		if out, err := url.PathUnescape(value); err != nil || out != in {
			t.Fatalf("EncodeValue(%q) = %q, which is %q, %v", in, value, out, err)
		}
	})
}

// Whatever the name, a reader that knows only letters and digits takes it for one of an identity header or not, and so does Authly.
func FuzzIdentity(f *testing.F) {
	for _, seed := range []string{"X-Forwarded-User", "x_forwarded_user", "Remote.User", "X-Authly-", "X~Authly~A", "Accept", "", "é"} {
		f.Add(seed)
	}
	names := headers.DefaultIdentityNames()
	sieve := headers.NewSieve(names)
	known := slices.Concat(names.User, names.Email, names.Groups, names.UserID)
	read := func(name string) string { // what CGI makes of a name, said in another way than the code under test says it
		var b strings.Builder
		for _, c := range []byte(strings.ToUpper(name)) {
			if !strings.Contains("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", string(rune(c))) {
				c = '_'
			}
			b.WriteByte(c)
		}
		return b.String()
	}
	f.Fuzz(func(t *testing.T, name string) {
		if strings.IndexFunc(name, func(r rune) bool { return r >= 0x80 }) >= 0 {
			return // no server lets such a name in
		}
		confusable := strings.HasPrefix(read(name), "X_AUTHLY_") ||
			slices.ContainsFunc(known, func(k string) bool { return read(k) == read(name) })
		if fate := sieve.Fate(name); names.IsIdentity(name) != confusable || confusable && fate != headers.Dropped {
			t.Fatalf("%q: fate %v, confusable %v", name, fate, confusable)
		}
	})
}

func TestSieveDoesNotAllocate(t *testing.T) {
	sieve, h := headers.NewSieve(headers.DefaultIdentityNames()), ordinary()
	if n := testing.AllocsPerRun(100, func() {
		for name := range h {
			sieve.Fate(name)
		}
	}); n != 0 {
		t.Errorf("%v allocations for an ordinary request, want none", n)
	}
}

func BenchmarkFate(b *testing.B) {
	sieve, h := headers.NewSieve(headers.DefaultIdentityNames()), ordinary()
	b.ReportAllocs()
	for b.Loop() {
		for name := range h {
			sieve.Fate(name)
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	names, h := headers.DefaultIdentityNames(), ordinary()
	id := &authn.Identity{UserID: uuid.New(), Username: "alice", Email: "alice@example.com", Roles: []string{"staff", "reports"}}
	b.ReportAllocs()
	for b.Loop() {
		names.Stamp(h, id)
	}
}
