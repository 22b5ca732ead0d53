package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What the example files say, to be replaced by addresses that are free.
const (
	exampleFront = "127.0.0.1:8080"
	exampleApp   = "127.0.0.1:3000"
	exampleMain  = "127.0.0.1:8081"
	exampleAuthz = "127.0.0.1:9091"
)

// startGateway runs Authly's own gateway over the routes of the examples, each with the application as its upstream.
func startGateway(t *testing.T, seed *seed, app *application) (string, *authly) {
	text, err := os.ReadFile("nginx/authly.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	routes := 0
	// Nobody stands in front of this one, so nobody's X-Forwarded-* are believed.
	trusting := replaceAll(t, "nginx/authly.yaml", string(text), `trusted_proxies: [127.0.0.1, "::1"]`, "trusted_proxies: []")
	for line := range strings.Lines(trusting) {
		lines = append(lines, line)
		if strings.HasPrefix(line, "  - name: ") {
			lines = append(lines, "    upstream: http://"+app.address+"\n")
			routes++
		}
	}
	if routes < 5 {
		t.Fatalf("nginx/authly.yaml has %d routes", routes)
	}
	config := filepath.Join(t.TempDir(), "authly.yaml")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	a := seed.startExample(t, config)
	return a.main, a
}

func startNginx(t *testing.T, seed *seed, app *application) (string, *authly) {
	a, address := seed.startExample(t, "nginx/authly.yaml"), freeAddresses(t, 1)[0]
	runNginx(t, address, a, app.address, "$host:$server_port$request_uri", "$host:8080$request_uri") // the port that browsers are sent to, see testPerson
	return address, a
}

// runNginx runs nginx with the file of the example, in which more is replaced than addresses.
func runNginx(t *testing.T, address string, a *authly, app string, more ...string) {
	binary, folder := program(t, "nginx"), t.TempDir()
	config := rewritten(t, "nginx/nginx.conf", folder,
		append(more, exampleFront, address, exampleApp, app, exampleMain, a.main, exampleAuthz, a.authz)...)
	globals := "daemon off;"
	if os.Geteuid() == 0 {
		globals += " user root;" // whom nginx takes otherwise cannot enter the test's folder
	}
	startProcess(t, exec.Command(binary, "-p", folder, "-c", config, "-g", globals)).waitHTTP(t, address)
}

func startCaddy(t *testing.T, seed *seed, app *application) (string, *authly) {
	a, address := seed.startExample(t, "caddy/authly.yaml"), freeAddresses(t, 1)[0]
	runCaddy(t, address, a, app.address)
	return address, a
}

// runCaddy is runNginx for Caddy.
func runCaddy(t *testing.T, address string, a *authly, app string, more ...string) {
	binary, folder := program(t, "caddy"), t.TempDir()
	config := rewritten(t, "caddy/Caddyfile", folder,
		append(more, ":8080", ":"+portOf(t, address), exampleApp, app, exampleMain, a.main, exampleAuthz, a.authz)...)
	cmd := exec.Command(binary, "run", "--adapter", "caddyfile", "--config", config)
	cmd.Env = environment("HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	startProcess(t, cmd).waitHTTP(t, address)
}

func startHAProxy(t *testing.T, seed *seed, app *application) (string, *authly) {
	binary := program(t, "haproxy")
	a, address, folder := seed.startExample(t, "haproxy/authly.yaml"), freeAddresses(t, 1)[0], t.TempDir()
	rewritten(t, "haproxy/authly.lua", folder)
	config := rewritten(t, "haproxy/haproxy.cfg", folder,
		exampleFront, address, exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz)
	startProcess(t, exec.Command(binary, "-db", "-f", config)).waitHTTP(t, address)
	return address, a
}

// traefikStarter runs the real Traefik. A binary that is named and does not run is a failure.
func traefikStarter(named string) func(*testing.T, *seed, *application) (string, *authly) {
	return func(t *testing.T, seed *seed, app *application) (string, *authly) {
		binary, err := filepath.Abs(named) // it is started in another folder
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(binary, "version").CombinedOutput(); err != nil {
			t.Fatalf("AUTHLY_TEST_TRAEFIK names %q, which does not run: %v\n%s", named, err, out)
		}
		a, address, folder := seed.startExample(t, "traefik/authly.yaml"), freeAddresses(t, 1)[0], t.TempDir()
		config := rewritten(t, "traefik/traefik.yml", folder, exampleFront, address)
		rewritten(t, "traefik/dynamic.yml", folder, exampleApp, app.address, exampleMain, a.main, exampleAuthz, a.authz)
		cmd := exec.Command(binary, "--configFile="+config)
		cmd.Dir = folder
		startProcess(t, cmd).waitHTTP(t, address)
		return address, a
	}
}
