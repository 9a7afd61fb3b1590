//! The threads that own the connections. Writes that wait at the same moment share one commit: the disk's sync is
//! what limits them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::clock;
use crate::store::{Result, StoreError, StoreErrorKind};

/// How many writes share a commit at most: the first of them waits for the last.
const BATCH: usize = 256;

/// After so many commits what is in the write-ahead log is copied into the database.
pub(super) const CHECKPOINT_EVERY: u32 = 64;

/// A write that waits for its turn.
struct Work {
    /// The time it depends on, if it does.
    at: Option<Timestamp>,
    act: Act,
}

/// Writes, or learns why it cannot. Its own failure is in its answer; the result beside it fails the whole batch.
type Act = Box<dyn FnOnce(Result<&Connection, &StoreError>) -> (Answer, Result<()>) + Send>;
/// Sends the answer, once it is known whether the commit succeeded.
type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A handle to the connections' threads. Dropping it waits until they have finished and the connections are closed.
pub(super) struct Threads {
    queues: Option<Queues>,
    threads: Vec<JoinHandle<()>>,
}

struct Queues {
    writes: Sender<Work>,
    reads: Option<Reads>,
}

/// The connections that only read.
struct Reads {
    queue: Sender<Read>,
    /// For rows that are found by a key: reading them takes less time than waking up a thread.
    at_once: Mutex<Connection>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queues = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What a write leaves behind.
pub(super) enum Step<T> {
    /// Commit it.
    Keep(T),
    /// Answer this, and leave no trace.
    Undo(T),
}

impl Threads {
    /// One thread that writes, one that copies what was written into the database, and one for each connection to read with, but the first,
    /// which callers of [`Self::read_at_once`] use. Without any of these the writing one reads too.
    pub(super) fn start(writer: Connection, checkpointer: Option<Connection>, readers: Vec<Connection>) -> Self {
        let (writes, queue) = channel::<Work>();
        let (due, dues) = sync_channel(1);
        let mut threads = vec![thread::spawn(move || write_all(&writer, &queue, &due))];
        threads.extend(checkpointer.map(|connection| thread::spawn(move || checkpoint_all(&connection, &dues))));
        let mut readers = readers.into_iter();
        let reads = readers.next().map(|at_once| {
            let (reads, queue) = channel::<Read>();
            let queue = Arc::new(Mutex::new(queue));
            threads.extend(readers.map(|reader| {
                let queue = queue.clone();
                thread::spawn(move || read_all(&reader, &queue))
            }));
            Reads { queue: reads, at_once: Mutex::new(at_once) }
        });
        Self { queues: Some(Queues { writes, reads }), threads }
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(None, move |connection| act(connection).map(Step::Keep)).await
    }

    /// Runs a write that depends on the time: its transaction records the time.
    pub(super) async fn write_at<T: Send + 'static>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(Some(now), move |connection| act(connection).map(Step::Keep)).await
    }

    /// Runs a write that may be undone.
    pub(super) async fn write_step<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<Step<T>> + Send + 'static,
    ) -> Result<T> {
        self.run(None, act).await
    }

    /// Runs a write that may be undone and depends on the time: its transaction records the time.
    pub(super) async fn write_step_at<T: Send + 'static>(
        &self,
        now: Timestamp,
        act: impl FnOnce(&Connection) -> Result<Step<T>> + Send + 'static,
    ) -> Result<T> {
        self.run(Some(now), act).await
    }

    /// Runs a write in a savepoint of its own, in a transaction that it may share with others.
    async fn run<T: Send + 'static>(
        &self,
        at: Option<Timestamp>,
        act: impl FnOnce(&Connection) -> Result<Step<T>> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let act: Act = Box::new(move |connection| {
            let (result, sound) = match connection {
                Ok(connection) => match in_savepoint(connection, act) {
                    Ok(result) => (result, Ok(())),
                    Err(spoilt) => (Err(spoilt.share()), Err(spoilt)),
                },
                Err(error) => (Err(error.share()), Ok(())),
            };
            let answer: Answer = Box::new(move |commit| {
                let answer = match commit {
                    Ok(()) => result,
                    Err(error) => Err(error.share()),
                };
                // Nobody is waiting if the caller was cancelled.
                let _ = sender.send(answer);
            });
            (answer, sound)
        });
        let queues = self.queues.as_ref().ok_or_else(gone)?;
        queues.writes.send(Work { at, act }).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(reads) = self.queues.as_ref().and_then(|queues| queues.reads.as_ref()) else {
            return self.write(act).await;
        };
        let (sender, receiver) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            let _ = sender.send(guarded(|| act(connection)).and_then(|result| result));
        });
        reads.queue.send(read).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }

    /// Reads a few rows by their keys, in the thread of the caller if no other does so at the moment.
    pub(super) async fn read_at_once<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let reads = self.queues.as_ref().and_then(|queues| queues.reads.as_ref());
        if let Some(Ok(connection)) = reads.map(|reads| reads.at_once.try_lock()) {
            return guarded(|| act(&connection))?;
        }
        self.read(act).await
    }
}

