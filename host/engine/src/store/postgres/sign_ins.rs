//! Hosted sign-ins. Each step is one conditional statement, or a transaction if it depends on the changes of a user.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::challenges::unknown;
use super::session::Session;
use super::user_changes;
use super::values::{SKEW_MS, get, values};
use super::{BEGIN_UNGUARDED, PostgresStore, Step};
use crate::store::*;

#[async_trait]
impl SignInStore for PostgresStore {
    async fn sign_in_page(&self, subscription: &str) -> Result<Option<SignInPageRecord>> {
        self.read(subscription.to_owned(), |c, subscription| async move { page(&c, &subscription).await }).await
    }

    async fn set_sign_in_page(&self, page: SignInPageRecord, expected_revision: u64) -> Result<Update> {
        self.write(page, move |c, page| async move { set_page(&c, &page, expected_revision).await }).await
    }

    async fn insert_sign_in(&self, sign_in: HostedSignInRecord) -> Result<()> {
        self.write_at(sign_in.created_at, sign_in, |c, new| async move { insert(&c, &new).await }).await
    }

    async fn sign_in(&self, subscription: &str, id: &str) -> Result<Option<HostedSignInRecord>> {
        self.read((subscription.to_owned(), id.to_owned()), |c, of| async move {
            let sql = format!("SELECT {COLUMNS} FROM sign_ins WHERE id = $1 AND subscription = $2");
            c.row(&sql, values![&of.1, &of.0]).await?.as_ref().map(to_sign_in).transpose()
        })
        .await
    }

    async fn sign_in_by_link(&self, link: &[u8; 32]) -> Result<Option<HostedSignInRecord>> {
        self.read(*link, |c, link| async move {
            let sql = format!("SELECT {COLUMNS} FROM sign_ins WHERE link = $1");
            c.row(&sql, values![&*link]).await?.as_ref().map(to_sign_in).transpose()
        })
        .await
    }

    async fn bind_sign_in(&self, id: &str, browser: [u8; 32], now: Timestamp) -> Result<bool> {
        self.write_at(now, id.to_owned(), move |c, id| async move {
            let open = open();
            let sql = format!("UPDATE sign_ins SET browser = $3 WHERE id = $1 AND {open} AND browser IS NULL");
            Ok(c.execute(&sql, values![&*id, now, &browser]).await? == 1)
        })
        .await
    }

    async fn step_sign_in(&self, id: &str, step: u32, challenge: Option<String>, now: Timestamp) -> Result<bool> {
        self.write_at(now, (id.to_owned(), challenge), move |c, input| async move {
            let open = open();
            let sql =
                format!("UPDATE sign_ins SET challenge = $3, step = step + 1 WHERE id = $1 AND {open} AND step = $4");
            Ok(c.execute(&sql, values![&input.0, now, &input.1, step]).await? == 1)
        })
        .await
    }

    async fn rewrite_sign_in(
        &self,
        id: &str,
        step: u32,
        challenge: Option<String>,
        sealed: Vec<u8>,
        now: Timestamp,
    ) -> Result<bool> {
        self.write_at(now, (id.to_owned(), challenge, sealed), move |c, input| async move {
            let open = open();
            let sql = format!(
                "UPDATE sign_ins SET challenge = $3, step = step + 1, sealed = $5 WHERE id = $1 AND {open} AND step = $4"
            );
            Ok(c.execute(&sql, values![&input.0, now, &input.1, step, &input.2]).await? == 1)
        })
        .await
    }

    async fn end_sign_in(
        &self,
        id: &str,
        end: SignInEnd,
        sealed: Option<Vec<u8>>,
        changes: Option<(BucketKey, u64)>,
    ) -> Result<bool> {
        let (SignInEnd::Verified { at, .. } | SignInEnd::Cancelled { at }) = end;
        let input = (id.to_owned(), end, sealed);
        let Some((person, count)) = changes else {
            return self
                .write_at(at, input, |c, of| async move { finish(&c, &of.0, &of.1, of.2.as_deref()).await })
                .await;
        };
        self.record_time(at).await?;
        self.transaction(BEGIN_UNGUARDED.to_owned(), input, move |c, of| async move {
            // No change of the person is committed between this and the end of the sign-in.
            let is_same = user_changes::locked_count(&c, &person).await? == count;
            if !is_same || !finish(&c, &of.0, &of.1, of.2.as_deref()).await? {
                return Ok(Step::Undo(false));
            }
            if count == 0 {
                user_changes::forget_no_changes(&c, &person).await?;
            }
            Ok(Step::Keep(true))
        })
        .await
    }

