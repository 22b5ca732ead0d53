-- +goose Up

-- Tokens that were mailed. A row is removed when its token is spent. hash is of the kind and the token. user_id is NULL of an
-- invitation, and of what is kept for an address that has no account, which has the kind decoy. email is where it was mailed.
CREATE TABLE mail_tokens (
    hash       BLOB PRIMARY KEY,
    kind       TEXT NOT NULL,
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL,
    username   TEXT NOT NULL, -- of an invitation: what is proposed
    roles      TEXT NOT NULL, -- of an invitation: a JSON array of strings
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX mail_tokens_by_user ON mail_tokens (user_id);
CREATE INDEX mail_tokens_by_address ON mail_tokens (email_key);
CREATE INDEX mail_tokens_by_expiry ON mail_tokens (expires_at);

-- Mails that wait. A row is removed when its mail is sent, and when the token in it dies. sealing names what body is sealed with;
-- '' is nothing. Who sends a mail moves due_at ahead first. Of a mail that was given up, at failed_at, the body is erased.
CREATE TABLE mails (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    body       BLOB,
    sealing    TEXT NOT NULL,
    token_hash BLOB REFERENCES mail_tokens (hash) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    failed_at  INTEGER
) STRICT;

CREATE INDEX mails_by_turn ON mails (due_at) WHERE failed_at IS NULL AND kind <> 'decoy';
CREATE INDEX mails_by_token ON mails (token_hash);
