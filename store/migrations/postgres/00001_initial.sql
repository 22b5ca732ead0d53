-- +goose Up

-- Rows that acts lock (guards) and facts about the database itself. first_start is written once and never removed.
CREATE TABLE guards (
    name  TEXT COLLATE "C" PRIMARY KEY,
    since BIGINT NOT NULL DEFAULT 0
);

INSERT INTO guards (name) VALUES ('administrators'), ('keys');

-- Times are microseconds since 1970, UTC. Keys are compared byte by byte, whatever the collation of the database.
CREATE TABLE users (
    id              TEXT COLLATE "C" PRIMARY KEY,
    username        TEXT COLLATE "C" NOT NULL,
    email           TEXT NOT NULL,
    email_key       TEXT COLLATE "C" NOT NULL,
    password_hash   TEXT NOT NULL,
    password_scheme TEXT COLLATE "C" NOT NULL, -- of password_hash, for counting
    is_active       BOOLEAN NOT NULL,
    is_verified     BOOLEAN NOT NULL,
    is_admin        BOOLEAN NOT NULL,
    roles           TEXT NOT NULL, -- a JSON array of strings
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    last_login      BIGINT,
    CONSTRAINT users_username_unique UNIQUE (username),
    CONSTRAINT users_email_unique UNIQUE (email_key)
);

CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_scheme ON users (password_scheme);
CREATE INDEX users_administrators ON users (id) WHERE is_admin AND is_active;

CREATE TABLE tokens (
    id             TEXT COLLATE "C" PRIMARY KEY,
    jti            TEXT COLLATE "C" NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
    user_id        TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id     TEXT COLLATE "C" NOT NULL,
    hash           BYTEA NOT NULL, -- of the claims, never the token
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    invalidated_at BIGINT,
    client_address TEXT NOT NULL,
    user_agent     TEXT NOT NULL,
    CONSTRAINT tokens_jti_unique UNIQUE (jti)
);

CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

CREATE TABLE lockouts (
    account      TEXT COLLATE "C" PRIMARY KEY,
    failures     BIGINT NOT NULL,
    last_failure BIGINT NOT NULL,
    locked_until BIGINT
);

CREATE INDEX lockouts_by_time ON lockouts (last_failure);

CREATE TABLE keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    purpose    TEXT NOT NULL,
    algorithm  TEXT NOT NULL,
    material   BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
