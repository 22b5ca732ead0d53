package limit

import (
	"context"
	"errors"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/descoped/authly/authn"
)

// patience bounds what the caller's context does not: connections that nobody waits for any more.
const patience = time.Second

// Server is a Redis or Valkey server.
type Server struct {
	client *redis.Client
	rate   *redis_rate.Limiter
}

var _ authn.SharedLimits = (*Server)(nil)

// Open returns the server of an address: redis://[USER:PASSWORD@]HOST:PORT[/DATABASE], or rediss:// for TLS. It connects when
// it is first asked. No error repeats the password.
func Open(address string) (*Server, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("no address of a Redis or Valkey server") // the library's error repeats it
	}
	options.ContextTimeoutEnabled = true // a context's end holds, rather than the times below
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = patience, patience, patience
	options.MaxRetries, options.DialerRetries = -1, 1 // who asks has no time for a second try, and counts by itself
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	logging.Disable() // of the whole library: it writes to standard error, and every error is returned as well
	client := redis.NewClient(options)
	return &Server{client: client, rate: redis_rate.NewLimiter(client)}, nil
}

// Close closes the connections.
func (s *Server) Close() error { return s.client.Close() }

// Take takes n tokens from a bucket, if they are there.
func (s *Server) Take(ctx context.Context, key string, limit authn.Limit, n int) (authn.Level, bool, error) {
	r, err := s.rate.AllowN(ctx, key, redis_rate.Limit{Rate: limit.Requests, Burst: limit.Requests, Period: limit.Per}, n)
	if err != nil {
		return authn.Level{}, false, err
	}
	level := authn.Level{Remaining: r.Remaining}
	each := limit.Per / time.Duration(limit.Requests)
	switch {
	case r.Allowed < n:
		level.Wait = r.RetryAfter
	case r.Remaining < 1: // the bucket is full in ResetAfter, and has one token when all the others are still missing
		level.Wait = max(r.ResetAfter-limit.Per+each, time.Microsecond)
	}
	return level, r.Allowed >= n, nil
}
