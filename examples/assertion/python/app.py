"""An application that believes no header but a signed one: it greets whom X-Authly-Assertion names, after it has checked
that Authly signed it, for this application, a moment ago, and about this request."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt  # PyJWT with its extra "crypto"

# What has to be known beforehand. None of it may come from the request.
ADDRESS = os.environ.get("ADDRESS", "127.0.0.1:3000")
ISSUER = os.environ.get("ISSUER", "http://localhost:8080")  # tokens.issuer of Authly, by default its server.public_url
KEYS = os.environ.get("KEYS", ISSUER + "/.well-known/jwks.json")
ALGORITHM = os.environ.get("ALGORITHM", "EdDSA")  # tokens.algorithm of Authly, EdDSA if that is empty or HS...
AUDIENCE = os.environ.get("AUDIENCE", "wiki")  # the audience of the route, by default its name
APP_HOST = os.environ.get("APP_HOST", "localhost")  # by which this application is asked for

keys = jwt.PyJWKClient(KEYS)  # remembers them for five minutes, and reads them again when there is a new one


def caller(method, headers):
    """Returns the claims of who sent a request; raises jwt.PyJWTError if that is not known."""
    values = headers.get_all("X-Authly-Assertion", [])
    if len(values) != 1:
        raise jwt.InvalidTokenError("not one assertion")
    token = values[0]
    if jwt.get_unverified_header(token).get("typ") != "authly-assertion+jwt":
        raise jwt.InvalidTokenError("not an assertion")  # another kind of token, signed by keys of the same set
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token).key,
        algorithms=[ALGORITHM],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=5,
        options={"require": ["exp", "iat", "sub"]},
    )
    if claims["method"] != method or claims["host"] != APP_HOST:
        raise jwt.InvalidTokenError("an assertion about another request")
    return claims


class App(BaseHTTPRequestHandler):
    def answer(self):
        try:
            who = caller(self.command, self.headers)
            status, text = 200, "hello %s, your roles are %s\n" % (who["username"], who["roles"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as reason:
            self.log_message("refused: %s", reason)
            status, text = 401, "Not authenticated\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer


if __name__ == "__main__":
    name, port = ADDRESS.rsplit(":", 1)
    ThreadingHTTPServer((name, int(port)), App).serve_forever()
