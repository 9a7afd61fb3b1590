//! The audit log: who changed what. Each line is chained to the one before it with a MAC, which shows whether lines were deleted,
//! changed, reordered or, by the sealed head, cut off at the end.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{Mutex, MutexGuard};

use crate::clock::Clock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::store::{AuditHead, AuditRecord, Part, Store};

/// The person or program that acts, for the audit log.
#[derive(Debug, Clone)]
pub struct Actor {
    /// A name that is not a secret: a token's id, an operator's command.
    pub name: String,
    /// The address that the request came from, if it came over a network.
    pub from: Option<IpAddr>,
}

impl Actor {
    /// Returns an actor by name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), from: None }
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// The number of the line, from 1.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it, and from which address.
    pub actor: String,
    /// What was done, such as `instance.update`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// More details, without secrets.
    pub detail: String,
}

/// The result of checking the integrity of the audit log.
///
/// Without the keyring nobody can change lines unnoticed. The check does not detect that the whole database, log included, was replaced by
/// an earlier copy, nor that the newest lines were deleted and an earlier head that was kept was put back: to detect that, note `lines`
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditCheck {
    /// How many lines are intact, from the first on.
    pub lines: u64,
    /// What is wrong after these lines, if anything is.
    pub problem: Option<String>,
}

pub(crate) struct AuditLog {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    turn: Mutex<()>,
    changes: [Mutex<()>; 64],
    intact: Mutex<Option<Intact>>,
}

/// Lines that were found intact, from the first on.
#[derive(Clone, Copy, Default)]
struct Walked {
    last: u64,
    mac: [u8; 32],
}

/// What [`AuditLog::verify_lately`] knows.
struct Intact {
    since: Instant,
    walked: Walked,
}

/// For how long lines that were found intact are not read again for a page.
const LATELY: Duration = Duration::from_secs(60);

const LINE: &str = "audit";
const HEAD: &str = "audit-head";
const HEAD_CHANGED: &str = "the record of the last entry was changed";
const ALL_MISSING: &str = "all entries are missing";

/// How many lines are read at a time.
const PAGE: u32 = 1000;

