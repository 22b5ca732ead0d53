package authn

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
)

// LogEvents returns what writes each event that was kept as a line of a log: msg is audit, and the fields are those of the
// trail. What is empty is left out.
func LogEvents(log *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		log.LogAttrs(ctx, e.level(), "audit", e.attributes()...)
	}
}

// level is a warning for what somebody should look at: a theft, and the end of a key.
func (e *Event) level() slog.Level {
	if e.Kind == EventRefreshReused || e.Kind == EventKeyRevoked || e.Kind == EventLocked {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func (e *Event) attributes() []slog.Attr {
	attrs := []slog.Attr{
		slog.Int64("audit_id", e.ID), slog.String("event", string(e.Kind)), slog.String("outcome", string(e.Outcome)),
		slog.String("actor", string(e.Actor.Kind)),
	}
	for _, one := range []struct{ name, value string }{
		{"reason", e.Reason}, {"actor_id", e.Actor.ID}, {"user_id", textOf(e.Subject)}, {"session_id", textOf(e.Session)},
		{"client", addressText(e.From)}, {"country", e.Country}, {"city", e.City}, {"user_agent", e.From.UserAgent}, {"request_id", e.From.RequestID},
	} {
		if one.value != "" {
			attrs = append(attrs, slog.String(one.name, one.value))
		}
	}
	if e.Count > 1 {
		attrs = append(attrs, slog.Int("count", e.Count))
	}
	for _, name := range e.Details.Names() {
		attrs = append(attrs, slog.String(string(name), e.Details[name]))
	}
	return attrs
}

func textOf(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