fn read_all(connection: &Connection, queue: &Mutex<Receiver<Read>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(read) => read(connection),
            Err(_) => return,
        }
    }
}

/// Nobody who writes waits for this: a checkpoint of SQLite's own would be part of the commit that made it due, and takes the
/// longer the more places of the database were written to.
fn checkpoint_all(connection: &Connection, due: &Receiver<()>) {
    while due.recv().is_ok() {
        let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "the write-ahead log could not be checkpointed");
        }
    }
}

fn write_all(connection: &Connection, queue: &Receiver<Work>, checkpoint: &SyncSender<()>) {
    let mut commits = 0_u32;
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        commit_together(connection, batch);
        commits = commits.wrapping_add(1);
        if commits.is_multiple_of(CHECKPOINT_EVERY) {
            // One that is due already is enough; in memory there is none.
            let _ = checkpoint.try_send(());
        }
    }
}

/// All of the batch is committed, or all of its callers learn that nothing was.
fn commit_together(connection: &Connection, batch: Vec<Work>) {
    let now = batch.iter().filter_map(|work| work.at).max();
    let mut sound = begin(connection).and_then(|()| now.map_or(Ok(()), |now| clock::record(connection, now)));
    let mut answers = Vec::with_capacity(batch.len());
    for work in batch {
        let (answer, result) = (work.act)(sound.as_ref().map(|()| connection));
        answers.push(answer);
        sound = sound.and(result);
    }
    let committed = sound.and_then(|()| run(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        // If this fails too, the next batch tries again before it begins.
        let _ = run(connection, "ROLLBACK");
    }
    for answer in answers {
        answer(committed.as_ref().copied());
    }
}

fn begin(connection: &Connection) -> Result<()> {
    if !connection.is_autocommit() {
        run(connection, "ROLLBACK")?;
    }
    run(connection, "BEGIN IMMEDIATE")
}

/// `Err` if it is no longer certain what the transaction contains: it must not be committed then.
fn in_savepoint<T>(connection: &Connection, act: impl FnOnce(&Connection) -> Result<Step<T>>) -> Result<Result<T>> {
    // SQLite may have ended the whole transaction by itself (full disk): a savepoint would then begin one of its own.
    if connection.is_autocommit() {
        return Err(StoreError::unavailable("the database ended the transaction"));
    }
    run(connection, "SAVEPOINT work")?;
    let outcome = guarded(|| act(connection))?;
    if !matches!(outcome, Ok(Step::Keep(_))) {
        run(connection, "ROLLBACK TO work")?;
    }
    run(connection, "RELEASE work")?;
    Ok(outcome.map(|step| match step {
        Step::Keep(answer) | Step::Undo(answer) => answer,
    }))
}

/// A panic ends the work it happened in, but not the thread: otherwise no further write would be possible.
fn guarded<T>(act: impl FnOnce() -> T) -> Result<T> {
    // What a panic leaves half done is in the database only, and rolled back there.
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| StoreError::unavailable("the database operation panicked"))
}

