// Package limit counts requests in a Redis or Valkey server, so that a limit holds for all replicas together.
//
// What is kept there is worth little: each key is gone as soon as it would say nothing more, and what happens while the server
// is away is authn's to decide. A bucket is one number, the time at which it will be full again, and is changed by a script of
// go-redis/redis_rate in one step (the generic cell rate algorithm), by the server's own clock.
package limit
