-- +goose Up

-- Failed attempts to sign in. place is '' for the account as a whole, else where they came from: "net " and a network, or
-- "own " and a client from which the account was signed in to. It replaces lockouts, which replicas of the version before
-- go on using, and which goes later.
CREATE TABLE guesses (
    account      TEXT NOT NULL,
    place        TEXT NOT NULL,
    failures     INTEGER NOT NULL,
    last_failure INTEGER NOT NULL,
    locked_until INTEGER,
    locks        INTEGER NOT NULL,
    PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX guesses_by_time ON guesses (last_failure);

INSERT INTO guesses (account, place, failures, last_failure, locked_until, locks)
    SELECT account, '', failures, last_failure, locked_until, CASE WHEN locked_until IS NULL THEN 0 ELSE 1 END FROM lockouts;

-- From where users have signed in. agent is a digest of what the client says it is.
CREATE TABLE known_clients (
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network      TEXT NOT NULL,
    agent        TEXT NOT NULL,
    last_success INTEGER NOT NULL,
    PRIMARY KEY (user_id, network, agent)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_clients_by_place ON known_clients (network, agent, last_success);
CREATE INDEX known_clients_by_time ON known_clients (last_success);

-- Random values that all replicas hash with.
CREATE TABLE salts (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
