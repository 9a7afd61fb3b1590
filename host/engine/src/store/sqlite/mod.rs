//! SQLite: one file, write-ahead log, every commit synced.

mod accounts;
mod challenges;
mod clock;
mod configuration;
mod directory;
mod errands;
mod file;
mod history;
mod limits;
mod owners;
mod private;
mod providers;
mod sign_ins;
mod statistics;
#[cfg(test)]
mod tests;
mod together;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use self::file::{prepare, reader, settle};
use self::private::{create_private, keep_private};
use self::writer::Threads;
use super::*;

/// A store in one SQLite file, or in memory. Several processes may share the file.
pub struct SqliteStore {
    threads: Threads,
}

impl SqliteStore {
    /// Opens the file, or makes it; brings an older form up to date.
    ///
    /// # Errors
    /// [`StoreError::is_incompatible`] if the file belongs to another program or a newer version;
    /// [`StoreError::is_unavailable`] if it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        create_private(path);
        let mut writer = Connection::open(path)?;
        prepare(&mut writer).map_err(|error| error.about(path.display()))?;
        // Only if the thread for it cannot keep up: see `writer::checkpoint_all`.
        writer.pragma_update(None, "wal_autocheckpoint", 8000)?;
        keep_private(path);
        let checkpointer = Connection::open(path)?;
        settle(&checkpointer)?;
        let readers = (0..2).map(|_| reader(path)).collect::<Result<Vec<_>>>()?;
        Ok(Self { threads: Threads::start(writer, Some(checkpointer), readers) })
    }

    /// A store that is gone when it is dropped, for tests and demos: the same code on a private database.
    ///
    /// # Errors
    /// If SQLite cannot be started.
    pub fn in_memory() -> Result<Self> {
        let mut writer = Connection::open_in_memory()?;
        prepare(&mut writer)?;
        Ok(Self { threads: Threads::start(writer, None, Vec::new()) })
    }
}

