-- +goose Up

-- A session that somebody asked to be remembered in ends by age and not by idleness.
ALTER TABLE sessions ADD COLUMN remembered INTEGER NOT NULL DEFAULT 0;

-- What browsers hold of sessions: the SHA-256 of the value in hex, never the value. A cookie goes with its session.
CREATE TABLE cookies (
    hash       TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX cookies_by_session ON cookies (session_id);
