package store

import (
	"context"
	"crypto/rand"
)

// saltBytes is how long a salt is: as long as the digests that it goes into.
const saltBytes = 32

// Salt returns the random value of that name, which is made when it is first asked for, and is the same for all replicas ever
// after. Whoever can read the database knows it.
func (s *Store) Salt(ctx context.Context, name string) (salt []byte, err error) {
	if err := checkTexts(text{"name", name, keyLimit}); err != nil {
		return nil, err
	}
	fresh := make([]byte, saltBytes)
	rand.Read(fresh) // never fails: crypto/rand ends the program instead
	err = s.write(ctx, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, `INSERT INTO salts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, fresh)
		if err != nil {
			return err
		}
		return q.QueryRowContext(ctx, `SELECT value FROM salts WHERE name = $1`, name).Scan(&salt)
	})
	return salt, err
}
