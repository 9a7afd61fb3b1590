-- `person` is a keyed hash of subscription and user.

-- When a challenge was verified, as long as it may still prove to whom a factor belongs.
ALTER TABLE challenges ADD COLUMN verified_at INTEGER;

-- A pass that was used is deleted. `code` is the id of a key and a MAC.
CREATE TABLE passes (
    person BLOB PRIMARY KEY, id TEXT NOT NULL, code BLOB NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX passes_by_end ON passes (expires_at);

CREATE TABLE remembered_devices (
    digest BLOB PRIMARY KEY, id TEXT NOT NULL UNIQUE, person BLOB NOT NULL, sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_devices_of_person ON remembered_devices (person, last_used_at);
CREATE INDEX remembered_devices_by_end ON remembered_devices (expires_at);

-- `hash` is a keyed hash of the address. Without `verified_at` it is one that an application gave.
CREATE TABLE addresses (
    person BLOB NOT NULL, kind INTEGER NOT NULL, hash BLOB NOT NULL, id TEXT NOT NULL, sealed BLOB NOT NULL,
    verified_at INTEGER, seen_at INTEGER NOT NULL,
    PRIMARY KEY (person, kind, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX given_addresses_by_age ON addresses (seen_at) WHERE verified_at IS NULL;

CREATE TABLE factor_events (
    seq INTEGER PRIMARY KEY, person BLOB NOT NULL, at INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT;
CREATE INDEX factor_events_of_person ON factor_events (person, seq);
CREATE INDEX factor_events_by_age ON factor_events (at);
