//! The threads that own the connections. Writes that wait at the same moment share one commit: the disk's sync is
//! what limits them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::super::{Kind, Result, StoreError};

/// How many writes share a commit at most: the first of them waits for the last.
const BATCH: usize = 256;

type Work = Box<dyn FnOnce(Result<&Connection, &StoreError>) -> Answer + Send>;
/// Sends the answer, once it is known whether the commit succeeded.
type Answer = Box<dyn FnOnce(Result<(), &StoreError>) + Send>;
type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A handle to the connections' threads. They end when it is dropped.
pub(super) struct Threads {
    writes: Sender<Work>,
    reads: Option<Sender<Read>>,
}

/// What a write leaves behind.
pub(super) enum Step<T> {
    /// Commit it.
    Keep(T),
    /// Answer this, and leave no trace.
    Undo(T),
}

impl Threads {
    /// One thread that writes, and one for each connection to read with. Without any, the writing one reads too.
    pub(super) fn start(writer: Connection, readers: Vec<Connection>) -> Self {
        let (writes, queue) = channel::<Work>();
        thread::spawn(move || write_all(&writer, &queue));
        let reads = (!readers.is_empty()).then(|| {
            let (reads, queue) = channel::<Read>();
            let queue = Arc::new(Mutex::new(queue));
            for reader in readers {
                let queue = queue.clone();
                thread::spawn(move || {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        match next {
                            Ok(read) => read(&reader),
                            Err(_) => return,
                        }
                    }
                });
            }
            reads
        });
        Self { writes, reads }
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.write_step(move |connection| act(connection).map(Step::Keep)).await
    }

    /// Runs a write in a savepoint of its own within a transaction it may share with others.
    pub(super) async fn write_step<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<Step<T>> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = connection.map_err(StoreError::again).and_then(|connection| in_savepoint(connection, act));
            Box::new(move |commit| {
                let answer = match commit {
                    Ok(()) => result,
                    Err(error) => Err(error.again()),
                };
                // Nobody waits any more if the caller was cancelled.
                let _ = sender.send(answer);
            })
        });
        self.writes.send(work).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(reads) = &self.reads else {
            return self.write(act).await;
        };
        let (sender, receiver) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            let _ = sender.send(act(connection));
        });
        reads.send(read).map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}

fn write_all(connection: &Connection, queue: &Receiver<Work>) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        let begun = run(connection, "BEGIN IMMEDIATE");
        let answers: Vec<Answer> = batch.into_iter().map(|work| work(begun.as_ref().map(|()| connection))).collect();
        let committed = begun.and_then(|()| run(connection, "COMMIT"));
        if committed.is_err() && !connection.is_autocommit() {
            let _ = run(connection, "ROLLBACK");
        }
        for answer in answers {
            answer(committed.as_ref().copied());
        }
    }
}

fn in_savepoint<T>(connection: &Connection, act: impl FnOnce(&Connection) -> Result<Step<T>>) -> Result<T> {
    // SQLite may have ended the whole transaction by itself (full disk): a savepoint would then begin one of its own.
    if connection.is_autocommit() {
        return Err(StoreError::unavailable("the transaction was ended by the database"));
    }
    run(connection, "SAVEPOINT work")?;
    let outcome = act(connection);
    if !matches!(outcome, Ok(Step::Keep(_))) {
        run(connection, "ROLLBACK TO work")?;
    }
    run(connection, "RELEASE work")?;
    outcome.map(|step| match step {
        Step::Keep(answer) | Step::Undo(answer) => answer,
    })
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
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Busy,
            Some(ErrorCode::ConstraintViolation) => Kind::Exists,
            Some(ErrorCode::NotADatabase) => Kind::Incompatible,
            _ => Kind::Unavailable,
        };
        Self::new(kind, error)
    }
}
