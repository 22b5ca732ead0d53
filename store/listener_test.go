package store

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/descoped/authly/store/storetest"
)

// Behind some poolers LISTEN is said to one session and notifications go to another: whoever listens must find out.
func TestListenerFindsOutThatItDoesNotListen(t *testing.T) {
	config, err := pgx.ParseConfig(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	l := listener{config: config, timeout: 10 * time.Second}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, c := range []struct {
		statement string
		want      error
	}{
		{`SELECT 1`, errNotListening}, {`LISTEN another`, errNotListening}, {`LISTEN ` + changesChannel, nil}, {`UNLISTEN *`, errNotListening},
	} {
		if err := l.exec(t.Context(), conn, c.statement); err != nil {
			t.Fatal(err)
		}
		if err := l.check(t.Context(), conn); !errors.Is(err, c.want) {
			t.Errorf("after %s: got %v, want %v", c.statement, err, c.want)
		}
	}
}
