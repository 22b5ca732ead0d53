package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rival is a proxy of somebody else.
type rival struct {
	name    string
	checks  bool   // tokens, and tells the upstream who is calling
	bound   *bound // of what Authly costs ÷ what it costs
	find    func() (path string, err error)
	command func(ctx context.Context, path, folder, address string) (*exec.Cmd, error) // writes its configuration into the folder
}

// rivals are those that proxy to an upstream as g does.
func rivals(upstream string, g *gate) []rival {
	return []rival{
		{"HAProxy, jwt_verify RS256, headers", true, most(1.05), installed("haproxy", ""), haproxy(upstream, g)},
		{"Caddy, no check", false, most(0.6), installed("caddy", ""), caddy(upstream)},
		{"Traefik, no check", false, most(0.95), installed("traefik", "AUTHLY_BENCH_TRAEFIK"), traefik(upstream)},
		{"nginx, no check", false, nil, installed("nginx", ""), nginx(upstream)},
		{"HAProxy, no check", false, nil, installed("haproxy", ""), haproxy(upstream, nil)},
	}
}

// installed looks for a program in an environment variable, in PATH, and where Debian puts servers.
func installed(name, variable string) func() (string, error) {
	return func() (string, error) {
		if variable != "" && os.Getenv(variable) != "" {
			return exec.LookPath(os.Getenv(variable))
		}
		for _, candidate := range []string{name, "/usr/sbin/" + name} {
			if path, err := exec.LookPath(candidate); err == nil {
				return path, nil
			}
		}
		if variable != "" {
			return "", errors.New(name + " is neither in PATH nor named by " + variable)
		}
		return "", errors.New(name + " is not in PATH")
	}
}

// inFolder writes files and returns the command.
func inFolder(folder, path string, files map[string]string, args ...string) (*exec.Cmd, error) {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(path, args...) // #nosec G204 -- a program that is compared with
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	return cmd, nil
}

func nginx(upstream string) func(context.Context, string, string, string) (*exec.Cmd, error) {
	return func(_ context.Context, path, folder, address string) (*exec.Cmd, error) {
		return inFolder(folder, path, map[string]string{"nginx.conf": fillIn(nginxConfiguration, address, upstream)},
			"-p", folder, "-c", filepath.Join(folder, "nginx.conf"), "-e", "stderr")
	}
}

func fillIn(configuration, address, upstream string) string {
	_, port, _ := strings.Cut(address, ":")
	return strings.NewReplacer("ADDRESS", address, "PORT", port, "UPSTREAM", upstream).Replace(configuration)
}

const nginxConfiguration = `
daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    upstream app {
        server UPSTREAM;
        keepalive 256;
        keepalive_requests 1000000000;
    }
    server {
        listen ADDRESS;
        location / {
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
    }
}
`

func caddy(upstream string) func(context.Context, string, string, string) (*exec.Cmd, error) {
	return func(_ context.Context, path, folder, address string) (*exec.Cmd, error) {
		return inFolder(folder, path, map[string]string{"Caddyfile": fillIn(caddyConfiguration, address, upstream)},
			"run", "--config", "Caddyfile", "--adapter", "caddyfile")
	}
}

const caddyConfiguration = `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://:PORT {
	bind 127.0.0.1
	reverse_proxy UPSTREAM
}
`

func traefik(upstream string) func(context.Context, string, string, string) (*exec.Cmd, error) {
	return func(_ context.Context, path, folder, address string) (*exec.Cmd, error) {
		return inFolder(folder, path, map[string]string{
			"static.yaml": fillIn(traefikStatic, address, upstream), "routes.yaml": fillIn(traefikRoutes, address, upstream),
		}, "--configFile=static.yaml")
	}
}

const traefikStatic = `
global: {checkNewVersion: false, sendAnonymousUsage: false}
log: {level: ERROR}
entryPoints:
  web: {address: "ADDRESS"}
providers:
  file: {filename: routes.yaml}
`

const traefikRoutes = `
http:
  routers:
    app: {rule: "PathPrefix(` + "`/`" + `)", entryPoints: [web], service: app}
  services:
    app: {loadBalancer: {servers: [{url: "http://UPSTREAM"}]}}
`
