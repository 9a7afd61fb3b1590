//! Remembered browsers.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::clock::SKEW_MS;
use super::rows::{ms, time};
use super::{SqliteStore, user_changes};
use crate::store::*;

#[async_trait]
impl RememberedBrowserStore for SqliteStore {
    async fn add_remembered_browser(&self, browser: RememberedBrowserRecord, most: u32, changes: u64) -> Result<bool> {
        self.threads.write_at(browser.created_at, move |c| add(c, &browser, most, changes)).await
    }

    async fn use_remembered_browser(
        &self,
        person: BucketKey,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<RememberedBrowserRecord>> {
        self.threads.write_at(now, move |c| touch(c, &person, &digest, now)).await
    }

    async fn remembered_browsers(&self, person: BucketKey, now: Timestamp) -> Result<Vec<RememberedBrowserRecord>> {
        self.threads.read(move |c| of_person(c, &person, now)).await
    }

    async fn forget_remembered_browsers(&self, person: BucketKey, which: BrowserSelection) -> Result<u64> {
        self.threads.write(move |c| forget(c, &person, &which)).await
    }
}

const COLUMNS: &str = "id, person, digest, sealed, created_at, last_used_at, expires_at";

/// Returns the condition of a browser that is remembered.
fn is_remembered() -> String {
    format!("person = ?1 AND expires_at > ?2 AND created_at <= ?2 + {SKEW_MS}")
}

pub(super) fn add(c: &Connection, browser: &RememberedBrowserRecord, most: u32, changes: u64) -> Result<bool> {
    if user_changes::count(c, &browser.person)? != changes {
        return Ok(false);
    }
    let sql = format!("INSERT INTO remembered_devices ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
    c.prepare_cached(&sql)?.execute(params![
        browser.id,
        browser.person,
        browser.digest,
        browser.sealed,
        ms(browser.created_at),
        ms(browser.last_used_at),
        ms(browser.expires_at)
    ])?;
    let sql = "DELETE FROM remembered_devices WHERE digest IN \
               (SELECT digest FROM remembered_devices WHERE person = ? ORDER BY last_used_at DESC LIMIT -1 OFFSET ?)";
    c.prepare_cached(sql)?.execute(params![browser.person, most])?;
    Ok(true)
}

pub(super) fn touch(
    c: &Connection,
    person: &BucketKey,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<Option<RememberedBrowserRecord>> {
    let remembered = is_remembered();
    let sql = format!(
        "UPDATE remembered_devices SET last_used_at = max(last_used_at, ?2) WHERE {remembered} AND digest = ?3 RETURNING {COLUMNS}"
    );
    Ok(c.prepare_cached(&sql)?.query_row(params![person, ms(now), digest], to_browser).optional()?)
}

pub(super) fn of_person(c: &Connection, person: &BucketKey, now: Timestamp) -> Result<Vec<RememberedBrowserRecord>> {
    let remembered = is_remembered();
    let sql = format!("SELECT {COLUMNS} FROM remembered_devices WHERE {remembered} ORDER BY created_at DESC, id");
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map(params![person, ms(now)], to_browser)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn forget(c: &Connection, person: &BucketKey, which: &BrowserSelection) -> Result<u64> {
    Ok(match which {
        BrowserSelection::One(id) => {
            let sql = "DELETE FROM remembered_devices WHERE id = ? AND person = ?";
            c.prepare_cached(sql)?.execute(params![id, person])? as u64
        }
        BrowserSelection::All => user_changes::forget_browsers(c, person)?,
    })
}

/// Forgets those of all users.
pub(super) fn end_all(c: &Connection) -> Result<usize> {
    Ok(c.prepare_cached("DELETE FROM remembered_devices")?.execute([])?)
}

fn to_browser(row: &Row<'_>) -> rusqlite::Result<RememberedBrowserRecord> {
    Ok(RememberedBrowserRecord {
        id: row.get(0)?,
        person: row.get(1)?,
        digest: row.get(2)?,
        sealed: row.get(3)?,
        created_at: time(row.get(4)?),
        last_used_at: time(row.get(5)?),
        expires_at: time(row.get(6)?),
    })
}
