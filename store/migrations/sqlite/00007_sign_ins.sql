-- +goose Up

-- Where a session began, as far as was known then; '' is not known.
ALTER TABLE sessions ADD COLUMN country TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN city TEXT NOT NULL DEFAULT '';

-- The last sign-ins of each user, in the order of position. latitude, longitude and accuracy (kilometres) are NULL where the
-- place is not known, asn is 0. vector is text, such as [1,-2].
CREATE TABLE sign_ins (
    position       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at             INTEGER NOT NULL,
    client_address TEXT NOT NULL,
    network        TEXT NOT NULL,
    device         TEXT NOT NULL,
    country        TEXT NOT NULL,
    city           TEXT NOT NULL,
    latitude       REAL,
    longitude      REAL,
    accuracy       REAL,
    asn            INTEGER NOT NULL,
    vector         TEXT NOT NULL
) STRICT;

CREATE INDEX sign_ins_by_user ON sign_ins (user_id, position);
