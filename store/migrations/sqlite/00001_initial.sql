-- +goose Up

-- Rows that acts lock (guards) and facts about the database itself. first_start is written once and never removed.
CREATE TABLE guards (
    name  TEXT PRIMARY KEY,
    since INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO guards (name) VALUES ('administrators'), ('keys');

-- Times are microseconds since 1970, UTC.
CREATE TABLE users (
    id              TEXT PRIMARY KEY,
    username        TEXT NOT NULL,
    email           TEXT NOT NULL,
    email_key       TEXT NOT NULL,
    password_hash   TEXT NOT NULL,
    password_scheme TEXT NOT NULL, -- of password_hash, for counting
    is_active       INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    is_verified     INTEGER NOT NULL CHECK (is_verified IN (0, 1)),
    is_admin        INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    roles           TEXT NOT NULL, -- a JSON array of strings
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    last_login      INTEGER,
    -- When both are taken SQLite reports the one declared last, and the username is to be reported.
    CONSTRAINT users_email_unique UNIQUE (email_key),
    CONSTRAINT users_username_unique UNIQUE (username)
) STRICT;

CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_scheme ON users (password_scheme);
CREATE INDEX users_administrators ON users (id) WHERE is_admin AND is_active;

CREATE TABLE tokens (
    id             TEXT PRIMARY KEY,
    jti            TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id     TEXT NOT NULL,
    hash           BLOB NOT NULL, -- of the claims, never the token
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    invalidated_at INTEGER,
    client_address TEXT NOT NULL,
    user_agent     TEXT NOT NULL,
    CONSTRAINT tokens_jti_unique UNIQUE (jti)
) STRICT;

CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

CREATE TABLE lockouts (
    account      TEXT PRIMARY KEY,
    failures     INTEGER NOT NULL,
    last_failure INTEGER NOT NULL,
    locked_until INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX lockouts_by_time ON lockouts (last_failure);

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    purpose    TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    material   BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
