package store

import "context"

// purgeBatch is how many rows one transaction of a purge removes at most.
const purgeBatch = 1000

// purge repeats a DELETE, whose last parameter is the size of a batch, until nothing is left. Rows that somebody else has
// locked are left out, and so a purge neither waits for an act nor deadlocks with one.
func (s *Store) purge(ctx context.Context, statement string, args ...any) (total int, err error) {
	args = append(args, purgeBatch)
	for {
		removed := 0
		err := s.write(ctx, func(ctx context.Context, q querier) (err error) {
			removed, err = affected(q.ExecContext(ctx, statement, args...))
			return err
		})
		if err != nil {
			return total, err
		}
		if total += removed; removed < purgeBatch {
			return total, nil
		}
	}
}
