package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// String says whether there is material, not which.
func (b Bytes) String() string {
	switch {
	case b.held == nil:
		return ""
	case b.isReleased():
		return "(released)"
	}
	return "(set)"
}

// Format is String for all verbs of package fmt.
func (b Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// MarshalText is String for encoders.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// LogValue is String for logs.
func (b Bytes) LogValue() slog.Value { return slog.StringValue(b.String()) }

// String says nothing of what is in it.
func (m *Memory) String() string { return "memory of secrets" }

// Format is String for all verbs of package fmt.
func (m *Memory) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }
