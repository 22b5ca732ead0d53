package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// micros is how a time is kept: microseconds since 1970, UTC.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// nullMicros keeps the zero time as NULL.
func nullMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromNullMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return fromMicros(n.Int64)
}

// encodeRoles keeps roles as a JSON array: both databases have text, only one has arrays.
func encodeRoles(roles []string) (string, error) {
	if len(roles) == 0 {
		return "[]", nil
	}
	encoded, err := json.Marshal(roles)
	return string(encoded), err
}

// decodeRoles never returns nil without an error.
func decodeRoles(encoded string) ([]string, error) {
	roles := []string{}
	if err := json.Unmarshal([]byte(encoded), &roles); err != nil || roles == nil {
		return nil, fmt.Errorf("the roles of a user are no JSON array of strings: %w", err)
	}
	return roles, nil
}

// nullText keeps the empty string as NULL.
func nullText(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// nullBytes keeps no bytes as NULL.
func nullBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}
