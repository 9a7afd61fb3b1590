//! A connection to the database.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, Row};

use super::Step;
use super::failure::{Trouble, store_error, trouble};
use super::values::Value;
use crate::store::{Result, StoreError, StoreErrorKind};

/// A connection that one call at a time uses. It keeps no state between calls: a pooler may give each statement to another server process.
///
/// It never sends a cancel request. A cancelled query no longer waits for the standby: it would be committed here, visible to
/// everybody, and lost by the next failover.
pub(super) struct Session {
    client: Client,
    driver: AbortHandle,
    begun: Instant,
    /// Whether the server warned that a committed change may not be on the standby.
    warned: Arc<AtomicBool>,
    /// What the caller learns if the connection is lost now.
    if_lost: Mutex<StoreErrorKind>,
    trouble: Mutex<Option<Trouble>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // The socket is closed at once, without waiting for a server that may not answer.
        self.driver.abort();
    }
}

impl Session {
    pub(super) fn new<S, T>(client: Client, mut connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let warned = Arc::new(AtomicBool::new(false));
        let flag = warned.clone();
        let driver = tokio::spawn(async move {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notice(notice))) => {
                        // The notice is read before the answer that follows it.
                        if is_doubt(notice.parsed_severity(), notice.code()) {
                            flag.store(true, Ordering::Release);
                        }
                        tracing::warn!(code = notice.code().code(), message = notice.message(), "database notice");
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(%error, "a connection to the database was lost");
                        return;
                    }
                    None => return,
                }
            }
        })
        .abort_handle();
        Self {
            client,
            driver,
            begun: Instant::now(),
            warned,
            if_lost: Mutex::new(StoreErrorKind::Unavailable),
            trouble: Mutex::new(None),
        }
    }

    /// Begins a call.
    pub(super) fn begin(&self, if_lost: StoreErrorKind) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.set_if_lost(if_lost);
    }

    /// Sets what the caller learns if the connection is lost from now on.
    pub(super) fn set_if_lost(&self, kind: StoreErrorKind) {
        *self.if_lost.lock().unwrap_or_else(PoisonError::into_inner) = kind;
    }

    /// Returns what the caller learns if no answer comes.
    pub(super) fn if_lost(&self) -> StoreErrorKind {
        *self.if_lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what went wrong in this call, if anything.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether another call can use this connection.
    pub(super) fn is_sound(&self) -> bool {
        let is_usable = matches!(self.trouble(), None | Some(Trouble::Refused | Trouble::InTheWay));
        is_usable && !self.client.is_closed() && !self.warned.load(Ordering::Acquire)
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Runs a statement, and returns its rows once the server is ready for the next one: once it is committed, outside a transaction.
    pub(super) async fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>> {
        check_texts(values)?;
        self.settle(self.client.query_typed(sql, &typed(values)).await)
    }

    /// Runs a statement that returns at most one row.
    pub(super) async fn row(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement that returns one row.
    pub(super) async fn only_row(&self, sql: &str, values: &[Value<'_>]) -> Result<Row> {
        self.row(sql, values).await?.ok_or_else(|| StoreError::unavailable("a statement returned no row"))
    }

    /// Runs a statement, and returns how many rows it changed.
    pub(super) async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        check_texts(values)?;
        self.settle(self.client.execute_typed(sql, &typed(values)).await)
    }

    /// Runs several statements without parameters in one round trip.
    pub(super) async fn batch(&self, sql: &str) -> Result<()> {
        self.settle(self.client.batch_execute(sql).await)
    }

    /// Runs a transaction. After an error, and after [`Step::Undo`], it is rolled back.
    pub(super) async fn transaction<T>(&self, begin: &str, act: impl Future<Output = Result<Step<T>>>) -> Result<T> {
        let result = match self.batch(begin).await {
            Ok(()) => act.await,
            Err(error) => Err(error),
        };
        match result {
            Ok(Step::Keep(answer)) => {
                // A transaction that ends before this has no effect.
                self.set_if_lost(StoreErrorKind::OutcomeUnknown);
                self.batch("COMMIT").await?;
                Ok(answer)
            }
            Ok(Step::Undo(answer)) => {
                self.batch("ROLLBACK").await?;
                Ok(answer)
            }
            Err(error) => {
                // If this fails, the connection is not used again.
                let _ = self.batch("ROLLBACK").await;
                Err(error)
            }
        }
    }

    fn settle<T>(&self, result: Result<T, tokio_postgres::Error>) -> Result<T> {
        match result {
            Ok(_) if self.warned.load(Ordering::Acquire) => {
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Trouble::Lost);
                Err(StoreError::outcome_unknown("the change was committed, but possibly not on a standby"))
            }
            Ok(value) => Ok(value),
            Err(error) => {
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble(&error));
                Err(store_error(error, self.if_lost()))
            }
        }
    }
}

/// Returns whether a notice says that a committed change may not be on the standby. Such a notice has no specific code.
/// The name of the severity is translated by the server; the parsed one is not.
fn is_doubt(severity: Option<Severity>, code: &SqlState) -> bool {
    severity == Some(Severity::Warning) && *code == SqlState::WARNING
}

/// PostgreSQL stores every character but U+0000.
fn check_texts(values: &[Value<'_>]) -> Result<()> {
    if values.iter().any(Value::has_null_character) {
        return Err(StoreError::new(StoreErrorKind::InvalidText, "PostgreSQL cannot store U+0000"));
    }
    Ok(())
}

fn typed<'a>(values: &'a [Value<'a>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    values.iter().map(|value| (value as &(dyn ToSql + Sync), value.kind())).collect()
}