fn ms(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_subscription(&self, subscription: Subscription) -> Result<()> {
        self.threads.write(move |c| owners::create_subscription(c, &subscription)).await
    }
    async fn subscriptions(&self, among: Option<Vec<String>>, part: Part<String>) -> Result<Vec<Subscription>> {
        self.threads.read(move |c| owners::subscriptions(c, among.as_deref(), &part)).await
    }
    async fn subscription(&self, id: &str) -> Result<Option<Subscription>> {
        let id = id.to_owned();
        self.threads.read(move |c| owners::subscription(c, &id)).await
    }
    async fn update_subscription(&self, subscription: Subscription, expected_revision: u64) -> Result<bool> {
        self.threads.write(move |c| owners::update_subscription(c, &subscription, expected_revision)).await
    }
    async fn delete_subscription(&self, id: &str, expected_revision: u64, now: Timestamp) -> Result<Removal> {
        let id = id.to_owned();
        self.threads.write(move |c| owners::delete_subscription(c, &id, expected_revision, now)).await
    }
    async fn insert_instance(&self, instance: InstanceRecord) -> Result<()> {
        self.threads.write(move |c| configuration::insert_instance(c, &instance)).await
    }
    async fn instance(&self, id: &str) -> Result<Option<InstanceRecord>> {
        let id = id.to_owned();
        self.threads.read(move |c| configuration::instance(c, &id)).await
    }
    async fn instances(&self, subscription: &str, part: Part<(Timestamp, String)>) -> Result<Vec<InstanceRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| configuration::instances(c, &subscription, &part)).await
    }
    async fn update_instance(&self, instance: InstanceRecord, expected_revision: u64) -> Result<bool> {
        self.threads.write(move |c| configuration::update_instance(c, &instance, expected_revision)).await
    }
    async fn delete_instance(&self, id: &str, expected_revision: u64) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write(move |c| configuration::delete_instance(c, &id, expected_revision)).await
    }
    async fn assignments(&self, instance: &str) -> Result<AssignmentsRecord> {
        let instance = instance.to_owned();
        self.threads.read(move |c| configuration::assignments(c, &instance)).await
    }
    async fn set_assignments(
        &self,
        instance: &str,
        assignments: Vec<AssignmentRecord>,
        expected_revision: u64,
    ) -> Result<bool> {
        let instance = instance.to_owned();
        self.threads.write(move |c| configuration::set_assignments(c, &instance, &assignments, expected_revision)).await
    }
    async fn assigned(
        &self,
        subscription: &str,
        targets: Targets<'_>,
    ) -> Result<Vec<(InstanceRecord, Option<BaseSettingsRecord>)>> {
        let subscription = subscription.to_owned();
        let targets = [
            (AssignmentKind::User, targets.user.map(str::to_owned)),
            (AssignmentKind::ClientApplication, targets.client_application.map(str::to_owned)),
            (AssignmentKind::Idp, targets.idp.map(str::to_owned)),
            (AssignmentKind::Tenant, targets.tenant.map(str::to_owned)),
        ];
        self.threads.read(move |c| configuration::assigned(c, &subscription, &targets)).await
    }
    async fn directory(
        &self,
        subscription: &str,
        kind: Option<AssignmentKind>,
        search: &str,
        part: Part<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>> {
        let (subscription, search) = (subscription.to_owned(), search.to_owned());
        self.threads.read(move |c| directory::list(c, &subscription, kind, &search, &part)).await
    }
    async fn directory_entries(
        &self,
        subscription: &str,
        targets: Vec<AssignmentRecord>,
    ) -> Result<Vec<DirectoryRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| directory::entries(c, &subscription, &targets)).await
    }
    async fn instances_assigned(&self, subscription: &str, target: AssignmentRecord) -> Result<Vec<InstanceRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| directory::assigned(c, &subscription, &target)).await
    }
    async fn put_directory(&self, subscription: &str, entries: Vec<DirectoryRecord>) -> Result<bool> {
        let subscription = subscription.to_owned();
        self.threads.write_step(move |c| directory::put(c, &subscription, &entries)).await
    }
    async fn delete_directory_entry(
        &self,
        subscription: &str,
        target: AssignmentRecord,
        expected_revision: u64,
    ) -> Result<Removal> {
        let subscription = subscription.to_owned();
        self.threads.write(move |c| directory::delete(c, &subscription, &target, expected_revision)).await
    }
    async fn base_settings(&self, type_id: &str) -> Result<Option<BaseSettingsRecord>> {
        let type_id = type_id.to_owned();
        self.threads.read(move |c| configuration::base_settings(c, &type_id)).await
    }
    async fn set_base_settings(&self, type_id: &str, settings: BaseSettingsRecord) -> Result<bool> {
        let type_id = type_id.to_owned();
        self.threads.write(move |c| configuration::set_base_settings(c, &type_id, &settings)).await
    }
    async fn change_together(&self, changes: Vec<ConfigurationChange>) -> Result<bool> {
        self.threads.write_step(move |c| together::change(c, &changes)).await
    }
    async fn push_provider(&self, provider: ProviderRecord, replaces: Option<&str>) -> Result<bool> {
        let replaces = replaces.map(str::to_owned);
        self.threads.write(move |c| providers::push(c, &provider, replaces.as_deref())).await
    }
    async fn pop_provider(&self, type_id: &str, digest: &str) -> Result<bool> {
        let (type_id, digest) = (type_id.to_owned(), digest.to_owned());
        self.threads.write(move |c| providers::pop(c, &type_id, &digest)).await
    }
    async fn remove_providers(&self, type_id: &str, digest: &str) -> Result<bool> {
        let (type_id, digest) = (type_id.to_owned(), digest.to_owned());
        self.threads.write(move |c| providers::remove(c, &type_id, &digest)).await
    }
    async fn top_providers(&self, type_id: &str) -> Result<(Option<ProviderRecord>, Option<ProviderRecord>)> {
        let type_id = type_id.to_owned();
        self.threads.read(move |c| providers::top_two(c, &type_id)).await
    }
    async fn provider_marks(&self) -> Result<Vec<ProviderMark>> {
        self.threads.read(providers::marks).await
    }
    async fn insert_token(&self, token: TokenRecord) -> Result<()> {
        self.threads.write(move |c| owners::insert_token(c, &token)).await
    }
    async fn token(&self, id: &str) -> Result<Option<TokenRecord>> {
        let id = id.to_owned();
        self.threads.read(move |c| owners::token(c, &id)).await
    }
    async fn token_by_digest(&self, digest: &[u8; 32]) -> Result<Option<TokenRecord>> {
        let digest = *digest;
        self.threads.read(move |c| owners::token_by_digest(c, &digest)).await
    }
    async fn tokens(
        &self,
        of_applications: Option<Vec<String>>,
        part: Part<(Timestamp, String)>,
    ) -> Result<Vec<TokenRecord>> {
        self.threads.read(move |c| owners::tokens(c, of_applications.as_deref(), &part)).await
    }
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write(move |c| owners::revoke_token(c, &id, at)).await
    }
    async fn append_audit(&self, record: AuditRecord, head: AuditHead) -> Result<bool> {
        self.threads.write(move |c| configuration::append_audit(c, &record, &head)).await
    }
    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>> {
        self.threads.read(move |c| configuration::audit(c, after, limit)).await
    }
    async fn find_audit(&self, filter: AuditFilter, limit: u32) -> Result<Vec<AuditRecord>> {
        self.threads.read(move |c| configuration::find_audit(c, &filter, limit)).await
    }
    async fn audit_head(&self) -> Result<Option<AuditHead>> {
        self.threads.read(configuration::audit_head).await
    }
    async fn touch(&self, now: Timestamp) -> Result<()> {
        self.threads.write(move |c| clock::touch(c, now)).await
    }
    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>> {
        self.threads.read(configuration::keys_in_use).await
    }
    async fn note_key(&self, key: KeyInUse) -> Result<()> {
        self.threads.write(move |c| configuration::note_key(c, &key)).await
    }
    async fn open_challenge(&self, wish: OpenChallenge) -> Result<Opened> {
        self.threads.write_step(move |c| challenges::open(c, &wish)).await
    }
    async fn challenge(&self, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.read(move |c| challenges::get(c, &subscription, &id)).await
    }
    async fn charge_attempt(&self, attempt: Attempt) -> Result<Charged> {
        self.threads.write_step(move |c| challenges::charge_attempt(c, &attempt)).await
    }
    async fn consume_challenge(&self, consume: Consume) -> Result<bool> {
        self.threads.write(move |c| challenges::consume(c, &consume)).await
    }
    async fn resend_challenge(&self, wish: Resend) -> Result<Resent> {
        self.threads.write_step(move |c| challenges::resend(c, &wish)).await
    }
    async fn hand_over_challenge(&self, wish: HandOver) -> Result<bool> {
        self.threads.write(move |c| challenges::hand_over(c, &wish)).await
    }
    async fn close_challenge(&self, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write(move |c| challenges::close(c, &subscription, &id, why, now)).await
    }
    async fn sign_in_page(&self, subscription: &str) -> Result<Option<SignInPageRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| sign_ins::page(c, &subscription)).await
    }
    async fn set_sign_in_page(&self, page: SignInPageRecord, expected_revision: u64) -> Result<bool> {
        self.threads.write(move |c| sign_ins::set_page(c, &page, expected_revision)).await
    }
    async fn insert_sign_in(&self, sign_in: HostedSignInRecord) -> Result<()> {
        self.threads.write(move |c| sign_ins::insert(c, &sign_in)).await
    }
    async fn sign_in(&self, subscription: &str, id: &str) -> Result<Option<HostedSignInRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.read(move |c| sign_ins::get(c, &subscription, &id)).await
    }
    async fn sign_in_by_link(&self, link: &[u8; 32]) -> Result<Option<HostedSignInRecord>> {
        let link = *link;
        self.threads.read(move |c| sign_ins::by_link(c, &link)).await
    }
    async fn bind_sign_in(&self, id: &str, browser: [u8; 32], now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write(move |c| sign_ins::bind(c, &id, &browser, now)).await
    }
    async fn step_sign_in(&self, id: &str, step: u32, challenge: Option<String>, now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write(move |c| sign_ins::step(c, &id, step, challenge.as_deref(), now)).await
    }
    async fn end_sign_in(&self, id: &str, end: SignInEnd) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write(move |c| sign_ins::end(c, &id, &end)).await
    }
    async fn redeem_sign_in(
        &self,
        subscription: &str,
        id: &str,
        handle: [u8; 32],
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<HostedSignInRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write(move |c| sign_ins::redeem(c, &subscription, &id, &handle, (since, now))).await
    }
    async fn settle_idempotency(&self, key: BucketKey, answer: Option<Vec<u8>>) -> Result<()> {
        self.threads.write(move |c| limits::settle_idempotency(c, &key, answer.as_deref())).await
    }
    async fn put_browser(&self, digest: &[u8; 32], account: &str, now: Timestamp) -> Result<()> {
        let (digest, account) = (*digest, account.to_owned());
        self.threads.write(move |c| accounts::put_browser(c, &digest, &account, now)).await
    }
    async fn browser_account(&self, digest: &[u8; 32]) -> Result<Option<String>> {
        let digest = *digest;
        self.threads.read(move |c| accounts::browser_account(c, &digest)).await
    }
    async fn second_factor(&self) -> Result<Option<SecondFactorRecord>> {
        self.threads.read(accounts::second_factor).await
    }
    async fn set_second_factor(&self, record: SecondFactorRecord, expected_revision: u64) -> Result<bool> {
        self.threads.write(move |c| accounts::set_second_factor(c, &record, expected_revision)).await
    }
    async fn add_history(&self, records: Vec<HistoryRecord>, bounds: HistoryBounds) -> Result<()> {
        self.threads.write(move |c| history::add(c, &records, bounds.rows_of_person)).await
    }
    async fn trim_history(&self, bounds: HistoryBounds) -> Result<u64> {
        self.threads.write(move |c| history::trim(c, &bounds)).await
    }
    async fn history(
        &self,
        subscription: &str,
        key: HistoryKey,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| history::read(c, &subscription, &key, since, limit)).await
    }
    async fn note_health(&self, all: Vec<(String, UpstreamHealthRecord)>) -> Result<()> {
        self.threads.write(move |c| history::note_health(c, &all)).await
    }
    async fn health(&self, instance: &str) -> Result<Option<UpstreamHealthRecord>> {
        let instance = instance.to_owned();
        self.threads.read(move |c| history::health(c, &instance)).await
    }
    async fn reached_limits(
        &self,
        person: BucketKey,
        limits: PersonLimits,
        charges: Vec<Charge>,
        now: Timestamp,
    ) -> Result<ReachedLimits> {
        self.threads.read(move |c| history::reached(c, &person, &limits, &charges, now)).await
    }
    async fn unlock_person(&self, person: BucketKey) -> Result<()> {
        self.threads.write(move |c| limits::unlock_person(c, &person)).await
    }
    async fn insert_account(&self, account: AccountRecord, invitation: InvitationRecord) -> Result<()> {
        self.threads.write(move |c| accounts::insert_account(c, &account, &invitation)).await
    }
    async fn account(&self, id: &str) -> Result<Option<AccountRecord>> {
        let id = id.to_owned();
        self.threads.read(move |c| accounts::account(c, &id)).await
    }
    async fn insert_vouched_account(&self, account: AccountRecord) -> Result<()> {
        self.threads.write(move |c| accounts::insert_vouched(c, &account)).await
    }
    async fn account_by_identity(&self, identity: &BucketKey) -> Result<Option<AccountRecord>> {
        let identity = *identity;
        self.threads.read(move |c| accounts::account_by_identity(c, &identity)).await
    }
    async fn account_by_email(&self, email: &BucketKey) -> Result<Option<AccountRecord>> {
        let email = *email;
        self.threads.read(move |c| accounts::account_by_email(c, &email)).await
    }
    async fn accounts(&self, after: u64, limit: u32) -> Result<Vec<AccountRecord>> {
        self.threads.read(move |c| accounts::accounts(c, after, limit)).await
    }
    async fn has_active_account(&self) -> Result<bool> {
        self.threads.read(accounts::has_active_account).await
    }
    async fn update_account(&self, account: AccountRecord, expected_revision: u64) -> Result<AccountStep> {
        self.threads.write_step(move |c| accounts::update_account(c, &account, expected_revision)).await
    }
    async fn delete_account(&self, id: &str) -> Result<AccountStep> {
        let id = id.to_owned();
        self.threads.write_step(move |c| accounts::delete_account(c, &id)).await
    }
    async fn put_invitation(&self, invitation: InvitationRecord, now: Timestamp) -> Result<bool> {
        self.threads.write(move |c| accounts::put_invitation(c, &invitation, now)).await
    }
    async fn invitation(&self, digest: &[u8; 32]) -> Result<Option<InvitationRecord>> {
        let digest = *digest;
        self.threads.read(move |c| accounts::invitation(c, &digest)).await
    }
    async fn redeem_invitation(&self, wish: Redeem) -> Result<Option<AccountRecord>> {
        self.threads.write_step(move |c| accounts::redeem(c, &wish)).await
    }
    async fn set_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<bool> {
        let account = account.to_owned();
        self.threads.write(move |c| accounts::set_password(c, &account, generation, &password)).await
    }
    async fn rehash_password(&self, account: &str, generation: u64, password: Vec<u8>) -> Result<()> {
        let account = account.to_owned();
        self.threads.write(move |c| accounts::rehash_password(c, &account, generation, &password)).await
    }
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Option<Limited>> {
        self.threads.write_step(move |c| accounts::charge(c, &charges, now)).await
    }
    async fn release(&self, keys: Vec<BucketKey>) -> Result<()> {
        self.threads.write(move |c| limits::release(c, &keys)).await
    }
    async fn keep_log_in(&self, log_in: LogInRecord, now: Timestamp) -> Result<()> {
        self.threads.write(move |c| accounts::keep_log_in(c, &log_in, now)).await
    }
    async fn log_in(&self, digest: &[u8; 32]) -> Result<Option<LogInRecord>> {
        let digest = *digest;
        self.threads.read(move |c| accounts::log_in(c, &digest)).await
    }
    async fn keep_errand(&self, errand: ErrandRecord, now: Timestamp) -> Result<()> {
        self.threads.write(move |c| errands::keep(c, &errand, now)).await
    }
    async fn take_errand(&self, digest: &[u8; 32], now: Timestamp) -> Result<Option<ErrandRecord>> {
        let digest = *digest;
        self.threads.write(move |c| errands::take(c, &digest, now)).await
    }
    async fn open_session(&self, wish: OpenSession) -> Result<bool> {
        self.threads.write_step(move |c| accounts::open_session(c, &wish)).await
    }
    async fn session(&self, digest: &[u8; 32]) -> Result<Option<(SessionRecord, AccountRecord)>> {
        let digest = *digest;
        self.threads.read(move |c| accounts::session(c, &digest)).await
    }
    async fn sessions(&self, account: &str) -> Result<Vec<SessionRecord>> {
        let account = account.to_owned();
        self.threads.read(move |c| accounts::sessions(c, &account)).await
    }
    async fn touch_session(&self, digest: &[u8; 32], now: Timestamp) -> Result<()> {
        let digest = *digest;
        self.threads.write(move |c| accounts::touch_session(c, &digest, now)).await
    }
    async fn end_sessions(&self, account: &str, which: Which) -> Result<u64> {
        let account = account.to_owned();
        self.threads.write(move |c| accounts::end_sessions(c, &account, &which)).await
    }
    async fn resume(&self, now: Timestamp) -> Result<Timestamp> {
        self.threads.write(move |c| clock::resume(c, now)).await
    }
    async fn add_statistics(&self, records: Vec<StatisticRecord>) -> Result<()> {
        self.threads.write(move |c| statistics::add(c, &records)).await
    }
    async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| statistics::read(c, &subscription, since)).await
    }
    async fn purge(&self, before: Timestamp) -> Result<u64> {
        self.threads.write(move |c| limits::purge(c, before)).await
    }
}
