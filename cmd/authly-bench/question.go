package main

import "strings"

// dialects are the ways in which front proxies ask, with the request line and headers of each for a page. Traefik and Caddy
// pass on what the browser sent.
func dialects() map[string]func(host, path string) string {
	forwarded := func(host, path string) string {
		return "X-Forwarded-Method: GET\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: " + host + "\r\nX-Forwarded-Uri: " + path + "\r\n"
	}
	const browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\nCookie: theme=dark; consent=1\r\nSec-Fetch-Mode: navigate\r\n"
	return map[string]func(host, path string) string{
		"nginx": func(host, path string) string {
			return "GET /authz/nginx HTTP/1.1\r\nHost: authly\r\nX-Original-Method: GET\r\nX-Original-URL: https://" + host + path + "\r\n"
		},
		"traefik": func(host, path string) string {
			return "GET /authz/traefik HTTP/1.1\r\nHost: authly\r\n" + browser + forwarded(host, path)
		},
		"caddy": func(host, path string) string {
			return "GET /authz/caddy HTTP/1.1\r\nHost: authly\r\n" + browser + forwarded(host, path)
		},
		"haproxy": func(host, path string) string {
			return "GET /authz/haproxy HTTP/1.1\r\nHost: authly\r\n" + forwarded(host, path)
		},
		"envoy": func(host, path string) string {
			return "GET /authz/envoy" + path + " HTTP/1.1\r\nHost: " + host + "\r\nX-Forwarded-Proto: https\r\n"
		},
	}
}

// question is what a front proxy asks about a request for a page, with a bearer token unless it is empty.
func question(dialect, host, path, token string) []byte {
	credential := ""
	if token != "" {
		credential = "Authorization: Bearer " + token + "\r\n"
	}
	return []byte(dialects()[dialect](host, path) + "X-Forwarded-For: 203.0.113.9\r\n" + credential + "\r\n")
}

// browserQuestion is the same about a browser's request, with a session cookie among the application's own.
func browserQuestion(dialect, host, path, cookie string) []byte {
	asked := dialects()[dialect](host, path)
	const others = "Cookie: theme=dark; consent=1"
	if strings.Contains(asked, others) {
		asked = strings.Replace(asked, others, others+"; "+cookie, 1)
	} else {
		asked += others + "; " + cookie + "\r\n"
	}
	return []byte(asked + "X-Forwarded-For: 203.0.113.9\r\n\r\n")
}

// ask is nginx's question about a page that the last route of a hostTable is for.
func ask(token string) []byte { return question("nginx", lastHost, "/reports/2024?page=2", token) }

// page is a request for a page itself.
func page(host, path, token string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nAccept: */*\r\nUser-Agent: authly-bench\r\n" +
		"Authorization: Bearer " + token + "\r\n\r\n")
}
