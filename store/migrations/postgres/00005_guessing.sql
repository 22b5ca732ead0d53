-- +goose Up

-- Failed attempts to sign in. place is '' for the account as a whole, else where they came from: "net " and a network, or
-- "own " and a client from which the account was signed in to. It replaces lockouts, which replicas of the version before
-- go on using, and which goes later.
CREATE TABLE guesses (
    account      TEXT COLLATE "C" NOT NULL,
    place        TEXT COLLATE "C" NOT NULL,
    failures     BIGINT NOT NULL,
    last_failure BIGINT NOT NULL,
    locked_until BIGINT,
    locks        BIGINT NOT NULL,
    PRIMARY KEY (account, place)
);

CREATE INDEX guesses_by_time ON guesses (last_failure);

INSERT INTO guesses (account, place, failures, last_failure, locked_until, locks)
    SELECT account, '', failures, last_failure, locked_until, CASE WHEN locked_until IS NULL THEN 0 ELSE 1 END FROM lockouts;

-- From where users have signed in. agent is a digest of what the client says it is.
CREATE TABLE known_clients (
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network      TEXT COLLATE "C" NOT NULL,
    agent        TEXT COLLATE "C" NOT NULL,
    last_success BIGINT NOT NULL,
    PRIMARY KEY (user_id, network, agent)
);

CREATE INDEX known_clients_by_place ON known_clients (network, agent, last_success);
CREATE INDEX known_clients_by_time ON known_clients (last_success);

-- Random values that all replicas hash with.
CREATE TABLE salts (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);