impl AuditLog {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: Keyring, clock: Arc<dyn Clock>) -> Self {
        let changes = [const { Mutex::const_new(()) }; 64];
        Self { store, keyring, clock, turn: Mutex::new(()), changes, intact: Mutex::new(None) }
    }

    /// Serializes changes to one subject in this process, so that entries show before and after in order. Hold the guard from reading to
    /// commit.
    pub(crate) async fn turn_of(&self, subject: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % 64).unwrap_or_default();
        self.changes[place].lock().await
    }

    pub(crate) async fn append(&self, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<(), Error> {
        let actor = match actor.from {
            Some(from) => format!("{} from {from}", actor.name),
            None => actor.name.clone(),
        };
        // Within this process one after the other; another node may still take the next number first.
        let _turn = self.turn.lock().await;
        for _ in 0..16 {
            let mut head = self.store.audit_head().await?;
            if head.is_none() && !self.nothing_was_done().await? {
                head = self.store.audit_head().await?;
                if head.is_none() {
                    return Err(cannot_go_on(ALL_MISSING));
                }
            }
            if !head.as_ref().is_none_or(|head| self.is_sealed(head)) {
                return Err(cannot_go_on(HEAD_CHANGED));
            }
            let (last, before) = head.map_or((0, [0; 32]), |head| (head.seq, head.mac));
            let mut line = AuditRecord {
                seq: last + 1,
                at: self.clock.now(),
                actor: actor.clone(),
                action: action.to_owned(),
                subject: subject.to_owned(),
                detail: detail.to_owned(),
                key: 0,
                mac: [0; 32],
            };
            (line.key, line.mac) = self.keyring.mac(LINE, &parts(&line, &before).each_ref().map(|part| &**part));
            let (key, seal) = self.keyring.mac(HEAD, &[&line.seq.to_be_bytes(), &line.mac]);
            let head = AuditHead { seq: line.seq, mac: line.mac, key, seal };
            if self.store.append_audit(line, head).await?.is_applied() {
                return Ok(());
            }
        }
        Err(Error::unavailable("the audit log is busy"))
    }

    /// A line comes before what it is about: an empty log belongs to an empty store.
    async fn nothing_was_done(&self) -> Result<bool, Error> {
        let subscriptions = self.store.subscriptions(None, Part { after: None, limit: 1 }).await?;
        Ok(subscriptions.is_empty()
            && self.store.tokens(None, Part { after: None, limit: 1 }).await?.is_empty()
            && self.store.accounts(0, 1).await?.is_empty())
    }

    fn is_sealed(&self, head: &AuditHead) -> bool {
        self.keyring.verify_mac(head.key, &head.seal, HEAD, &[&head.seq.to_be_bytes(), &head.mac])
    }

    /// Walks the whole chain, even while lines are appended.
    pub(crate) async fn verify(&self) -> Result<AuditCheck, Error> {
        Ok(self.walk(Walked::default()).await?.0)
    }

    /// Verifies what was not found intact in the last minute, and everything at least once a minute. Concurrent calls wait for each other:
    /// a page that is loaded often does not read a long log as often.
    pub(crate) async fn verify_lately(&self) -> Result<AuditCheck, Error> {
        let mut intact = self.intact.lock().await;
        let (since, from) = match intact.take() {
            Some(known) if known.since.elapsed() < LATELY => (known.since, known.walked),
            _ => (Instant::now(), Walked::default()),
        };
        let (check, walked) = self.walk(from).await?;
        if check.problem.is_none() {
            *intact = Some(Intact { since, walked });
        }
        Ok(check)
    }

    /// Walks the chain from a line on.
    async fn walk(&self, from: Walked) -> Result<(AuditCheck, Walked), Error> {
        let Walked { mut last, mac: mut before } = from;
        let broken = |last, problem| Ok((AuditCheck { lines: last, problem: Some(problem) }, Walked::default()));
        loop {
            // The head first: every line up to it is there already.
            let head = self.store.audit_head().await?;
            let lines = self.store.audit(last, PAGE).await?;
            for line in &lines {
                if line.seq != last + 1 {
                    return broken(last, missing(last + 1, line.seq - 1));
                }
                let parts = parts(line, &before);
                if !self.keyring.verify_mac(line.key, &line.mac, LINE, &parts.each_ref().map(|part| &**part)) {
                    return broken(last, format!("entry {} was changed or moved", line.seq));
                }
                (last, before) = (line.seq, line.mac);
            }
            if !lines.is_empty() {
                continue;
            }
            let problem = match head {
                Some(head) if !self.is_sealed(&head) => Some(HEAD_CHANGED.to_owned()),
                Some(head) if head.seq > last => Some(missing(last + 1, head.seq)),
                Some(head) if head.seq < last || head.mac != before => Some(HEAD_CHANGED.to_owned()),
                Some(_) => None,
                None if last > 0 => Some(HEAD_CHANGED.to_owned()),
                None if self.nothing_was_done().await? => None,
                None => Some(ALL_MISSING.to_owned()),
            };
            return Ok((AuditCheck { lines: last, problem }, Walked { last, mac: before }));
        }
    }

    pub(crate) async fn read(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        Ok(self.store.audit(after, limit).await?.into_iter().map(AuditEntry::from).collect())
    }
}

impl From<AuditRecord> for AuditEntry {
    fn from(line: AuditRecord) -> Self {
        let AuditRecord { seq, at, actor, action, subject, detail, key: _, mac: _ } = line;
        Self { seq, at, actor, action, subject, detail }
    }
}

/// A new line would give a log that was cut off a good head again.
fn cannot_go_on(why: &str) -> Error {
    Error::unavailable(format!("the audit log cannot continue: {why}"))
}

fn missing(first: u64, last: u64) -> String {
    if first == last { format!("entry {first} is missing") } else { format!("entries {first} to {last} are missing") }
}

fn parts(line: &AuditRecord, before: &[u8; 32]) -> [Vec<u8>; 7] {
    [
        before.to_vec(),
        line.seq.to_be_bytes().to_vec(),
        line.at.as_millisecond().to_be_bytes().to_vec(),
        line.actor.clone().into_bytes(),
        line.action.clone().into_bytes(),
        line.subject.clone().into_bytes(),
        line.detail.clone().into_bytes(),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn what_was_found_intact_is_read_again_after_a_minute() {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let log = AuditLog::new(store, Keyring::generate().unwrap(), Arc::new(SystemClock::new()));
        for n in 0..3 {
            log.append(&Actor::new("test"), "a", &n.to_string(), "").await.unwrap();
        }
        // A wrong memory of the first entry shows whether it is used.
        let remembered = |since| Some(Intact { since, walked: Walked { last: 1, mac: [9; 32] } });
        *log.intact.lock().await = remembered(Instant::now());
        assert!(log.verify_lately().await.unwrap().problem.is_some());
        *log.intact.lock().await = remembered(Instant::now().checked_sub(LATELY).unwrap());
        assert_eq!(log.verify_lately().await.unwrap(), AuditCheck { lines: 3, problem: None });
    }
}
