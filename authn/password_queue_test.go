package authn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/descoped/authly/authn"
)

// served lets everybody through one after the other, in a bubble in which somebody has the only slot, and returns in which order.
func served(t *testing.T, q authn.HashQueue, enter func(begin func(setting bool, network, account string))) (order []string) {
	t.Helper()
	held, err := q.Begin(t.Context(), false, "held", "")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	enter(func(setting bool, network, account string) {
		go func() {
			done, err := q.Begin(t.Context(), setting, network, account)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, fmt.Sprint(map[bool]string{true: "+"}[setting], network, account))
			mu.Unlock()
			time.Sleep(time.Second)
			done()
		}()
		synctest.Wait()
	})
	held()
	time.Sleep(time.Minute)
	if waiting, served, _, remembered := q.Standing(); waiting != 0 || served != 0 || remembered != 0 {
		t.Errorf("%d wait, %d are served, %d are remembered", waiting, served, remembered)
	}
	return order
}

// A network that sends a flood waits for itself, and so does one that sets passwords; who comes first in a line goes first.
func TestHashQueueIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		order := served(t, authn.NewHashQueue(1, time.Minute), func(begin func(bool, string, string)) {
			for _, account := range []string{"1", "2", "3", "4"} {
				begin(false, "flood", account)
			}
			begin(false, "b", "1")
			begin(false, "b", "2")
			begin(false, "c", "1")
			begin(true, "flood", "")
			begin(true, "flood", "")
		})
		want := []string{"+flood", "flood1", "+flood", "b1", "c1", "flood2", "b2", "flood3", "flood4"}
		got := slices.Clone(order)
		if !slices.Equal(got, want) {
			t.Errorf("served %q, want %q", got, want)
		}
	})
}

// On one account one is served at a time, and others pass by; new passwords are hashed one at a time.
func TestHashQueueOneOfAKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := authn.NewHashQueue(3, time.Minute)
		first, err := q.Begin(t.Context(), false, "a", "alice")
		if err != nil {
			t.Fatal(err)
		}
		setting, err := q.Begin(t.Context(), true, "a", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, second := range []struct {
			setting bool
			account string
		}{{false, "alice"}, {true, ""}} {
			soon, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := q.Begin(soon, second.setting, "b", second.account); !errors.Is(err, authn.ErrUnavailable) {
				t.Errorf("beside the first of its kind: %v", err)
			}
			cancel()
		}
		other, err := q.Begin(t.Context(), false, "a", "bob")
		if err != nil {
			t.Errorf("another account: %v", err)
		}
		other()
		first()
		again, err := q.Begin(t.Context(), false, "b", "alice")
		if err != nil {
			t.Errorf("after the first: %v", err)
		}
		again()
		setting()
	})
}

// Who cannot begin in time is told so at once as soon as it is known how long one takes, else when the time is over; who hangs up
// leaves nothing behind.
func TestHashQueueSheds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := authn.NewHashQueue(2, 10*time.Second)
		for range 2 {
			if _, err := q.Begin(t.Context(), false, "held", ""); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		_, err := q.Begin(t.Context(), false, "a", "")
		if refusal, ok := errors.AsType[*authn.Error](err); !ok || refusal.Code != authn.CodeOverloaded || refusal.RetryAfter < time.Second || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		q.Took(5 * time.Second)
		ctx, hangUp := context.WithCancel(t.Context())
		ended := make(chan error, 4)
		for range 4 {
			go func() { _, err := q.Begin(ctx, false, "a", ""); ended <- err }()
		}
		synctest.Wait()
		began = time.Now()
		_, err = q.Begin(t.Context(), false, "a", "")
		if code(t, err) != authn.CodeOverloaded || time.Since(began) > 0 {
			t.Errorf("the fifth, who would have to wait for 12.5 s: %v after %v", err, time.Since(began))
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Begin(soon, false, "b", ""); code(t, err) != authn.CodeUnavailable {
			t.Errorf("another network, which waits for less: %v", err)
		}
		hangUp()
		for range 4 {
			if err := <-ended; code(t, err) != authn.CodeUnavailable {
				t.Errorf("who hangs up: %v", err)
			}
		}
		if waiting, served, shed, remembered := q.Standing(); waiting != 0 || served != 2 || shed != 2 || remembered != 0 {
			t.Errorf("%d wait, %d are served, %d were shed, %d are remembered", waiting, served, shed, remembered)
		}
	})
}

// No network fills the queue, and all together fill it only for those of whom more wait.
func TestHashQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, network := authn.WaitingBounds()
		q := authn.NewHashQueue(1, time.Minute)
		held, err := q.Begin(t.Context(), false, "held", "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, hangUp := context.WithCancel(t.Context())
		refused := make(chan error, 2*all)
		crowd := func(network string, n int) {
			for range n {
				go func() {
					if _, err := q.Begin(ctx, false, network, ""); err != nil {
						refused <- err
					}
				}()
			}
			synctest.Wait()
		}
		crowd("a", network+3)
		if waiting, _, shed, _ := q.Standing(); waiting != network || shed != 3 {
			t.Errorf("%d of one network wait, %d were shed", waiting, shed)
		}
		crowd("b", all-network)
		crowd("c", 5) // each of these takes the place of one of the others
		crowd("b", 1)
		if waiting, _, shed, _ := q.Standing(); waiting != all || shed != 3+5+1 {
			t.Errorf("%d wait, %d were shed", waiting, shed)
		}
		for range 3 + 5 + 1 {
			if err := <-refused; code(t, err) != authn.CodeOverloaded {
				t.Errorf("%v", err)
			}
		}
		hangUp()
		held()
		synctest.Wait()
		if waiting, served, _, remembered := q.Standing(); waiting != 0 || served != 0 || remembered != 0 {
			t.Errorf("%d wait, %d are served, %d are remembered", waiting, served, remembered)
		}
	})
}