fn run(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn gone() -> StoreError {
    StoreError::unavailable("the database's thread has ended")
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite's own texts name tables and columns, never values.
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreErrorKind::Busy,
            Some(ErrorCode::ConstraintViolation) => StoreErrorKind::Conflict,
            Some(ErrorCode::NotADatabase) => StoreErrorKind::Incompatible,
            _ => StoreErrorKind::Unavailable,
        };
        Self::new(kind, &error).with_source(error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Returns a table whose references are checked at commit only, so that a commit can be made to fail.
    fn threads() -> Threads {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON; CREATE TABLE known (n INTEGER PRIMARY KEY);
                 CREATE TABLE numbers (n INTEGER REFERENCES known DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        Threads::start(connection, None, Vec::new())
    }

    fn add(c: &Connection) -> Result<()> {
        run(c, "INSERT INTO numbers VALUES (NULL)")
    }

    async fn count(threads: &Threads) -> u32 {
        threads.read(|c| Ok(c.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))?)).await.unwrap()
    }

    /// Returns the results of `add`, `spoil` and `add` in one batch: the thread is held up until all of them wait.
    async fn in_one_batch(
        threads: &Threads,
        spoil: impl FnOnce(&Connection) -> Result<()> + Send + 'static,
    ) -> [Result<()>; 3] {
        let (go, wait) = channel::<()>();
        let (started, holding) = oneshot::channel();
        let hold = threads.write(move |_| {
            let _ = started.send(());
            let _ = wait.recv();
            Ok(())
        });
        let rest = async {
            holding.await.unwrap();
            // Polled in order, so all three are queued when the fourth lets the thread go on.
            let all = tokio::join!(threads.write(add), threads.write(spoil), threads.write(add), async {
                go.send(()).unwrap()
            });
            [all.0, all.1, all.2]
        };
        tokio::join!(hold, rest).1
    }

    #[tokio::test]
    async fn a_savepoint_that_cannot_be_rolled_back_fails_all_writes_that_share_its_commit() {
        let threads = threads();
        let results = in_one_batch(&threads, |c| {
            add(c)?;
            run(c, "RELEASE work")?;
            Err(StoreError::unavailable("undo this"))
        })
        .await;
        assert!(results.iter().all(|result| result.as_ref().unwrap_err().is_unavailable()), "{results:?}");
        assert_eq!(count(&threads).await, 0);
        threads.write(add).await.unwrap();
        assert_eq!(count(&threads).await, 1);
    }

    #[tokio::test]
    async fn a_panic_fails_its_batch_and_the_next_one_is_written() {
        let threads = threads();
        let results = in_one_batch(&threads, |c| {
            add(c)?;
            panic!("on purpose")
        })
        .await;
        assert!(results.iter().all(|result| result.as_ref().unwrap_err().is_unavailable()), "{results:?}");
        assert_eq!(count(&threads).await, 0);
        threads.write(add).await.unwrap();
        assert_eq!(count(&threads).await, 1);
    }

    #[tokio::test]
    async fn a_failed_commit_fails_all_writes_that_share_it() {
        let threads = threads();
        let results = in_one_batch(&threads, |c| run(c, "INSERT INTO numbers VALUES (4711)")).await;
        assert!(results.iter().all(Result::is_err), "{results:?}");
        assert_eq!(count(&threads).await, 0);
        threads.write(add).await.unwrap();
        assert_eq!(count(&threads).await, 1);
    }

    #[tokio::test]
    async fn an_error_undoes_its_own_write_only() {
        let threads = threads();
        let results = in_one_batch(&threads, |c| {
            add(c)?;
            Err(StoreError::conflict("undo this"))
        })
        .await;
        assert!(results[1].as_ref().unwrap_err().is_conflict());
        assert!(results[0].is_ok() && results[2].is_ok());
        assert_eq!(count(&threads).await, 2);
    }

    #[tokio::test]
    async fn a_panic_while_reading_leaves_the_reader_at_work() {
        let open = || Connection::open_in_memory().unwrap();
        let threads = Threads::start(open(), None, vec![open(), open()]);
        let panicked: Result<()> = threads.read(|_| panic!("on purpose")).await;
        assert!(panicked.unwrap_err().is_unavailable());
        threads.read(|_| Ok(())).await.unwrap();
        let panicked: Result<()> = threads.read_at_once(|_| panic!("on purpose")).await;
        assert!(panicked.unwrap_err().is_unavailable());
        threads.read_at_once(|_| Ok(())).await.unwrap();
    }
}
