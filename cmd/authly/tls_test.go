package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// certificates issues certificates for 127.0.0.1 that differ by their serial number, and keeps them in files.
type certificates struct {
	folder string
	issuer *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	c := &certificates{folder: t.TempDir(), key: newKey(t)}
	der := c.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1 << 40), Subject: pkix.Name{CommonName: "tests"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, c.key)
	var err error
	if c.issuer, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return c
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign signs a certificate; one without an issuer signs itself.
func (c *certificates) sign(t *testing.T, template, issuer *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// issue returns a new certificate and its key, in PEM.
func (c *certificates) issue(t *testing.T, serial int64) (certificate, key []byte) {
	t.Helper()
	private := newKey(t)
	der := c.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, c.issuer, private)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func (c *certificates) files() (certificate, key string) {
	return filepath.Join(c.folder, "tls.crt"), filepath.Join(c.folder, "tls.key")
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func removeFiles(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// overwrite writes a new certificate into the files that are there.
func (c *certificates) overwrite(t *testing.T, serial int64) {
	t.Helper()
	certificate, key := c.issue(t, serial)
	certFile, keyFile := c.files()
	writeFile(t, certFile, certificate)
	writeFile(t, keyFile, key)
}

// rename puts files of another folder in the place of those that are there.
func (c *certificates) rename(t *testing.T, serial int64) {
	t.Helper()
	fresh := &certificates{folder: t.TempDir(), issuer: c.issuer, key: c.key}
	fresh.overwrite(t, serial)
	newCert, newKey := fresh.files()
	certFile, keyFile := c.files()
	for from, to := range map[string]string{newCert: certFile, newKey: keyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
}

// swap makes the files symbolic links through a link that is replaced, as Kubernetes does with a mounted secret.
func (c *certificates) swap(t *testing.T, serial int64) {
	t.Helper()
	version, err := os.MkdirTemp(c.folder, "..version-")
	if err != nil {
		t.Fatal(err)
	}
	fresh := &certificates{folder: version, issuer: c.issuer, key: c.key}
	fresh.overwrite(t, serial)
	link := filepath.Join(c.folder, "..data")
	if err := os.Symlink(filepath.Base(version), link+"_tmp"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+"_tmp", link); err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := c.files()
	for _, file := range []string{certFile, keyFile} {
		name := filepath.Base(file)
		if target, err := os.Readlink(file); err == nil && target == filepath.Join("..data", name) {
			continue
		}
		if err := os.Symlink(filepath.Join("..data", name), file); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *certificates) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(c.issuer)
	return &tls.Config{RootCAs: pool}
}

// serial is that of the certificate in a new handshake, which the client checks; 0 if there is none.
func (c *certificates) serial(address string) int64 {
	conn, err := tls.Dial("tcp", address, c.trust())
	if err != nil {
		return 0
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// startTLS starts a server with the certificate in the files.
func (c *certificates) startTLS(t *testing.T) *authly {
	t.Helper()
	certFile, keyFile := c.files()
	a := start(t, sqliteURL(t), protectedEcho, "AUTHLY_SERVER_TLS_CERT_FILE="+certFile, "AUTHLY_SERVER_TLS_KEY_FILE="+keyFile)
	a.base = "https://" + a.address["server.address"]
	return a
}

// get makes a request with a transport of the given protocols alone.
func (a *authly) get(t *testing.T, path string, trust *tls.Config, choose func(*http.Protocols)) (*http.Response, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: trust, Protocols: new(http.Protocols)}
	choose(transport.Protocols)
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), "GET", a.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response, err
}

func onlyHTTP1(p *http.Protocols) { p.SetHTTP1(true) }
func onlyHTTP2(p *http.Protocols) { p.SetHTTP2(true) }
func onlyH2C(p *http.Protocols)   { p.SetUnencryptedHTTP2(true) }

func TestTLS(t *testing.T) {
	c := newCertificates(t)
	c.overwrite(t, 1)
	a := c.startTLS(t)
	for name, tt := range map[string]struct {
		choose func(*http.Protocols)
		major  int
		alpn   string
	}{"HTTP/2": {onlyHTTP2, 2, "h2"}, "HTTP/1.1": {onlyHTTP1, 1, ""}} {
		response, err := a.get(t, "/public/x", c.trust(), tt.choose)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if response.StatusCode != http.StatusOK || response.ProtoMajor != tt.major || response.TLS.NegotiatedProtocol != tt.alpn {
			t.Errorf("%s: %s %s by %q", name, response.Proto, response.Status, response.TLS.NegotiatedProtocol)
		}
		if got := response.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: Strict-Transport-Security %q", name, got)
		}
		if response, err := a.get(t, "/x", c.trust(), tt.choose); err != nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %v %v", name, response, err)
		}
	}
	old := c.trust()
	old.MaxVersion = tls.VersionTLS11
	if _, err := a.get(t, "/public/x", old, onlyHTTP1); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if got := statusLine(t, a.address["server.address"], "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); !strings.HasSuffix(got, "400 Bad Request") {
		t.Errorf("without TLS: %q", got)
	}
	if _, err := a.get(t, "/public/x", &tls.Config{}, onlyHTTP1); err == nil {
		t.Error("the client does not check certificates: nothing above means anything")
	}
	if !strings.Contains(a.stdout.String(), "listens on "+a.base+" ") {
		t.Errorf("greeting: %s", a.stdout)
	}
}

// A renewed certificate is served from the next handshake on, whichever way its files are replaced, and one that is no good
// changes nothing.
func TestCertificateReload(t *testing.T) {
	c := newCertificates(t)
	c.overwrite(t, 1)
	a := c.startTLS(t)
	address := a.address["server.address"]
	if got := c.serial(address); got != 1 {
		t.Fatalf("serial %d, want 1", got)
	}
	c.rename(t, 2)
	eventually(t, "the renamed certificate", func() bool { return c.serial(address) == 2 })
	c.overwrite(t, 3)
	eventually(t, "the overwritten certificate", func() bool { return c.serial(address) == 3 })

	certFile, keyFile := c.files()
	other, _ := c.issue(t, 4)
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"a broken one", func() {
			writeFile(t, certFile, []byte("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n"))
		}},
		{"one whose key is another's", func() { writeFile(t, certFile, other) }},
		{"none", func() { removeFiles(t, certFile, keyFile) }},
	} {
		refused := func() int { return strings.Count(a.stderr.String(), "certificate not reloaded, the one in use stays") }
		before := refused()
		step.do()
		eventually(t, "the log says that "+step.what+" is not taken", func() bool { return refused() > before })
		if got := c.serial(address); got != 3 {
			t.Errorf("after %s: serial %d, want 3", step.what, got)
		}
	}
	c.overwrite(t, 5)
	eventually(t, "the certificate after that", func() bool { return c.serial(address) == 5 })
	if log := a.stderr.String(); strings.Contains(log, "PRIVATE") {
		t.Error("a key is in the log")
	}
}

