-- Factors that users hold. `user` is a keyed hash of subscription and user, `unique_id` of subscription, relying party and the id that no
-- two factors share. What has ended stays as a record, without its state.
CREATE TABLE factors (
    id TEXT PRIMARY KEY, subscription TEXT NOT NULL, user BLOB NOT NULL, instance TEXT NOT NULL, type_id TEXT NOT NULL,
    unique_id BLOB UNIQUE, status INTEGER NOT NULL, fallback INTEGER NOT NULL, details BLOB NOT NULL, state BLOB NOT NULL,
    revision INTEGER NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER, ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX factors_of_user ON factors (user, created_at, id);
CREATE INDEX factors_with_unique_id ON factors (subscription) WHERE unique_id IS NOT NULL;

CREATE TABLE enrolments (
    id TEXT PRIMARY KEY, subscription TEXT NOT NULL, user BLOB NOT NULL, instance TEXT NOT NULL, sealed BLOB NOT NULL,
    attempts INTEGER NOT NULL, max_attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolments_of_user ON enrolments (user, instance);
CREATE INDEX enrolments_by_end ON enrolments (expires_at);

-- What stands for a user at a relying party, of both of which `key` is a keyed hash. They never change.
CREATE TABLE user_handles (key BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID;
