-- +goose Up

-- Where a session began, as far as was known then; '' is not known.
ALTER TABLE sessions
    ADD COLUMN country TEXT NOT NULL DEFAULT '',
    ADD COLUMN city TEXT NOT NULL DEFAULT '';

-- The last sign-ins of each user, in the order of position. latitude, longitude and accuracy (kilometres) are NULL where the
-- place is not known, asn is 0. vector is text in the form of pgvector, such as [1,-2], and not of its type: the extension may
-- come and go. There are never more than a hundred of a user to read it from.
CREATE TABLE sign_ins (
    position       BIGSERIAL PRIMARY KEY,
    user_id        TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at             BIGINT NOT NULL,
    client_address TEXT NOT NULL,
    network        TEXT NOT NULL,
    device         TEXT NOT NULL,
    country        TEXT NOT NULL,
    city           TEXT NOT NULL,
    latitude       DOUBLE PRECISION,
    longitude      DOUBLE PRECISION,
    accuracy       DOUBLE PRECISION,
    asn            BIGINT NOT NULL,
    vector         TEXT NOT NULL
);

CREATE INDEX sign_ins_by_user ON sign_ins (user_id, position);
