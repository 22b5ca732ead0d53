package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profileSeconds is how long a profile is taken.
const profileSeconds = 5

// profile keeps a profile of the processor time that a replica spends on being measured, for go tool pprof.
func (s *stage) profile(ctx context.Context, name string, r *replica, under *contender) error {
	if s.pace.profiles == "" || r == nil {
		return nil
	}
	seconds := s.pace.scale(profileSeconds, 1)
	loading, stop := context.WithCancel(ctx)
	loaded := make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			_, err = under.measure(loading)
		}
		loaded <- err
	}()
	err := r.fetchProfile(ctx, seconds, filepath.Join(s.pace.profiles, fileName(name)))
	stop()
	if failed := <-loaded; !errors.Is(failed, context.Canceled) {
		err = errors.Join(err, failed)
	}
	return err
}

func (r *replica) fetchProfile(ctx context.Context, seconds int, path string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+startLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.ops, seconds), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("the profile: status %d, %w", response.StatusCode, err)
	}
	return os.WriteFile(path, content, 0o600)
}

// fileName makes a name of a file of what a row is called.
func fileName(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool {
		return !('a' <= c && c <= 'z' || '0' <= c && c <= '9')
	})
	return strings.Join(words, "-") + ".pprof"
}
