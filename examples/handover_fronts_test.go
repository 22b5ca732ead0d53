package examples_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// With TLS, and the one thing more that cookies.domains asks of a front proxy: that it sends one path of the application's host to Authly.

func startNginxTLS(t *testing.T, a *authly, app *application, address string) *process {
	folder := t.TempDir()
	certificate, key := certified(t, folder)
	secure := " ssl; ssl_certificate " + certificate + "; ssl_certificate_key " + key + ";"
	config := rewritten(t, "nginx/nginx.conf", folder,
		"listen "+exampleFront+" default_server;", "listen "+address+secure, "listen "+exampleFront+";", "listen "+address+secure,
		"server_name auth.localhost;", "server_name login.example.com;", exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz,
		"        location @authly_challenge {", `        location = /auth/handover {
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_pass http://authly;
        }

        location @authly_challenge {`)
	globals := "daemon off;"
	if os.Geteuid() == 0 {
		globals += " user root;" // as in startNginx
	}
	return startProcess(t, exec.Command(program(t, "nginx"), "-p", folder, "-c", config, "-g", globals))
}

func startCaddyTLS(t *testing.T, a *authly, app *application, address string) *process {
	folder, port := t.TempDir(), portOf(t, address)
	certificate, key := certified(t, folder)
	secure := " {\n\ttls " + certificate + " " + key + "\n"
	config := rewritten(t, "caddy/Caddyfile", folder,
		"http://:8080 {\n", "https://:"+port+secure+"\n\thandle /auth/handover {\n\t\treverse_proxy "+a.main+"\n\t}\n",
		"http://auth.localhost:8080 {\n", "https://login.example.com:"+port+secure,
		exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz)
	cmd := exec.Command(program(t, "caddy"), "run", "--adapter", "caddyfile", "--config", config)
	cmd.Env = environment("HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	return startProcess(t, cmd)
}

func startHAProxyTLS(t *testing.T, a *authly, app *application, address string) *process {
	folder := t.TempDir()
	certificate, _ := certified(t, folder)
	rewritten(t, "haproxy/authly.lua", folder)
	const login = "acl is_login hdr(host),field(1,:),lower -m str "
	config := rewritten(t, "haproxy/haproxy.cfg", folder,
		"bind "+exampleFront+"\n", "bind "+address+" ssl crt "+certificate+"\n",
		login+"auth.localhost", login+"login.example.com\n    acl is_login path /auth/handover",
		exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz)
	return startProcess(t, exec.Command(program(t, "haproxy"), "-db", "-f", config))
}

// startTraefikTLS has Traefik make a certificate itself.
func startTraefikTLS(t *testing.T, a *authly, app *application, address string) *process {
	folder := t.TempDir()
	binary, err := filepath.Abs(os.Getenv("AUTHLY_TEST_TRAEFIK"))
	if err != nil {
		t.Fatal(err)
	}
	config := rewritten(t, "traefik/traefik.yml", folder, exampleFront, address, "    http:\n", "    http:\n      tls: {}\n")
	rewritten(t, "traefik/dynamic.yml", folder, exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz,
		"Host(`auth.localhost`)", "Host(`login.example.com`)", "  routers:\n", "  routers:\n    handover:\n      entryPoints: [web]\n"+
			"      rule: \"Path(`/auth/handover`)\"\n      priority: 4\n      service: authly\n")
	cmd := exec.Command(binary, "--configFile="+config)
	cmd.Dir = folder
	return startProcess(t, cmd)
}

// waitTLS is waitHTTP over TLS.
func (p *process) waitTLS(t *testing.T, address string) {
	t.Helper()
	visitor := newPerson(t, nil, address)
	deadline, tick := time.After(20*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		response, err := visitor.client.Get("https://app.example.net:" + portOf(t, address) + "/")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode != http.StatusNotFound {
				return
			}
		}
		select {
		case <-tick.C:
		case <-p.ended:
			t.Fatalf("%s has ended", p.cmd.Path)
		case <-deadline:
			t.Fatalf("%s does not answer: %v", p.cmd.Path, err)
		}
	}
}

// certified makes a certificate that nobody looks at, in a file with its key behind it, and the key alone.
func certified(t *testing.T, folder string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), secret...)
	certificate, key = filepath.Join(folder, "tls.pem"), filepath.Join(folder, "tls.key")
	for path, content := range map[string][]byte{certificate: both, key: secret} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}
