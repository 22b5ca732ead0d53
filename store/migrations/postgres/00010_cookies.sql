-- +goose Up

-- A session that somebody asked to be remembered in ends by age and not by idleness.
ALTER TABLE sessions ADD COLUMN remembered BOOLEAN NOT NULL DEFAULT FALSE;

-- What browsers hold of sessions: the SHA-256 of the value in hex, never the value. A cookie goes with its session.
CREATE TABLE cookies (
    hash       TEXT COLLATE "C" PRIMARY KEY,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX cookies_by_session ON cookies (session_id);
