// Command go is an application that believes no header but a signed one: it greets whom X-Authly-Assertion names, after it has
// checked that Authly signed it, for this application, a moment ago, and about this request.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// What has to be known beforehand. None of it may come from the request.
var (
	address   = setting("ADDRESS", "127.0.0.1:3000")
	issuer    = setting("ISSUER", "http://localhost:8080") // tokens.issuer of Authly, by default its server.public_url
	keys      = setting("KEYS", issuer+"/.well-known/jwks.json")
	algorithm = setting("ALGORITHM", "EdDSA")    // tokens.algorithm of Authly, EdDSA if that is empty or HS…
	audience  = setting("AUDIENCE", "wiki")      // the audience of the route, by default its name
	host      = setting("APP_HOST", "localhost") // by which this application is asked for
)

func setting(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

// assertion holds the claims of X-Authly-Assertion.
type assertion struct {
	jwt.RegisteredClaims
	Session  string   `json:"sid"`
	Username string   `json:"username"`
	Email    string   `json:"email"`
	Roles    []string `json:"roles"`
	Method   string   `json:"method"`
	Host     string   `json:"host"`
}

// verifier checks assertions. It is safe for use by many goroutines.
type verifier struct {
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
}

// caller returns who sent a request, or why that is not known.
func (v *verifier) caller(r *http.Request) (*assertion, error) {
	values := r.Header.Values("X-Authly-Assertion")
	if len(values) != 1 {
		return nil, errors.New("not one assertion")
	}
	var claims assertion
	token, err := v.parser.ParseWithClaims(values[0], &claims, v.keys.Keyfunc)
	switch {
	case err != nil:
		return nil, err
	case token.Header["typ"] != "authly-assertion+jwt": // another kind of token, signed by keys of the same set
		return nil, errors.New("not an assertion")
	case claims.Method != r.Method || claims.Host != host:
		return nil, errors.New("an assertion about another request")
	}
	return &claims, nil
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, err := v.caller(r)
	if err != nil {
		log.Printf("refused: %v", err)
		http.Error(w, "Not authenticated", http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, "hello %s, your roles are %q\n", who.Username, who.Roles)
}

func main() {
	set, err := keyfunc.NewDefaultCtx(context.Background(), []string{keys}) // reads them again by and by, and when there is a new one
	if err != nil {
		log.Fatal(err)
	}
	handler := &verifier{keys: set, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(5*time.Second),
	)}
	log.Printf("listening on %s", address)
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
