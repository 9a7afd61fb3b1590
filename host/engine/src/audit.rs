//! Who changed what. Each line is chained to the one before it with a MAC, so that a deletion, a change, a reordering and a
//! cut-off tail show.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::administration::Actor;
use crate::clock::Clock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::store::{AuditRecord, Store};

/// A line of the audit log.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who, and from where.
    pub actor: String,
    /// What was done, such as `instance.update`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// More, without secrets.
    pub detail: String,
}

pub(crate) struct AuditLog {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
}

const PURPOSE: &str = "audit";

impl AuditLog {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: Keyring, clock: Arc<dyn Clock>) -> Self {
        Self { store, keyring, clock }
    }

    pub(crate) async fn append(&self, actor: &Actor, action: &str, subject: &str, detail: &str) -> Result<(), Error> {
        let actor = match actor.from {
            Some(from) => format!("{} from {from}", actor.name),
            None => actor.name.clone(),
        };
        // Another node may take the next number first.
        for _ in 0..16 {
            let (last, before) = self.store.audit_head().await?.unwrap_or((0, [0; 32]));
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
            (line.key, line.mac) = self.keyring.mac(PURPOSE, &parts(&line, &before).each_ref().map(|part| &**part));
            if self.store.append_audit(line).await? {
                return Ok(());
            }
        }
        Err(Error::unavailable("the audit log is contended"))
    }

    pub(crate) async fn read(&self, after: u64, limit: u32) -> Result<Vec<Entry>, Error> {
        let lines = self.store.audit(after, limit).await?;
        Ok(lines
            .into_iter()
            .map(|line| Entry {
                seq: line.seq,
                at: line.at,
                actor: line.actor,
                action: line.action,
                subject: line.subject,
                detail: line.detail,
            })
            .collect())
    }
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
