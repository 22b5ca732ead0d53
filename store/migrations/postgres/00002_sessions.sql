-- +goose Up

-- A session is one login. expires_at is when the last of its tokens dies: at their expiry, or when the session was ended.
CREATE TABLE sessions (
    id             TEXT COLLATE "C" PRIMARY KEY,
    user_id        TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at     BIGINT NOT NULL,
    last_seen_at   BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    ended_at       BIGINT,
    client_address TEXT NOT NULL,
    user_agent     TEXT NOT NULL
);

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
ALTER TABLE tokens
    ADD COLUMN companion TEXT COLLATE "C",
    ADD COLUMN successor TEXT COLLATE "C",
    ADD COLUMN rotated_by TEXT,
    ADD COLUMN key_id TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN claims BYTEA;

CREATE INDEX tokens_by_session ON tokens (session_id);

-- What replicas must hear of. Positions are given out when an entry is written and not when it is committed; who has read the
-- feed knows by the transaction what was not yet committed then.
CREATE TABLE changes (
    position   BIGSERIAL PRIMARY KEY,
    xid        XID8 NOT NULL DEFAULT pg_current_xact_id(),
    kind       TEXT NOT NULL,
    user_id    TEXT,
    session_id TEXT,
    jti        TEXT,
    key_id     TEXT,
    made_at    BIGINT NOT NULL
);

CREATE INDEX changes_by_transaction ON changes (xid);
CREATE INDEX changes_by_time ON changes (made_at);

-- One row: a name for this feed that no other has.
CREATE TABLE feed (
    epoch TEXT PRIMARY KEY
);

INSERT INTO feed (epoch) VALUES (CAST(gen_random_uuid() AS TEXT));
