-- Processes that use the store, for operators. `providers` is a JSON object: the digest of the component of each type.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, providers TEXT NOT NULL, clock_behind_ms INTEGER NOT NULL,
    started_at INTEGER NOT NULL, seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