// Other files in the folder, a log or a database, are nobody's business.
func TestOtherFilesBesideTheCertificate(t *testing.T) {
	c := newCertificates(t)
	c.overwrite(t, 1)
	a := c.startTLS(t)
	certFile, _ := c.files()
	for i := range 100 {
		writeFile(t, filepath.Join(filepath.Dir(certFile), "other.log"), []byte(strconv.Itoa(i)))
	}
	c.rename(t, 2)
	eventually(t, "the renamed certificate", func() bool { return c.serial(a.address["server.address"]) == 2 })
	if n := strings.Count(a.stderr.String(), "certificate reloaded"); n != 1 {
		t.Errorf("%d reloads are told, want the one", n)
	}
}

func TestCertificateReloadThroughLinks(t *testing.T) {
	c := newCertificates(t)
	c.swap(t, 1)
	a := c.startTLS(t)
	address := a.address["server.address"]
	if got := c.serial(address); got != 1 {
		t.Fatalf("serial %d, want 1", got)
	}
	c.swap(t, 2)
	eventually(t, "the certificate behind the new link", func() bool { return c.serial(address) == 2 })
}

func TestCertificateMistakes(t *testing.T) {
	c := newCertificates(t)
	c.overwrite(t, 1)
	certFile, keyFile := c.files()
	otherCert, _ := c.issue(t, 2)
	broken, other := filepath.Join(c.folder, "broken"), filepath.Join(c.folder, "other")
	writeFile(t, broken, []byte("no certificate"))
	writeFile(t, other, otherCert)
	for name, files := range map[string][2]string{
		"no file":               {filepath.Join(c.folder, "nowhere"), keyFile},
		"no certificate":        {broken, keyFile},
		"another's certificate": {other, keyFile},
		"a key that is none":    {certFile, broken},
	} {
		t.Run(name, func(t *testing.T) {
			a := launch(t, sqliteURL(t), protectedEcho, "AUTHLY_SERVER_TLS_CERT_FILE="+files[0], "AUTHLY_SERVER_TLS_KEY_FILE="+files[1])
			if status := a.await(t); status == 0 {
				t.Error("it starts")
			}
			if log := a.stderr.String(); !strings.Contains(log, "server.tls") {
				t.Errorf("told: %s", log)
			}
		})
	}
}

func TestUnencryptedHTTP2(t *testing.T) {
	for _, on := range []string{"true", "false"} {
		t.Run(on, func(t *testing.T) {
			a := start(t, sqliteURL(t), protectedEcho, "AUTHLY_SERVER_UNENCRYPTED_HTTP2="+on)
			response, err := a.get(t, "/public/x", nil, onlyH2C)
			if spoken := err == nil && response.StatusCode == http.StatusOK && response.ProtoMajor == 2; spoken != (on == "true") {
				t.Errorf("h2c: %v, %v", response, err)
			}
			if response, err := a.get(t, "/public/x", nil, onlyHTTP1); err != nil || response.StatusCode != http.StatusOK || response.ProtoMajor != 1 {
				t.Errorf("HTTP/1.1: %v, %v", response, err)
			}
			if on == "true" {
				if response, err := a.get(t, "/x", nil, onlyH2C); err != nil || response.StatusCode != http.StatusUnauthorized {
					t.Errorf("h2c without a token: %v, %v", response, err)
				}
			}
		})
	}
}
