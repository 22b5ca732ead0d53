-- +goose Up

-- One row: what names this database, so that data keys of another one are told from its own.
CREATE TABLE installation (
    id TEXT PRIMARY KEY
);

INSERT INTO installation (id) VALUES (CAST(gen_random_uuid() AS TEXT));

-- What is secret is sealed with the last data key, in the order of position. wrapped is the key itself, encrypted by a master key
-- that is not here; master names that.
CREATE TABLE data_keys (
    position   BIGSERIAL PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL,
    wrapped    BYTEA NOT NULL,
    master     TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT data_keys_id_unique UNIQUE (id)
);

-- The data key that sealing names, so that none is removed that something is sealed with; NULL if it names none.
ALTER TABLE keys ADD COLUMN data_key TEXT COLLATE "C" REFERENCES data_keys (id);
ALTER TABLE mails ADD COLUMN data_key TEXT COLLATE "C" REFERENCES data_keys (id);

CREATE INDEX keys_by_data_key ON keys (data_key) WHERE data_key IS NOT NULL;
CREATE INDEX mails_by_data_key ON mails (data_key) WHERE data_key IS NOT NULL;
