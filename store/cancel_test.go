package store

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store/storetest"
)

// What a client may say first (PostgreSQL's documentation, "Message Formats").
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
)

// doorman stands before a server and notes what clients say first.
type doorman struct {
	mu    sync.Mutex
	heard map[uint32]int
}

// standBefore returns the database's URL by way of the doorman.
func (d *doorman) standBefore(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Go(func() { d.pass(client, server) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); calls.Wait() })
	u.Host = listener.Addr().String()
	return u.String()
}

func (d *doorman) pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	first := make([]byte, 8) // the length, and what it is
	if _, err := io.ReadFull(client, first); err != nil {
		return
	}
	d.mu.Lock()
	d.heard[binary.BigEndian.Uint32(first[4:])]++
	d.mu.Unlock()
	if _, err := server.Write(first); err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

func (d *doorman) count(what uint32) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.heard[what]
}

// Who gives up an act says so to the server on a connection of its own. Whoever read along there could end other acts too.
func TestPostgresEncryptsCancellation(t *testing.T) {
	secure := storetest.SecurePostgres(t)
	owner, _ := secure.Database(t)
	d := &doorman{heard: map[uint32]int{}}
	s, err := Open(t.Context(), d.standBefore(t, owner), Options{MaxConnections: 2, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u := authn.User{ID: uuid.New(), Username: "alice", EmailKey: "alice", PasswordHash: "x", Active: true}
	if err := s.CreateUser(t.Context(), u, storetest.By(time.Now())); err != nil {
		t.Fatal(err)
	}
	other, err := openAs(t, owner)
	if err != nil {
		t.Fatal(err)
	}
	holding, err := other.engine.writes.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holding.Rollback() }()
	if _, err := holding.ExecContext(t.Context(), `SELECT 1 FROM users FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	before := d.count(sslRequest)
	giveUp, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.DeleteUser(giveUp, u.ID, storetest.By(time.Now())); !errors.Is(err, authn.ErrUnavailable) {
		t.Errorf("an act that was given up: %v, want ErrUnavailable", err)
	}
	if d.count(cancelRequest) != 0 || d.count(sslRequest) <= before {
		t.Errorf("said first: %v, of which %d to begin with; want one more by TLS", d.heard, before)
	}
}