    async fn redeem_sign_in(
        &self,
        subscription: &str,
        id: &str,
        handle: [u8; 32],
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<HostedSignInRecord>> {
        let mut call = [0; 16];
        getrandom::fill(&mut call).map_err(StoreError::unavailable)?;
        self.write_repeatably(now, (subscription.to_owned(), id.to_owned()), move |c, of, is_repeated| async move {
            match redeem(&c, &of.0, &of.1, (&handle, &call), (since, now)).await? {
                // The first try may have succeeded on a primary that is gone.
                None if is_repeated => Err(unknown()),
                redeemed => Ok(redeemed),
            }
        })
        .await
    }
}

/// Returns the condition for an open sign-in. A sign-in of another timeline is not open.
fn open() -> String {
    format!(
        "ended IS NULL AND expires_at > tf1_now($2) AND created_at <= tf1_now($2) + {SKEW_MS} AND epoch = tf1_epoch()"
    )
}

const COLUMNS: &str = "id, subscription, link, browser, sealed, challenge, step, created_at, expires_at, ended, ended_at, two_factor, amr, handle";

const VERIFIED: i64 = 0;

pub(super) const CANCELLED: i64 = 1;

async fn page(c: &Session, subscription: &str) -> Result<Option<SignInPageRecord>> {
    let sql = "SELECT subscription, settings, revision FROM sign_in_pages WHERE subscription = $1";
    let page =
        |row: &Row| Ok(SignInPageRecord { subscription: get(row, 0)?, settings: get(row, 1)?, revision: get(row, 2)? });
    c.row(sql, values![subscription]).await?.as_ref().map(page).transpose()
}

pub(super) async fn set_page(c: &Session, page: &SignInPageRecord, expected: u64) -> Result<Update> {
    let SignInPageRecord { subscription, settings, revision } = page;
    let changed = if expected == 0 {
        let sql = "INSERT INTO sign_in_pages (subscription, settings, revision) VALUES ($1, $2, $3) \
                   ON CONFLICT (subscription) DO NOTHING";
        c.execute(sql, values![subscription, settings, *revision]).await?
    } else {
        let sql = "UPDATE sign_in_pages SET settings = $2, revision = $3 WHERE subscription = $1 AND revision = $4";
        c.execute(sql, values![subscription, settings, *revision, expected]).await?
    };
    Ok(Update::from_rows(changed as usize))
}

async fn insert(c: &Session, new: &HostedSignInRecord) -> Result<()> {
    let sql = "INSERT INTO sign_ins (id, subscription, link, sealed, step, created_at, expires_at, epoch) \
               VALUES ($1, $2, $3, $4, $5, tf1_now($6), $7 + tf1_now($6) - $6, tf1_epoch())";
    let values = values![&new.id, &new.subscription, &new.link, &new.sealed, new.step, new.created_at, new.expires_at];
    c.execute(sql, values).await?;
    Ok(())
}

async fn finish(c: &Session, id: &str, end: &SignInEnd, sealed: Option<&[u8]>) -> Result<bool> {
    let (number, at, two_factor, amr, handle) = match end {
        SignInEnd::Verified { at, two_factor, amr, handle } => {
            (VERIFIED, *at, Some(&**two_factor), Some(amr.join(" ")), *handle)
        }
        SignInEnd::Cancelled { at } => (CANCELLED, *at, None, None, None),
    };
    let open = open();
    let sql = format!(
        "UPDATE sign_ins SET ended = $3, ended_at = tf1_now($2), two_factor = $4, amr = $5, handle = $6, \
         sealed = coalesce($7, sealed) WHERE id = $1 AND {open}"
    );
    Ok(c.execute(&sql, values![id, at, number, two_factor, &amr, &handle, sealed]).await? == 1)
}

/// A sign-in that ended later than now by more than the allowed clock skew is not redeemed, because a clock was wrong. Nor is a sign-in
/// of another timeline: its result may have been returned already, before a failover that lost this change.
async fn redeem(
    c: &Session,
    subscription: &str,
    id: &str,
    (handle, call): (&[u8; 32], &[u8; 16]),
    (since, now): (Timestamp, Timestamp),
) -> Result<Option<HostedSignInRecord>> {
    let sql = format!(
        "UPDATE sign_ins SET handle = NULL, redeemed_by = $6 WHERE id = $1 AND subscription = $2 \
         AND (handle = $3 OR redeemed_by = $6) AND ended_at > $4 + tf1_now($5) - $5 AND ended_at <= tf1_now($5) + {SKEW_MS} AND epoch = tf1_epoch() \
         RETURNING {COLUMNS}"
    );
    let values = values![id, subscription, handle, since, now, call];
    c.row(&sql, values).await?.as_ref().map(to_sign_in).transpose()
}

fn to_sign_in(row: &Row) -> Result<HostedSignInRecord> {
    let ended = match get::<Option<i64>>(row, 9)? {
        None => None,
        Some(VERIFIED) => Some(SignInEnd::Verified {
            at: get(row, 10)?,
            two_factor: get(row, 11)?,
            amr: get::<String>(row, 12)?.split_whitespace().map(str::to_owned).collect(),
            handle: get(row, 13)?,
        }),
        Some(_) => Some(SignInEnd::Cancelled { at: get(row, 10)? }),
    };
    Ok(HostedSignInRecord {
        id: get(row, 0)?,
        subscription: get(row, 1)?,
        link: get(row, 2)?,
        browser: get(row, 3)?,
        sealed: get(row, 4)?,
        challenge: get(row, 5)?,
        step: get(row, 6)?,
        created_at: get(row, 7)?,
        expires_at: get(row, 8)?,
        ended,
    })
}
