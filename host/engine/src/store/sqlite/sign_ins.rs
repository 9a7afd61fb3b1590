//! Hosted sign-ins. Each step is one conditional statement.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::clock::SKEW_MS;
use super::rows::{ms, time};
use super::user_changes;
use crate::store::*;

#[async_trait]
impl SignInStore for SqliteStore {
    async fn sign_in_page(&self, subscription: &str) -> Result<Option<SignInPageRecord>> {
        let subscription = subscription.to_owned();
        self.threads.read(move |c| page(c, &subscription)).await
    }

    async fn set_sign_in_page(&self, page: SignInPageRecord, expected_revision: u64) -> Result<Update> {
        self.threads.write(move |c| set_page(c, &page, expected_revision)).await
    }

    async fn insert_sign_in(&self, sign_in: HostedSignInRecord) -> Result<()> {
        self.threads.write_at(sign_in.created_at, move |c| insert(c, &sign_in)).await
    }

    async fn sign_in(&self, subscription: &str, id: &str) -> Result<Option<HostedSignInRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.read(move |c| get(c, &subscription, &id)).await
    }

    async fn sign_in_by_link(&self, link: &[u8; 32]) -> Result<Option<HostedSignInRecord>> {
        let link = *link;
        self.threads.read(move |c| by_link(c, &link)).await
    }

    async fn bind_sign_in(&self, id: &str, browser: [u8; 32], now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write_at(now, move |c| bind(c, &id, &browser, now)).await
    }

    async fn step_sign_in(&self, id: &str, step: u32, challenge: Option<String>, now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write_at(now, move |c| advance(c, &id, step, challenge.as_deref(), now)).await
    }

    async fn rewrite_sign_in(
        &self,
        id: &str,
        step: u32,
        challenge: Option<String>,
        sealed: Vec<u8>,
        now: Timestamp,
    ) -> Result<bool> {
        let id = id.to_owned();
        self.threads.write_at(now, move |c| rewrite(c, &id, step, (challenge.as_deref(), &sealed), now)).await
    }

    async fn end_sign_in(
        &self,
        id: &str,
        end: SignInEnd,
        sealed: Option<Vec<u8>>,
        changes: Option<(BucketKey, u64)>,
    ) -> Result<bool> {
        let id = id.to_owned();
        let (SignInEnd::Verified { at, .. } | SignInEnd::Cancelled { at }) = end;
        self.threads.write_at(at, move |c| finish(c, &id, &end, (sealed.as_deref(), changes))).await
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
        self.threads.write_at(now, move |c| redeem(c, &subscription, &id, &handle, (since, now))).await
    }
}

/// Returns the condition of an open sign-in.
fn open() -> String {
    format!("ended IS NULL AND expires_at > ?2 AND created_at <= ?2 + {SKEW_MS}")
}

const COLUMNS: &str = "id, subscription, link, browser, sealed, challenge, step, created_at, expires_at, ended, ended_at, two_factor, amr, handle";

const VERIFIED: i64 = 0;

const CANCELLED: i64 = 1;

pub(super) fn page(c: &Connection, subscription: &str) -> Result<Option<SignInPageRecord>> {
    let sql = "SELECT subscription, settings, revision FROM sign_in_pages WHERE subscription = ?";
    let page = |row: &Row<'_>| {
        Ok(SignInPageRecord { subscription: row.get(0)?, settings: row.get(1)?, revision: row.get(2)? })
    };
    Ok(c.prepare_cached(sql)?.query_row([subscription], page).optional()?)
}

pub(super) fn set_page(c: &Connection, page: &SignInPageRecord, expected: u64) -> Result<Update> {
    let SignInPageRecord { subscription, settings, revision } = page;
    let sql = if expected == 0 {
        "INSERT INTO sign_in_pages (subscription, settings, revision) VALUES (?1, ?2, ?3) ON CONFLICT (subscription) DO NOTHING"
    } else {
        "UPDATE sign_in_pages SET settings = ?2, revision = ?3 WHERE subscription = ?1 AND revision = ?4"
    };
    let mut statement = c.prepare_cached(sql)?;
    let changed = if expected == 0 {
        statement.execute(params![subscription, settings, revision])?
    } else {
        statement.execute(params![subscription, settings, revision, expected])?
    };
    Ok(Update::from_rows(changed))
}

pub(super) fn insert(c: &Connection, new: &HostedSignInRecord) -> Result<()> {
    let sql = "INSERT INTO sign_ins (id, subscription, link, sealed, step, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    c.prepare_cached(sql)?.execute(params![
        new.id,
        new.subscription,
        new.link,
        new.sealed,
        new.step,
        ms(new.created_at),
        ms(new.expires_at)
    ])?;
    Ok(())
}

pub(super) fn get(c: &Connection, subscription: &str, id: &str) -> Result<Option<HostedSignInRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM sign_ins WHERE id = ? AND subscription = ?");
    Ok(c.prepare_cached(&sql)?.query_row([id, subscription], to_sign_in).optional()?)
}

