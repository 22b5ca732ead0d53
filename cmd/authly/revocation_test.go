package main_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/descoped/authly/store/storetest"
)

// revocations is how often the lag is measured: go test ./cmd/authly -run TestRevocationLag -v -revocations 200
var revocations = flag.Int("revocations", 10, "how many revocations TestRevocationLag measures, each way")

// TestRevocationLag ends sessions on one of three replicas while the other two are asked for them without pause, and
// measures from the answer 200 of the one to the last answer 200 of the others. It prints the figures; what it holds on to
// is that every replica follows, and that notifications are what makes it quick.
func TestRevocationLag(t *testing.T) {
	storeURL := storetest.PostgresURL(t)
	environ := []string{"AUTHLY_REVOCATION_POLL_INTERVAL=1s"}
	replicas := []*authly{
		start(t, storeURL, protectedEcho, environ...), start(t, storeURL, protectedEcho, environ...), start(t, storeURL, protectedEcho, environ...),
	}
	notified := measureLags(t, replicas, *revocations)
	cut := cutNotifications(t, storeURL)
	polled := measureLags(t, replicas, *revocations)
	cut()
	fmt.Printf("revocation lag, three replicas on PostgreSQL, %d revocations on two replicas each:\n", *revocations)
	fmt.Printf("  notified: median %v, 99th percentile %v, most %v\n", percentile(notified, 50), percentile(notified, 99), percentile(notified, 100))
	fmt.Printf("  polled every 1s: median %v, 99th percentile %v, most %v\n", percentile(polled, 50), percentile(polled, 99), percentile(polled, 100))
	if percentile(notified, 50)*2 > percentile(polled, 50) {
		t.Errorf("with notifications %v, without %v: they make no difference", percentile(notified, 50), percentile(polled, 50))
	}
}

// measureLags returns, for each revocation and each of the two replicas that did not make it, how long after the answer of
// the one that did they still let the token pass; less than nothing if they stopped before.
func measureLags(t *testing.T, replicas []*authly, rounds int) []time.Duration {
	t.Helper()
	var lags []time.Duration
	for range rounds {
		access := replicas[0].login(t, "admin", adminPassword).Access
		var mu sync.Mutex
		last := make([]time.Time, len(replicas))
		var hammers, warm sync.WaitGroup
		for i := 1; i < len(replicas); i++ {
			warm.Add(1)
			hammers.Go(func() {
				at := hammer(replicas[i], access, warm.Done)
				mu.Lock()
				defer mu.Unlock()
				last[i] = at
			})
		}
		warm.Wait()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, replicas[0].base+"/auth/logout", strings.NewReader(`{"scope":"session"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+access)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		answered := time.Now()
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("logout: %d", response.StatusCode)
		}
		hammers.Wait()
		for _, at := range last[1:] {
			if at.IsZero() {
				t.Fatal("a replica never stops letting the token pass, or never did")
			}
			lags = append(lags, max(0, at.Sub(answered)))
		}
	}
	return lags
}

// hammer asks for a protected path until it is refused, and returns when the last answer 200 came; zero if there is no
// refusal within ten seconds. It calls warm after the first answer.
func hammer(replica *authly, access string, warm func()) (last time.Time) {
	first := sync.OnceFunc(warm)
	defer first()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		request, err := http.NewRequest(http.MethodGet, replica.base+"/x", nil)
		if err != nil {
			return time.Time{}
		}
		request.Header.Set("Authorization", "Bearer "+access)
		response, err := client.Do(request)
		if err != nil {
			return time.Time{}
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		first()
		switch response.StatusCode {
		case http.StatusOK:
			last = time.Now()
		case http.StatusUnauthorized:
			return last
		default:
			return time.Time{}
		}
	}
	return time.Time{}
}

// cutNotifications ends every connection that listens for changes, again and again, until the function that it returns is
// called.
func cutNotifications(t *testing.T, storeURL string) (stop func()) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), storeURL)
	if err != nil {
		t.Fatal(err)
	}
	done, ended := make(chan struct{}), make(chan struct{})
	cut := func() int64 {
		tag, err := db.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE '%pg_listening_channels%' AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Errorf("ending listeners: %v", err)
		}
		return tag.RowsAffected()
	}
	if cut() == 0 {
		t.Error("nobody listened: the figures with notifications are none")
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				cut()
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		db.Close(t.Context())
	}
}

func percentile(d []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)].Round(100 * time.Microsecond)
}
