package secret

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/descoped/authly/authn"
)

const (
	tendEvery = 30 * time.Second // between two looks at the data keys

	// retireAfter is how long a data key is kept at least when another one seals: by then every replica has looked many times. One
	// that has not, since it was stopped all that time, is refused by the store when it seals, and looks.
	retireAfter = time.Hour
)

// Reseal seals anew what somebody keeps and is not sealed as it would be now, row by row.
type Reseal func(ctx context.Context) error

// Run keeps up with the data keys of the store until ctx ends: it adds the next when it is time, has what is sealed with earlier ones
// sealed anew, and removes those that are not used any more. Of replicas that do so at once one succeeds.
func (s *Sealer) Run(ctx context.Context, kept ...Reseal) {
	ticker := time.NewTicker(tendEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := s.Tend(ctx, kept...)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && failing:
			s.cfg.Log.InfoContext(ctx, "the data keys are looked after again")
		case err != nil && !failing:
			s.cfg.Log.WarnContext(ctx, "the data keys cannot be looked after: those that are known go on", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Tend does once what Run does again and again.
func (s *Sealer) Tend(ctx context.Context, kept ...Reseal) error {
	if err := s.Load(ctx); err != nil {
		return err
	}
	stored, err := s.cfg.Keys.ListDataKeys(ctx)
	if err != nil {
		return err
	}
	last := stored[len(stored)-1]
	if now := s.cfg.Now(); s.cfg.RotateEvery > 0 && !now.Before(last.CreatedAt.Add(s.cfg.RotateEvery)) {
		if err := s.rotate(ctx, last); err != nil {
			return err
		}
	}
	if err := s.reseal(ctx, kept); err != nil {
		return err
	}
	s.scrub(ctx)
	if len(stored) == 1 {
		return nil
	}
	_, err = s.cfg.Keys.PurgeDataKeys(ctx, s.cfg.Now().Add(-retireAfter))
	return err
}

// rotate adds the next data key, wrapped by the master key that is in use.
func (s *Sealer) rotate(ctx context.Context, last authn.DataKey) error {
	master, err := s.wrapper(last.Master)
	if err != nil {
		return err
	}
	if _, err := s.add(ctx, master, last.ID, systemAct(s.cfg.Now())); err != nil {
		return fmt.Errorf("the next data key: %w", err)
	}
	return s.Load(ctx)
}

// reseal has everything sealed with the newest data key, unless that was done.
func (s *Sealer) reseal(ctx context.Context, kept []Reseal) error {
	s.mu.Lock()
	stale := s.stale
	s.stale = false
	s.mu.Unlock()
	if !stale {
		return nil
	}
	err := s.resealAll(ctx, kept)
	if err != nil {
		s.mu.Lock()
		s.stale = true
		s.mu.Unlock()
	}
	return err
}

func (s *Sealer) resealAll(ctx context.Context, kept []Reseal) error {
	names, err := s.cfg.Keys.Sealings(ctx)
	if err != nil {
		return err
	}
	for _, reseal := range kept {
		if err := reseal(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = s.open || slices.Contains(names, "")
	return nil
}

// scrub has the database forget what was not sealed at all, where it had that. Nothing depends on it but what a thief may find.
func (s *Sealer) scrub(ctx context.Context) {
	s.mu.Lock()
	open := s.open
	s.open = false
	s.mu.Unlock()
	if !open {
		return
	}
	if err := s.cfg.Keys.Scrub(ctx, true); err != nil {
		s.cfg.Log.WarnContext(ctx, "what was not sealed may still be found in the files of the database, it is tried again", "error", err)
		s.mu.Lock()
		s.open = true
		s.mu.Unlock()
	}
}
