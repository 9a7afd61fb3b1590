//! Where everything durable lives: one trait, and SQLite under it.
//!
//! Each method is one transaction: when it answers `Ok`, its effect is on disk, and when it answers `Err`, it had
//! none. The store knows no key and makes no decision that a method's documentation does not state.

mod account;
mod challenge;
mod configuration;
mod error;
mod history;
pub(crate) mod record;
mod sign_in;
mod sqlite;

use async_trait::async_trait;
use jiff::Timestamp;

pub use account::*;
pub use challenge::*;
pub use configuration::ConfigurationChange;
pub(crate) use error::Kind;
pub use error::StoreError;
pub use history::*;
pub use record::*;
pub use sign_in::*;
pub use sqlite::SqliteStore;

/// What every method answers.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How many browsers are kept for an account.
pub const BROWSERS_KEPT: u32 = 10;

/// How many providers of a type are kept: the one that serves and those before it.
pub const PROVIDERS_KEPT: u32 = 5;

/// A place to keep things in.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Adds a subscription. A conflict if its id is taken.
    async fn create_subscription(&self, subscription: Subscription) -> Result<()>;
    /// Subscriptions, by id: all, or of those `among` the ones that are there.
    async fn subscriptions(&self, among: Option<Vec<String>>, part: Part<String>) -> Result<Vec<Subscription>>;
    /// One subscription.
    async fn subscription(&self, id: &str) -> Result<Option<Subscription>>;
    /// Replaces a subscription if its revision is still `expected_revision`; the new one is in `subscription`. Id and
    /// `created_at` stay as they are.
    async fn update_subscription(&self, subscription: Subscription, expected_revision: u64) -> Result<bool>;
    /// Removes a subscription with its directory, if its revision is still `expected_revision`. It is in use if it has an
    /// instance, or an account or a token that is good at `now` is bound to it: that would serve the next subscription of
    /// this id.
    async fn delete_subscription(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Removal>;

    /// Adds an instance. A conflict if its id is taken or its subscription is unknown.
    async fn insert_instance(&self, instance: InstanceRecord) -> Result<()>;
    /// One instance, whoever owns it.
    async fn instance(&self, id: &str) -> Result<Option<InstanceRecord>>;
    /// A subscription's instances, the oldest first; those of one moment by id.
    async fn instances(&self, subscription: &str, part: Part<(Timestamp, String)>) -> Result<Vec<InstanceRecord>>;
    /// Replaces an instance if its revision is still `expected_revision`; the new one is in `instance`. Id,
    /// subscription, type and `created_at` stay as they are.
    async fn update_instance(&self, instance: InstanceRecord, expected_revision: u64) -> Result<bool>;
    /// Removes an instance and its assignments, if its revision is still `expected_revision`.
    async fn delete_instance(&self, id: &str, expected_revision: u64) -> Result<bool>;
    /// What an instance is assigned to; nothing if there is no such instance.
    async fn assignments(&self, instance: &str) -> Result<AssignmentsRecord>;
    /// Replaces all assignments of an instance if their revision is still `expected_revision`, and counts it up. What its
    /// subscription's directory does not have comes into it, without a name. False also if there is no such instance.
    async fn set_assignments(
        &self,
        instance: &str,
        assignments: Vec<AssignmentRecord>,
        expected_revision: u64,
    ) -> Result<bool>;
    /// A subscription's instances, active or not, that are assigned to one of `targets`: each once, with the base settings of
    /// its type; those with the most specific assignment first, then by name.
    async fn assigned(
        &self,
        subscription: &str,
        targets: Targets<'_>,
    ) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>>;

    /// A subscription's directory, by kind and id: of one kind if said, and with `search` in id or name, whatever the case.
    async fn directory(
        &self,
        subscription: &str,
        kind: Option<AssignmentKind>,
        search: &str,
        part: Part<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>>;
    /// Those of `targets` that are in a subscription's directory.
    async fn directory_entries(
        &self,
        subscription: &str,
        targets: Vec<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>>;
    /// The instances of a subscription that are assigned to a target, by name.
    async fn instances_assigned(&self, subscription: &str, target: AssignmentRecord) -> Result<Vec<InstanceRecord>>;
    /// Adds and replaces entries if each one's revision is still the one before its own: all of them, or none. A conflict
    /// if there is no such subscription.
    async fn put_directory(&self, subscription: &str, entries: Vec<DirectoryRecord>) -> Result<bool>;
    /// Removes an entry if its revision is still `expected_revision`. It is in use while an instance is assigned to it.
    async fn delete_directory_entry(
        &self,
        subscription: &str,
        target: AssignmentRecord,
        expected_revision: u64,
    ) -> Result<Removal>;

    /// The installation's options for a type.
    async fn base_settings(&self, type_id: &str) -> Result<Option<BaseSettingsRecord>>;
    /// Replaces them if their revision is still the one before that of `settings`, 0 if there are none.
    async fn set_base_settings(&self, type_id: &str, settings: BaseSettingsRecord) -> Result<bool>;

    /// Makes changes in their order, each as its own method would: all of them, or none and false if one of them does not find the
    /// revision it expects.
    async fn change_together(&self, changes: Vec<ConfigurationChange>) -> Result<bool>;

    /// Adds a provider on top of those of its type if the topmost has the digest `replaces`, none if there is none; says whether it did.
    /// Of a type the last [`PROVIDERS_KEPT`] are kept.
    async fn push_provider(&self, provider: ProviderRecord, replaces: Option<&str>) -> Result<bool>;
    /// Takes the topmost provider of a type away if it has this digest; says whether it did.
    async fn pop_provider(&self, type_id: &str, digest: &str) -> Result<bool>;
    /// Takes all providers of a type away if the topmost has this digest; says whether it did.
    async fn remove_providers(&self, type_id: &str, digest: &str) -> Result<bool>;
    /// The topmost provider of a type and the one below it.
    async fn top_providers(&self, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)>;
    /// What tells the topmost provider of each type from all others, by type.
    async fn provider_marks(&self) -> Result<Vec<ProviderMark>>;

    /// Adds a token. A conflict if a subscription it is bound to is unknown.
    async fn insert_token(&self, token: TokenRecord) -> Result<()>;
    /// The token of this id, revoked and expired ones too.
    async fn token(&self, id: &str) -> Result<Option<TokenRecord>>;
    /// The token with this digest, revoked and expired ones too.
    async fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>>;
    /// Tokens, the newest first; those of one moment by id from the last: all, or those of applications of these
    /// subscriptions.
    async fn tokens(
        &self,
        of_applications: Option<Vec<String>>,
        part: Part<(Timestamp, String)>,
    ) -> Result<Vec<TokenRecord>>;
    /// Revokes a token; false if there is none that is not revoked.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool>;

    /// Appends a line and makes `head` the head, if `record.seq` is the next; false if another came first.
    async fn append_audit(&self, record: AuditRecord, head: AuditHead) -> Result<bool>;
    /// Lines with `seq` over `after`, the oldest first.
    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>>;
    /// Lines that fit a filter, the newest first.
    async fn find_audit(&self, filter: AuditFilter, limit: u32) -> Result<Vec<AuditRecord>>;
    /// The head as it was kept with the line appended last.
    async fn audit_head(&self) -> Result<Option<AuditHead>>;

    /// Writes something small, so that whoever asks knows whether the store can be written to.
    async fn touch(&self, now: Timestamp) -> Result<()>;
    /// The keys that something stored here depends on.
    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>>;
    /// Notes such a key. Noting it again changes nothing.
    async fn note_key(&self, key: KeyInUse) -> Result<()>;

    /// Checks the idempotency key, the person and all limits, counts, and adds the challenge.
    async fn open_challenge(&self, wish: OpenChallenge) -> Result<Opened>;
    /// One challenge, open or not.
    async fn challenge(&self, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>>;
    /// Charges an answer to an open challenge and to its person, before anybody looks at it.
    async fn charge_attempt(&self, attempt: Attempt) -> Result<Charged>;
    /// Ends an open challenge as used; false if it is not open any more or its code was replaced.
    async fn consume_challenge(&self, consume: Consume) -> Result<bool>;
    /// Replaces the codes of an open challenge, if its interval and its cap allow a resend.
    async fn resend_challenge(&self, wish: Resend) -> Result<Resent>;
    /// Has another instance serve an open challenge, with other sealed details; false if no such one is open, or it was sent again.
    async fn hand_over_challenge(&self, wish: HandOver) -> Result<bool>;
    /// Ends an open challenge; false if no such one is open.
    async fn close_challenge(&self, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool>;
    /// Remembers the answer under an idempotency key, or forgets the key.
    async fn settle_idempotency(&self, key: BucketKey, answer: Option<Vec<u8>>) -> Result<()>;

    /// How a subscription's sign-in page is set.
    async fn sign_in_page(&self, subscription: &str) -> Result<Option<SignInPageRecord>>;
    /// Sets it, if its revision is still `expected_revision` (0 if it was never set); the new one is in `page`. A conflict
    /// if the subscription does not exist.
    async fn set_sign_in_page(&self, page: SignInPageRecord, expected_revision: u64) -> Result<bool>;
    /// Adds a hosted sign-in.
    async fn insert_sign_in(&self, sign_in: HostedSignInRecord) -> Result<()>;
    /// One hosted sign-in of a subscription, over or not.
    async fn sign_in(&self, subscription: &str, id: &str) -> Result<Option<HostedSignInRecord>>;
    /// The hosted sign-in whose link has this digest, over or not.
    async fn sign_in_by_link(&self, link: &[u8; 32]) -> Result<Option<HostedSignInRecord>>;
    /// Binds a hosted sign-in that is open and not bound to the browser with this digest; false if it is neither.
    async fn bind_sign_in(&self, id: &str, browser: [u8; 32], now: Timestamp) -> Result<bool>;
    /// Puts a challenge, or none, in place of that of a hosted sign-in and goes on to the next step, if the sign-in is open and
    /// still at `step`; false if not.
    async fn step_sign_in(&self, id: &str, step: u32, challenge: Option<String>, now: Timestamp) -> Result<bool>;
    /// Ends an open hosted sign-in; false if it is not open.
    async fn end_sign_in(&self, id: &str, end: SignInEnd) -> Result<bool>;
    /// Redeems the handle of a subscription's verified hosted sign-in, once: the sign-in, if it ended after `since` with a handle of
    /// this digest that was not redeemed before.
    async fn redeem_sign_in(
        &self,
        subscription: &str,
        id: &str,
        handle: [u8; 32],
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<HostedSignInRecord>>;

    /// How the second factor of accounts is set, if it ever was.
    async fn second_factor(&self) -> Result<Option<SecondFactorRecord>>;
    /// Sets it, if its revision is still `expected_revision` (0 if it was never set); the new one is in `record`.
    async fn set_second_factor(&self, record: SecondFactorRecord, expected_revision: u64) -> Result<bool>;
    /// Adds to the history of messages, and keeps the newest rows of each person of these records.
    async fn add_history(&self, records: Vec<HistoryRecord>, bounds: HistoryBounds) -> Result<()>;
    /// Removes some of the oldest history beyond the bounds, and answers how many rows: none if nothing is beyond them.
    async fn trim_history(&self, bounds: HistoryBounds) -> Result<u64>;
    /// A subscription's history since a time, the newest first.
    async fn history(
        &self,
        subscription: &str,
        key: HistoryKey,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>>;
    /// Notes the last answers of upstreams, by instance. What is `None` stays.
    async fn note_health(&self, all: Vec<(String, UpstreamHealthRecord)>) -> Result<()>;
    /// The last answers of an instance's upstream, if there were any.
    async fn health(&self, instance: &str) -> Result<Option<UpstreamHealthRecord>>;
    /// Which limits hold a person now, and which of these charges would go over theirs. Nothing is counted.
    async fn reached_limits(
        &self,
        person: BucketKey,
        limits: PersonLimits,
        charges: Vec<Charge>,
        now: Timestamp,
    ) -> Result<ReachedLimits>;
    /// Forgets a person's wrong answers.
    async fn unlock_person(&self, person: BucketKey) -> Result<()>;
    /// Adds an account and its invitation. A conflict if its email is taken.
    async fn insert_account(&self, account: AccountRecord, invitation: InvitationRecord) -> Result<()>;
    /// One account.
    async fn account(&self, id: &str) -> Result<Option<AccountRecord>>;
    /// Adds an account whose person an identity provider vouches for. A conflict if its identity or its email is taken.
    async fn insert_vouched_account(&self, account: AccountRecord) -> Result<()>;
    /// The account with this hash of its issuer and subject.
    async fn account_by_identity(&self, identity: &BucketKey) -> Result<Option<AccountRecord>>;
    /// The account with this hash of its email.
    async fn account_by_email(&self, email: &BucketKey) -> Result<Option<AccountRecord>>;
    /// Accounts with `seq` over `after`, the oldest first.
    async fn accounts(&self, after: u64, limit: u32) -> Result<Vec<AccountRecord>>;
    /// Whether somebody can log in.
    async fn has_active_account(&self) -> Result<bool>;
    /// Replaces an account if its revision is still `expected_revision`. Id, email, password, identity, `created_at` and
    /// `last_log_in` stay as they are. Another generation ends its sessions and log-ins; being disabled ends its invitation. The
    /// only active account of role `system_admin` stays active and of that role.
    async fn update_account(&self, account: AccountRecord, expected_revision: u64) -> Result<AccountStep>;
    /// Removes an account with all that belongs to it, if it is not the only active one of role `system_admin`.
    async fn delete_account(&self, id: &str) -> Result<AccountStep>;
    /// Keeps an invitation in place of the earlier one to the same account; false if there is no such account or it is
    /// disabled or has an identity. One to the first administrator is kept only while no account is active.
    async fn put_invitation(&self, invitation: InvitationRecord, now: Timestamp) -> Result<bool>;
    /// The invitation with this digest, also if it is over.
    async fn invitation(&self, digest: &[u8; 32]) -> Result<Option<InvitationRecord>>;
    /// Uses an invitation, and with it sets a password, which ends the account's sessions and log-ins. `None` if it is unknown,
    /// over, used or for something else.
    async fn redeem_invitation(&self, wish: Redeem) -> Result<Option<AccountRecord>>;
    /// Gives an active account another password if its generation is still this one, and begins the next: its sessions, log-ins
    /// and invitation end.
    async fn set_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<bool>;
    /// The same password hashed anew, if the account's generation is still this one.
    async fn rehash_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<()>;
    /// Counts each charge, or says which limit is reached and counts none.
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Option<Limited>>;
    /// Takes back one from what was counted under each key.
    async fn release(&self, keys: Vec<BucketKey>) -> Result<()>;
    /// Keeps a browser in which somebody logged in to an account, or notes that it was used; of an account the last [`BROWSERS_KEPT`]
    /// are kept.
    async fn put_browser(&self, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()>;
    /// The account that somebody logged in to in the browser with this digest.
    async fn browser_account(&self, digest: &[u8; 32]) -> Result<Option<String>>;
    /// Keeps a log-in that waits for its second factor.
    async fn keep_log_in(&self, log_in: LogInRecord, now: Timestamp) -> Result<()>;
    /// The log-in with this digest, also if it is over.
    async fn log_in(&self, digest: &[u8; 32]) -> Result<Option<LogInRecord>>;
    /// Keeps an errand.
    async fn keep_errand(&self, errand: ErrandRecord, now: Timestamp) -> Result<()>;
    /// Ends the errand with this digest and answers it, if it is not over.
    async fn take_errand(&self, digest: &[u8; 32], now: Timestamp) -> Result<Option<ErrandRecord>>;
    /// Opens a session of an active account whose generation is still the one named, in place of what it is opened with; false if
    /// that is not there any more.
    async fn open_session(&self, wish: OpenSession) -> Result<bool>;
    /// The session with this digest and its account, also if it is over.
    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>>;
    /// An account's sessions, the newest first, also those that are over.
    async fn sessions(&self, account: &str) -> Result<Vec<SessionRecord>>;
    /// Notes when a session was last used.
    async fn touch_session(&self, digest: &[u8; 32], now: Timestamp) -> Result<()>;
    /// Ends sessions of an account; answers how many.
    async fn end_sessions(&self, account: &str, which: Which) -> Result<u64>;

    /// Answers what time it is at least: the newest that any call that depends on the time came with. If that is further ahead
    /// of `now` than two nodes' clocks may be, the clock was set back, and nobody can say how long the open challenges have
    /// been open, nor hosted sign-ins, sessions, log-ins, errands and invitations: all of them are ended, and the time goes on from `now`.
    async fn resume(&self, now: Timestamp) -> Result<Timestamp>;
    /// Adds figures to those of the same hour.
    async fn add_statistics(&self, records: Vec<StatisticRecord>) -> Result<()>;
    /// A subscription's figures of the hours from `since` on, by hour.
    async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>>;

    /// Removes a few rows that were over before `before`, persons without a wrong answer since 30 days before it, and figures older
    /// than 90 days before it; answers how many. Few enough that nobody waits for it: it is called again until nothing is left.
    async fn purge(&self, before: Timestamp) -> Result<u64>;
}
