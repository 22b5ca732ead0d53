package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
)

// Dump returns what pg_dump makes of a database.
func Dump(ctx context.Context, database *url.URL) ([]byte, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	dump := exec.CommandContext(ctx, filepath.Join(bin, "pg_dump"), "--dbname", database.String())
	out, err := dump.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("pg_dump: %w: %s", err, failed.Stderr)
	}
	return out, err
}

// Data is the folder with all that the server has on disk.
func (s *Server) Data() string { return s.data() }
