//! One topic a file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod codes;
mod errands;
mod files;
mod history;
mod people;
mod plans;
mod purge;
mod revisions;
mod sign_ins;
mod statistics;
mod times;
mod written_ahead;

use std::time::Duration;

use jiff::Timestamp;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const CODE: CodeMac = CodeMac { key: 1, mac: [1; 32] };
const PERSON: PersonLimits =
    PersonLimits { consecutive: 100, daily: 50, consecutive_kept: 0, daily_kept: 0, day_ms: 86_400_000 };

fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

/// A challenge for five minutes and five answers.
fn challenge(id: &str, now: Timestamp) -> ChallengeRecord {
    ChallengeRecord {
        id: id.to_owned(),
        subscription: "s".to_owned(),
        instance: "i".to_owned(),
        person: [7; 16],
        first_factor: false,
        sealed: vec![1],
        codes: vec![CODE],
        attempts: 0,
        max_attempts: 5,
        resends: 0,
        max_resends: 3,
        resend_after: now,
        created_at: now,
        expires_at: now + 5 * MINUTE,
        closed: None,
    }
}

fn wish(id: &str, now: Timestamp) -> OpenChallenge {
    OpenChallenge { challenge: challenge(id, now), charges: Vec::new(), person: PERSON, idempotency: None, now }
}

fn attempt(id: &str, now: Timestamp) -> Attempt {
    Attempt { subscription: "s".to_owned(), id: id.to_owned(), charges: Vec::new(), person: PERSON, now }
}

fn consume(id: &str, now: Timestamp) -> Consume {
    Consume { subscription: "s".to_owned(), id: id.to_owned(), code: CODE, person: [7; 16], release: Vec::new(), now }
}

/// Each store test runs against a file and in memory: with readers of its own, and on the one connection.
fn both() -> [(Option<tempfile::TempDir>, SqliteStore); 2] {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStore::open(folder.path().join("it.db")).unwrap();
    [(Some(folder), file), (None, SqliteStore::in_memory().unwrap())]
}
