-- +goose Up

-- The domain to whose hosts alone a cookie is a credential; empty: to those of the login page's. A session may have one for each.
ALTER TABLE cookies ADD COLUMN domain TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Browsers on their way to another domain: the SHA-256 of the code's name in hex, and what it was issued for, with which it goes.
CREATE TABLE handovers (
    hash       TEXT COLLATE "C" PRIMARY KEY,
    cookie     TEXT COLLATE "C" NOT NULL REFERENCES cookies (hash) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX handovers_by_cookie ON handovers (cookie);
