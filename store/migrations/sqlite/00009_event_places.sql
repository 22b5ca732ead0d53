-- +goose Up

-- Where the client address of an event was, as far as was known then; '' is not known.
ALTER TABLE audit_events ADD COLUMN country TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN city TEXT NOT NULL DEFAULT '';

CREATE INDEX audit_events_by_country ON audit_events (country, at, id) WHERE country <> '';
