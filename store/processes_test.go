package store_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/descoped/authly/authn"
	"github.com/descoped/authly/store"
	"github.com/descoped/authly/store/storetest"
)

// childVariable makes this test program write to the named database instead of testing.
const childVariable = "AUTHLY_STORE_CHILD"

func TestMain(m *testing.M) {
	if database := os.Getenv(childVariable); database != "" {
		if err := writeUsers(context.Background(), database, fmt.Sprint("child", os.Getpid())); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const usersPerProcess = 50

// writeUsers opens the database, takes part in a lockout, and creates users with sessions.
func writeUsers(ctx context.Context, database, name string) error {
	s, err := store.Open(ctx, database, store.Options{})
	if err != nil {
		return err
	}
	policy := authn.LockoutPolicy{Failures: 1000, Duration: time.Hour}
	for i := range usersPerProcess {
		if err := s.CreateUser(ctx, user(fmt.Sprintf("%s-%d", name, i)), storetest.By(time.Now())); err != nil {
			return err
		}
		if _, err := s.CountAttempt(ctx, authn.Attempt{Account: "everybody"}, policy, time.Unix(1, 0)); err != nil {
			return err
		}
	}
	return s.Close()
}

// A running server and authly user, or two servers by mistake, work on one file at a time: nothing fails, nothing is lost.
func TestSQLiteSeveralProcesses(t *testing.T) {
	database := "sqlite://" + filepath.Join(t.TempDir(), "authly.db")
	const processes = 3
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childVariable+"="+database)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("a process beside this one: %v\n%s", err, out)
			}
		})
	}
	if err := writeUsers(t.Context(), database, "parent"); err != nil {
		t.Errorf("this process: %v", err)
	}
	all.Wait()
	s, err := store.Open(t.Context(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	want := (processes + 1) * usersPerProcess
	users, err := s.ListUsers(t.Context(), 0, 2*want)
	if err != nil || len(users) != want {
		t.Errorf("%d users, error %v; want %d", len(users), err, want)
	}
	// The counter has seen every attempt: the next one is the one that locks.
	policy := authn.LockoutPolicy{Failures: want + 1, Duration: time.Hour}
	for i, locked := range []bool{false, true} {
		r, err := s.CountAttempt(t.Context(), authn.Attempt{Account: "everybody"}, policy, time.Unix(1, 0))
		if err != nil || r.Locked != locked {
			t.Errorf("attempt %d after all: %+v, error %v; want locked %v", i, r, err, locked)
		}
	}
}
