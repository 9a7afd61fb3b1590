//! The connections of a process, and how calls use them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::failure::Trouble;
use super::options::PostgresOptions;
use super::session::Session;
use crate::store::{Result, StoreError, StoreErrorKind};

/// How long a call waits for a connection while all are in use.
pub(super) const TURN: Duration = Duration::from_secs(5);

/// How many calls may wait for each connection. More are refused immediately.
pub(super) const WAITING_FOR_EACH: usize = 32;

/// The age at which a connection is replaced: the host name of the database may resolve to another server by then.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How often a call is tried while other calls conflict with it.
const TRIES: u32 = 5;

/// The pause after a failed connection attempt, during which no call tries to connect: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The kind of a call, which determines how a lost connection is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// It only reads, or can be repeated any number of times.
    Read,
    /// It is one statement that writes.
    Write,
    /// Like `Write`, but it can be repeated, because its statement recognizes its own first try.
    Repeatable,
    /// It is a transaction that reports when it commits. Before that, it has no effect and can be repeated.
    Transaction,
}

/// The connections of a process.
pub(super) struct Pool {
    options: PostgresOptions,
    turns: Semaphore,
    waiting: AtomicUsize,
    idle: Mutex<Vec<Arc<Session>>>,
    outage: Mutex<Option<Outage>>,
}

/// The database could not be reached.
#[derive(Clone, Copy)]
struct Outage {
    pause: Duration,
    until: Instant,
}

impl Pool {
    pub(super) fn new(options: PostgresOptions) -> Self {
        Self {
            turns: Semaphore::new(options.connections),
            options,
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            outage: Mutex::default(),
        }
    }

    /// Returns how many connections it may open.
    pub(super) fn connections(&self) -> usize {
        self.options.connections
    }

    /// Runs a call on its own connection. It runs to its end even if the caller gives up: half a transaction must not stay open.
    ///
    /// `call` gets a flag whether an earlier try may have succeeded.
    pub(super) async fn run<T, F, C>(self: &Arc<Self>, work: Work, call: C) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send,
        C: Fn(Arc<Session>, bool) -> F + Send + Sync + 'static,
    {
        let pool = self.clone();
        let run = async move { pool.try_until_it_is_settled(work, &call).await };
        tokio::spawn(run).await.map_err(|_| StoreError::unavailable("the database operation was aborted"))?
    }

    async fn try_until_it_is_settled<T, F, C>(&self, work: Work, call: &C) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
        C: Fn(Arc<Session>, bool) -> F + Send + Sync,
    {
        let _turn = self.turn().await?;
        let (mut in_the_way, mut lost) = (0, 0);
        let mut is_repeated = false;
        loop {
            let session = match self.session().await {
                Ok(session) => session,
                // The first try may still have succeeded.
                Err(error) if is_repeated => return Err(StoreError::outcome_unknown(error)),
                Err(error) => return Err(error),
            };
            let (result, trouble) = self.once(work, session, call, is_repeated).await;
            match (result, trouble) {
                (Err(error), Some(Trouble::InTheWay)) => {
                    in_the_way += 1;
                    if in_the_way == TRIES {
                        // The result of a repeat does not tell the outcome of the first try.
                        return Err(if is_repeated { StoreError::outcome_unknown(error) } else { error });
                    }
                    tokio::time::sleep(Duration::from_millis(10 * u64::from(in_the_way) + jitter(10))).await;
                }
                (Err(error), Some(Trouble::Lost)) if lost == 0 => {
                    let is_unknown = error.kind() == StoreErrorKind::OutcomeUnknown;
                    if is_unknown && work != Work::Repeatable {
                        return Err(error);
                    }
                    is_repeated |= is_unknown;
                    lost += 1;
                }
                (Err(error), Some(Trouble::WrongServer)) if lost == 0 && !is_repeated => {
                    tracing::debug!(%error, "this server does not accept writes");
                    lost += 1;
                }
                // The result of the second try does not tell the outcome of the first.
                (Err(error), _) if is_repeated && !error.is_conflict() => {
                    return Err(StoreError::outcome_unknown(error));
                }
                (result, _) => return result,
            }
        }
    }

    /// Tries a call once, and keeps the connection if another call can use it.
    async fn once<T, F, C>(
        &self,
        work: Work,
        session: Arc<Session>,
        call: &C,
        is_repeated: bool,
    ) -> (Result<T>, Option<Trouble>)
    where
        F: Future<Output = Result<T>> + Send,
        C: Fn(Arc<Session>, bool) -> F + Send + Sync,
    {
        session.begin(match work {
            Work::Read | Work::Transaction => StoreErrorKind::Unavailable,
            Work::Write | Work::Repeatable => StoreErrorKind::OutcomeUnknown,
        });
        let Ok(result) = timeout(self.options.call, call(session.clone(), is_repeated)).await else {
            // The statement continues on the server. The connection is closed, so no other call waits for it.
            let error = StoreError::new(session.if_lost(), "the database did not answer in time");
            self.forget_idle();
            return (Err(error), None);
        };
        let trouble = session.trouble();
        if matches!(trouble, Some(Trouble::Lost | Trouble::WrongServer)) {
            // The other connections lead to the same server.
            self.forget_idle();
        } else if session.is_sound() && session.begun().elapsed() < LIFETIME {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        (result, trouble)
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let waiting = Waiting::enter(&self.waiting);
        if waiting.before >= self.options.connections * WAITING_FOR_EACH {
            return Err(StoreError::busy("too many calls are waiting for a connection"));
        }
        match timeout(TURN, self.turns.acquire()).await {
            Ok(turn) => turn.map_err(|_| StoreError::unavailable("the connections were closed")),
            Err(_) => Err(StoreError::busy("no connection became free in time")),
        }
    }

    /// Returns an idle connection, or a new one.
    async fn session(&self) -> Result<Arc<Session>> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(session) if session.is_sound() => return Ok(session),
                Some(_) => {}
                None => break,
            }
        }
        let outage = *self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        if outage.is_some_and(|outage| Instant::now() < outage.until) {
            return Err(StoreError::unavailable("the database was unreachable a moment ago"));
        }
        let session = self.options.connect().await;
        let mut noted = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match session {
            Ok(session) => {
                if noted.take().is_some() {
                    tracing::info!("the database can be reached again");
                }
                Ok(Arc::new(session))
            }
            Err(error) => {
                if noted.is_none() {
                    tracing::error!(%error, "the database cannot be reached");
                }
                // Calls that started to connect at the same time count as one.
                if noted.is_none_or(|outage| outage.until <= Instant::now()) {
                    let pause = noted.map_or(PAUSE, |outage| (outage.pause * 2).min(LONGEST_PAUSE));
                    let until = Instant::now() + pause + Duration::from_millis(jitter(50));
                    *noted = Some(Outage { pause, until });
                }
                Err(error)
            }
        }
    }

    fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Counts a call as waiting until it is dropped.
pub(super) struct Waiting<'a> {
    count: &'a AtomicUsize,
    /// How many waited before.
    pub(super) before: usize,
}

impl<'a> Waiting<'a> {
    pub(super) fn enter(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns a random number below `most`: processes that failed together do not try again together.
fn jitter(most: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without random bytes, they all try at the same time.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes) % most
}
