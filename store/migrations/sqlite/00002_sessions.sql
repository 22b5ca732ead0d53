-- +goose Up

-- A session is one login. expires_at is when the last of its tokens dies: at their expiry, or when the session was ended.
CREATE TABLE sessions (
    id             TEXT PRIMARY KEY,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at     INTEGER NOT NULL,
    last_seen_at   INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    ended_at       INTEGER,
    client_address TEXT NOT NULL,
    user_agent     TEXT NOT NULL
) STRICT;

-- Tokens of before have named their session: it is as old as the first of them, and ended if none of them is valid.
INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, ended_at, client_address, user_agent)
SELECT session_id, user_id, created_at, last_seen_at,
    CASE WHEN ended_at < expires_at THEN ended_at ELSE expires_at END, ended_at, client_address, user_agent
FROM (
    SELECT session_id, user_id, created_at, client_address, user_agent,
        row_number() OVER (PARTITION BY session_id ORDER BY created_at, id) AS place,
        max(created_at) OVER (PARTITION BY session_id) AS last_seen_at,
        max(expires_at) OVER (PARTITION BY session_id) AS expires_at,
        CASE WHEN count(*) OVER (PARTITION BY session_id) = count(invalidated_at) OVER (PARTITION BY session_id)
            THEN max(invalidated_at) OVER (PARTITION BY session_id) END AS ended_at
    FROM tokens
) AS t
WHERE place = 1;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_age ON sessions (created_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_sight ON sessions (last_seen_at) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Of a refresh token: the access token that was issued with it. When it is rotated: the refresh token that followed, and the
-- user agent that used it. key_id is the key that signed; claims, as JSON, are kept where a token may be minted again.
ALTER TABLE tokens ADD COLUMN companion TEXT;
ALTER TABLE tokens ADD COLUMN successor TEXT;
ALTER TABLE tokens ADD COLUMN rotated_by TEXT;
ALTER TABLE tokens ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN claims BLOB;

CREATE INDEX tokens_by_session ON tokens (session_id);

-- What replicas must hear of. One writes at a time: positions are in the order of commits.
CREATE TABLE changes (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    user_id    TEXT,
    session_id TEXT,
    jti        TEXT,
    key_id     TEXT,
    made_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX changes_by_time ON changes (made_at);

-- One row: a name for this feed that no other has.
CREATE TABLE feed (
    epoch TEXT PRIMARY KEY
) STRICT;

INSERT INTO feed (epoch) VALUES (lower(hex(randomblob(16))));
