//! PostgreSQL 15 or newer: many processes share one database and, apart from a copy of the same key file, nothing else.
//!
//! - A call is one statement, or one transaction that first locks a guard row: nothing else is exact under READ COMMITTED.
//!   Statements that run often are functions of the schema, and take one round trip.
//! - A call uses one connection, and leaves nothing behind on it: no prepared statement, setting, advisory lock or subscription. So it works
//!   through PgBouncer in transaction mode.
//! - A challenge is open only on the timeline on which it was opened (`tf1_epoch`). A promoted standby begins another timeline, so
//!   a code that was accepted in the last second before a failover, and lost by it, is not accepted again.
//! - A lost connection leaves the outcome unknown. A call that recognizes its own first try is repeated; any other call reports this
//!   ([`StoreErrorKind::OutcomeUnknown`](super::StoreErrorKind::OutcomeUnknown)).

mod accounts;
mod addresses;
mod audit;
mod challenges;
mod configuration;
mod copy;
mod directory;
mod factor_events;
mod factor_resets;
mod factors;
mod failure;
mod history;
mod idempotency;
mod instances;
mod leases;
mod limits;
mod maintenance;
mod migrations;
mod nodes;
mod options;
mod passes;
mod pool;
mod providers;
mod purge;
mod remembered_browsers;
mod rows;
mod safety;
mod session;
mod sessions;
mod sign_ins;
mod statistics;
mod subscriptions;
#[cfg(test)]
mod tests;
mod time;
mod tls;
mod tokens;
mod user_changes;
mod values;

use std::sync::Arc;

use jiff::Timestamp;

pub use self::copy::{CopiedTable, StorePlace, copy_store};
use self::leases::Leases;
pub use self::options::PostgresOptions;
use self::pool::{Pool, Work};
use self::session::Session;
use self::time::Times;
use super::{BucketKey, Result};

/// A store in a PostgreSQL database, which any number of processes may share.
pub struct PostgresStore {
    pool: Arc<Pool>,
    times: Times,
    leases: Leases,
}

/// How a transaction ends.
enum Step<T> {
    /// Commit it.
    Keep(T),
    /// Roll it back, and return this.
    Undo(T),
}

/// Begins a transaction that no other transaction can interfere with: it locks the guard row first, and every statement after that sees
/// what the transactions before it have committed.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'; \
                     SELECT 1 FROM guards WHERE what = 'configuration' FOR UPDATE";

/// Begins a transaction that no other transaction can interfere with in the data of a user. Users share 256 guards.
fn begin_for(user: &BucketKey) -> String {
    format!("{BEGIN_UNGUARDED}; SELECT 1 FROM guards WHERE what = 'users {}' FOR UPDATE", user[0])
}

/// Begins a transaction whose first statement locks what it changes.
const BEGIN_UNGUARDED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'";

/// Checks the database, and creates or migrates its schema.
async fn prepare(session: &Session, options: &PostgresOptions) -> Result<()> {
    migrations::in_time(options.call, safety::check(session)).await?;
    migrations::migrate(session, migrations::MIGRATIONS, options.call).await?;
    migrations::in_time(options.call, safety::check_connections(session, options.connections)).await
}

impl PostgresStore {
    /// Connects to the database, creates or migrates the schema, and logs a warning for each setting of the database that is not safe.
    ///
    /// # Errors
    /// [`StoreError::is_incompatible`](super::StoreError::is_incompatible) if the database belongs to another program or a newer version,
    /// or its server is too old; [`StoreError::is_unavailable`](super::StoreError::is_unavailable) if it cannot be reached.
    pub async fn connect(options: PostgresOptions) -> Result<Self> {
        let session = options.connect().await?;
        prepare(&session, &options).await?;
        Ok(Self { pool: Arc::new(Pool::new(options)), times: Times::default(), leases: Leases::default() })
    }

    /// Runs a call that only reads.
    async fn read<A, T, F>(
        &self,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        self.run(Work::Read, input, call).await
    }

    /// Runs a call of one statement that writes.
    async fn write<A, T, F>(
        &self,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        self.run(Work::Write, input, call).await
    }

    /// Runs a call of one statement that writes and depends on the time.
    async fn write_at<A, T, F>(
        &self,
        now: Timestamp,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        self.record_time(now).await?;
        self.run(Work::Write, input, call).await
    }

    /// Runs a call of one statement that depends on the time and recognizes its own first try. The call gets a flag whether there was one.
    async fn write_repeatably<A, T, F>(
        &self,
        now: Timestamp,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>, bool) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        self.record_time(now).await?;
        let input = Arc::new(input);
        self.pool.run(Work::Repeatable, move |session, is_repeated| call(session, input.clone(), is_repeated)).await
    }

    /// Runs a transaction alone: see [`BEGIN`].
    async fn change<A, T, F>(
        &self,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<Step<T>>> + Send + 'static,
    {
        self.transaction(BEGIN.to_owned(), input, call).await
    }

    /// Runs a transaction alone that depends on the time.
    async fn change_at<A, T, F>(
        &self,
        now: Timestamp,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<Step<T>>> + Send + 'static,
    {
        self.record_time(now).await?;
        self.change(input, call).await
    }

    /// Runs a transaction that begins with these statements.
    async fn transaction<A, T, F>(
        &self,
        begin: String,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<Step<T>>> + Send + 'static,
    {
        let call = Arc::new((begin, call));
        self.run(Work::Transaction, input, move |session, input| {
            let call = call.clone();
            async move { session.transaction(&call.0, call.1(session.clone(), input)).await }
        })
        .await
    }

    async fn run<A, T, F>(
        &self,
        work: Work,
        input: A,
        call: impl Fn(Arc<Session>, Arc<A>) -> F + Send + Sync + 'static,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let input = Arc::new(input);
        self.pool.run(work, move |session, _| call(session, input.clone())).await
    }
}
