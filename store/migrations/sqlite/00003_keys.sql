-- +goose Up

-- What a key may be used for follows from its times. active_from is when it begins to sign; NULL, as in keys of before: when it
-- was made. sealing names what material is sealed with; '' is nothing. The material of a revoked key is erased.
ALTER TABLE keys ADD COLUMN active_from INTEGER;
ALTER TABLE keys ADD COLUMN revoked_at INTEGER;
ALTER TABLE keys ADD COLUMN sealing TEXT NOT NULL DEFAULT '';
