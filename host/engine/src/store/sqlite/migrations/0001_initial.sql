-- Times are in milliseconds since 1970 (UTC). Hashes are keyed: see `keyring.rs`.
CREATE TABLE subscriptions (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, revision INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    subscription TEXT NOT NULL REFERENCES subscriptions (id),
    type_id TEXT NOT NULL, name TEXT NOT NULL, active INTEGER NOT NULL,
    options TEXT NOT NULL, policy TEXT,
    revision INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    assignments_revision INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX instances_of_subscription ON instances (subscription, created_at, id);

CREATE TABLE assignments (
    instance TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL, target TEXT NOT NULL,
    PRIMARY KEY (kind, target, instance)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_of_instance ON assignments (instance);

-- Names of what instances can be assigned to. `search` holds id and name in lower case.
CREATE TABLE directory (
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL, id TEXT NOT NULL, name TEXT, search TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (subscription, kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE base_settings (
    type_id TEXT PRIMARY KEY, options TEXT NOT NULL, revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The component with the highest position of a type is in use.
CREATE TABLE providers (
    type_id TEXT NOT NULL, position INTEGER NOT NULL, digest TEXT NOT NULL, added_at INTEGER NOT NULL, signature TEXT,
    component BLOB NOT NULL, seal BLOB NOT NULL, UNIQUE (type_id, position)
) STRICT;

CREATE TABLE tokens (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, role TEXT NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_age ON tokens (created_at, id);
CREATE TABLE token_subscriptions (
    subscription TEXT NOT NULL, token TEXT NOT NULL REFERENCES tokens (id), application INTEGER NOT NULL,
    PRIMARY KEY (subscription, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_of_token ON token_subscriptions (token);

-- Administrators. `email` is a keyed hash; the address itself is in `sealed`. `identity` is a keyed hash of issuer and subject, for those
-- whom an identity provider authenticates.
CREATE TABLE accounts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, email BLOB NOT NULL UNIQUE, sealed BLOB NOT NULL,
    role TEXT NOT NULL, password BLOB, identity BLOB UNIQUE, disabled INTEGER NOT NULL, generation INTEGER NOT NULL,
    revision INTEGER NOT NULL, created_at INTEGER NOT NULL, last_login_at INTEGER
) STRICT;
CREATE INDEX accounts_by_role ON accounts (role ->> '$.role');

-- Without an account: for the first administrator.
CREATE TABLE invitations (
    digest BLOB PRIMARY KEY, account TEXT UNIQUE REFERENCES accounts (id) ON DELETE CASCADE, expires_at INTEGER NOT NULL,
    without_second_factor INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_end ON invitations (expires_at);

-- The settings of the second factor of accounts.
CREATE TABLE second_factor (
    one INTEGER PRIMARY KEY CHECK (one = 1), subscription TEXT, demanded_since INTEGER, revision INTEGER NOT NULL
) STRICT;

CREATE TABLE logins (
    digest BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, generation INTEGER NOT NULL,
    subscription TEXT NOT NULL, challenge TEXT NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logins_of_account ON logins (account);
CREATE INDEX logins_by_end ON logins (expires_at);

-- Browsers that were sent to an identity provider.
CREATE TABLE authorization_requests (digest BLOB PRIMARY KEY, return_to TEXT NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_requests_by_end ON authorization_requests (expires_at);

CREATE TABLE sessions (
    digest BLOB PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    second_factor INTEGER NOT NULL, origin TEXT, created_at INTEGER NOT NULL, authenticated_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL, ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (account, created_at);
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- Browsers in which somebody logged in to an account. Wrong passwords from there are counted apart.
CREATE TABLE browsers (
    digest BLOB PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browsers_of_account ON browsers (account, used_at);
CREATE INDEX browsers_by_use ON browsers (used_at);

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, detail TEXT NOT NULL, key INTEGER NOT NULL, mac BLOB NOT NULL
) STRICT;
CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, mac BLOB NOT NULL, key INTEGER NOT NULL, seal BLOB NOT NULL
) STRICT;

CREATE TABLE keys (id INTEGER PRIMARY KEY, check_value BLOB NOT NULL) STRICT;

CREATE TABLE challenges (
    id TEXT PRIMARY KEY,
    subscription TEXT NOT NULL, instance TEXT NOT NULL, person BLOB NOT NULL, first_factor INTEGER NOT NULL,
    sealed BLOB NOT NULL, codes BLOB NOT NULL,
    attempts INTEGER NOT NULL, max_attempts INTEGER NOT NULL,
    resends INTEGER NOT NULL, max_resends INTEGER NOT NULL, resend_after INTEGER NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, closed INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_by_end ON challenges (expires_at);

-- The newest time that was used, written at least once in each second with a write that depends on the time. `checks` counts checks of
-- readiness: each of them changes something.
CREATE TABLE clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), newest INTEGER NOT NULL, checks INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE persons (
    person BLOB PRIMARY KEY, consecutive INTEGER NOT NULL, last INTEGER NOT NULL, day_started INTEGER NOT NULL, day_wrong INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_by_last ON persons (last);

CREATE TABLE buckets (key BLOB PRIMARY KEY, ends INTEGER NOT NULL, count INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE INDEX buckets_by_end ON buckets (ends);

CREATE TABLE idempotency (
    key BLOB PRIMARY KEY, request BLOB NOT NULL, answer BLOB, created_at INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_end ON idempotency (until);

CREATE TABLE statistics (
    subscription TEXT NOT NULL, hour INTEGER NOT NULL, instance TEXT NOT NULL, event TEXT NOT NULL, label TEXT NOT NULL,
    count INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (subscription, hour, instance, event, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX statistics_by_hour ON statistics (hour);

CREATE TABLE sign_in_pages (
    subscription TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE, settings TEXT NOT NULL, revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_ins (
    id TEXT PRIMARY KEY,
    subscription TEXT NOT NULL, link BLOB NOT NULL UNIQUE, browser BLOB, sealed BLOB NOT NULL,
    challenge TEXT, step INTEGER NOT NULL,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    ended INTEGER, ended_at INTEGER, two_factor TEXT, amr TEXT, handle BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_by_end ON sign_ins (expires_at);

-- The history of messages, to find out why a person got no code. Hashes are keyed, `sealed` holds the rest. Rows are limited by age and
-- number; the oldest have the lowest `seq`.
CREATE TABLE history (
    seq INTEGER PRIMARY KEY, subscription TEXT NOT NULL, at INTEGER NOT NULL, person BLOB NOT NULL, recipient BLOB, challenge TEXT,
    outcome TEXT NOT NULL, count INTEGER NOT NULL, sealed BLOB NOT NULL, grouping BLOB
) STRICT;
CREATE INDEX history_of_person ON history (person);
CREATE INDEX history_of_recipient ON history (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX history_of_challenge ON history (challenge) WHERE challenge IS NOT NULL;
CREATE UNIQUE INDEX history_groups ON history (grouping) WHERE grouping IS NOT NULL;

-- The last responses of each instance's upstream.
CREATE TABLE upstream_health (
    instance TEXT PRIMARY KEY, accepted_at INTEGER, failed_at INTEGER, outcome TEXT NOT NULL, code TEXT NOT NULL
) STRICT, WITHOUT ROWID;