pub(super) fn by_link(c: &Connection, link: &[u8; 32]) -> Result<Option<HostedSignInRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM sign_ins WHERE link = ?");
    Ok(c.prepare_cached(&sql)?.query_row([link], to_sign_in).optional()?)
}

pub(super) fn bind(c: &Connection, id: &str, browser: &[u8; 32], now: Timestamp) -> Result<bool> {
    let open = open();
    let sql = format!("UPDATE sign_ins SET browser = ?3 WHERE id = ?1 AND {open} AND browser IS NULL");
    Ok(c.prepare_cached(&sql)?.execute(params![id, ms(now), browser])? == 1)
}

pub(super) fn advance(c: &Connection, id: &str, step: u32, challenge: Option<&str>, now: Timestamp) -> Result<bool> {
    let open = open();
    let sql = format!("UPDATE sign_ins SET challenge = ?3, step = step + 1 WHERE id = ?1 AND {open} AND step = ?4");
    Ok(c.prepare_cached(&sql)?.execute(params![id, ms(now), challenge, step])? == 1)
}

pub(super) fn rewrite(
    c: &Connection,
    id: &str,
    step: u32,
    (challenge, sealed): (Option<&str>, &[u8]),
    now: Timestamp,
) -> Result<bool> {
    let open = open();
    let sql = format!(
        "UPDATE sign_ins SET challenge = ?3, step = step + 1, sealed = ?5 WHERE id = ?1 AND {open} AND step = ?4"
    );
    Ok(c.prepare_cached(&sql)?.execute(params![id, ms(now), challenge, step, sealed])? == 1)
}

pub(super) fn finish(
    c: &Connection,
    id: &str,
    end: &SignInEnd,
    (sealed, changes): (Option<&[u8]>, Option<(BucketKey, u64)>),
) -> Result<bool> {
    if let Some((person, count)) = changes
        && user_changes::count(c, &person)? != count
    {
        return Ok(false);
    }
    let (number, at, two_factor, amr, handle) = match end {
        SignInEnd::Verified { at, two_factor, amr, handle } => {
            (VERIFIED, *at, Some(two_factor), Some(amr.join(" ")), handle.as_ref())
        }
        SignInEnd::Cancelled { at } => (CANCELLED, *at, None, None, None),
    };
    let open = open();
    let sql = format!(
        "UPDATE sign_ins SET ended = ?3, ended_at = ?2, two_factor = ?4, amr = ?5, handle = ?6, \
         sealed = coalesce(?7, sealed) WHERE id = ?1 AND {open}"
    );
    Ok(c.prepare_cached(&sql)?.execute(params![id, ms(at), number, two_factor, amr, handle, sealed])? == 1)
}

/// A sign-in that ended later than now, by more than clocks may differ, is not redeemed: then a clock was wrong.
pub(super) fn redeem(
    c: &Connection,
    subscription: &str,
    id: &str,
    handle: &[u8; 32],
    (since, now): (Timestamp, Timestamp),
) -> Result<Option<HostedSignInRecord>> {
    let sql = format!(
        "UPDATE sign_ins SET handle = NULL WHERE id = ?1 AND subscription = ?2 AND handle = ?3 AND ended_at > ?4 \
         AND ended_at <= ?5 + {SKEW_MS} RETURNING {COLUMNS}"
    );
    let redeemed = params![id, subscription, handle, ms(since), ms(now)];
    Ok(c.prepare_cached(&sql)?.query_row(redeemed, to_sign_in).optional()?)
}

/// Ends whatever is open at `now`.
pub(super) fn end_all(c: &Connection, now: Timestamp) -> Result<usize> {
    let sql = "UPDATE sign_ins SET ended = ?1, ended_at = ?2 WHERE ended IS NULL AND expires_at > ?2";
    Ok(c.prepare_cached(sql)?.execute(params![CANCELLED, ms(now)])?)
}

fn to_sign_in(row: &Row<'_>) -> rusqlite::Result<HostedSignInRecord> {
    let ended = match row.get::<_, Option<i64>>(9)? {
        None => None,
        Some(VERIFIED) => Some(SignInEnd::Verified {
            at: time(row.get(10)?),
            two_factor: row.get(11)?,
            amr: row.get::<_, String>(12)?.split_whitespace().map(str::to_owned).collect(),
            handle: row.get(13)?,
        }),
        Some(_) => Some(SignInEnd::Cancelled { at: time(row.get(10)?) }),
    };
    Ok(HostedSignInRecord {
        id: row.get(0)?,
        subscription: row.get(1)?,
        link: row.get(2)?,
        browser: row.get(3)?,
        sealed: row.get(4)?,
        challenge: row.get(5)?,
        step: row.get(6)?,
        created_at: time(row.get(7)?),
        expires_at: time(row.get(8)?),
        ended,
    })
}
