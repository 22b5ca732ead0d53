package api

import (
	"context"
	_ "embed" // for the files that are served as they are
	"fmt"
	"net/http"
	"time"

	"github.com/descoped/authly/authn"
)

//go:embed style.css
var style []byte

// How long a database may take to say that it is there.
const pingTimeout = 2 * time.Second

// briefly lets everybody keep an answer that is the same for everybody, but not so long that a new version would be missed.
const briefly = "public, max-age=300"

// keysKept is for how long the public keys may be kept: whoever fetches them again after that knows a key before it signs.
const keysKept = authn.PublishAhead / 2

type healthAnswer struct {
	Status   string `json:"status"`
	Database string `json:"database"`
}

type keySet struct {
	Keys []authn.JWK `json:"keys"`
}

// health says whether logins can work at present.
func (a *API) health(c *call) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), pingTimeout)
	defer cancel()
	if err := a.cfg.Store.Ping(ctx); err != nil {
		a.cfg.Log.WarnContext(ctx, "the store does not answer", "error", err)
		c.w.Header().Set("Retry-After", "1")
		return c.answer(http.StatusServiceUnavailable, healthAnswer{"unhealthy", "disconnected"})
	}
	return c.answer(http.StatusOK, healthAnswer{"healthy", "connected"})
}

// jwks publishes the keys by which others can check access tokens and assertions (RFC 7517 section 5).
func (a *API) jwks(c *call) error {
	body, err := marshal(keySet{a.cfg.Keys.PublicKeys()})
	if err != nil {
		return err
	}
	c.w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", keysKept/time.Second))
	send(c.w, http.StatusOK, "application/jwk-set+json", body)
	return nil
}

func (a *API) openapi(c *call) error { return c.publish(jsonType, a.document) }

func (a *API) docs(c *call) error { return c.publish("text/html; charset=utf-8", a.page) }

func (a *API) stylesheet(c *call) error { return c.publish("text/css; charset=utf-8", style) }

// publish answers with something that is the same for everybody.
func (c *call) publish(contentType string, body []byte) error {
	c.w.Header().Set("Cache-Control", briefly)
	send(c.w, http.StatusOK, contentType, body)
	return nil
}
