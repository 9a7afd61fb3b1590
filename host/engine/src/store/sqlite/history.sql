-- What became of messages, to find out why somebody got no code. Hashes are keyed, `sealed` holds the rest. Rows are bounded by age and
-- number: the oldest have the lowest `seq`.
CREATE TABLE history (
    seq INTEGER PRIMARY KEY, subscription TEXT NOT NULL, at INTEGER NOT NULL, person BLOB NOT NULL, recipient BLOB, challenge TEXT,
    outcome TEXT NOT NULL, count INTEGER NOT NULL, sealed BLOB NOT NULL, grouping BLOB
) STRICT;
CREATE INDEX history_of_person ON history (person);
CREATE INDEX history_of_recipient ON history (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX history_of_challenge ON history (challenge) WHERE challenge IS NOT NULL;
CREATE UNIQUE INDEX history_groups ON history (grouping) WHERE grouping IS NOT NULL;

-- The last answers of each instance's upstream.
CREATE TABLE upstream_health (
    instance TEXT PRIMARY KEY, accepted_at INTEGER, failed_at INTEGER, outcome TEXT NOT NULL, code TEXT NOT NULL
) STRICT, WITHOUT ROWID;
