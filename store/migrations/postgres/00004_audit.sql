-- +goose Up

-- What has happened, or was refused. Rows are added, and removed when they are old; they are never changed. They name users
-- and sessions that may be gone. client_key is the client address in 32 hex digits, as of IPv6, so that networks are ranges.
CREATE TABLE audit_events (
    id             BIGSERIAL PRIMARY KEY,
    at             BIGINT NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    outcome        TEXT COLLATE "C" NOT NULL,
    reason         TEXT NOT NULL,
    actor_kind     TEXT COLLATE "C" NOT NULL,
    actor_id       TEXT COLLATE "C" NOT NULL,
    subject        TEXT COLLATE "C",
    session_id     TEXT COLLATE "C",
    client_address TEXT NOT NULL,
    client_key     TEXT COLLATE "C",
    user_agent     TEXT NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL,
    count          BIGINT NOT NULL,
    details        TEXT NOT NULL -- a JSON object of strings
);

CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX audit_events_by_kind ON audit_events (kind, at, id);
CREATE INDEX audit_events_by_outcome ON audit_events (outcome, at, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor_kind, actor_id, at, id);
CREATE INDEX audit_events_by_subject ON audit_events (subject, at, id) WHERE subject IS NOT NULL;
CREATE INDEX audit_events_by_session ON audit_events (session_id, at, id) WHERE session_id IS NOT NULL;
CREATE INDEX audit_events_by_client ON audit_events (client_key, at, id) WHERE client_key IS NOT NULL;
CREATE INDEX audit_events_by_request ON audit_events (request_id, at, id) WHERE request_id <> '';
