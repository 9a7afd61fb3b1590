//! Remembered browsers.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::session::Session;
use super::values::{SKEW_MS, get, values};
use super::{PostgresStore, Step, begin_for, user_changes};
use crate::store::*;

#[async_trait]
impl RememberedBrowserStore for PostgresStore {
    async fn add_remembered_browser(&self, browser: RememberedBrowserRecord, most: u32, changes: u64) -> Result<bool> {
        self.record_time(browser.created_at).await?;
        self.transaction(begin_for(&browser.person), browser, move |c, browser| async move {
            if user_changes::locked_count(&c, &browser.person).await? != changes {
                return Ok(Step::Undo(false));
            }
            add(&c, &browser, most).await.map(|()| Step::Keep(true))
        })
        .await
    }

    async fn use_remembered_browser(
        &self,
        person: BucketKey,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<RememberedBrowserRecord>> {
        self.write_at(now, person, move |c, person| async move {
            let sql = format!(
                "UPDATE remembered_devices SET last_used_at = greatest(last_used_at, tf1_now($2)) WHERE {} AND digest = $3 \
                 RETURNING {COLUMNS}",
                is_remembered()
            );
            c.row(&sql, values![&*person, now, &digest]).await?.as_ref().map(to_browser).transpose()
        })
        .await
    }

    async fn remembered_browsers(&self, person: BucketKey, now: Timestamp) -> Result<Vec<RememberedBrowserRecord>> {
        self.read(person, move |c, person| async move {
            let sql = format!(
                "SELECT {COLUMNS} FROM remembered_devices WHERE {} ORDER BY created_at DESC, id",
                is_remembered()
            );
            c.rows(&sql, values![&*person, now]).await?.iter().map(to_browser).collect()
        })
        .await
    }

    async fn forget_remembered_browsers(&self, person: BucketKey, which: BrowserSelection) -> Result<u64> {
        self.write(which, move |c, which| async move {
            match &*which {
                BrowserSelection::One(id) => {
                    let sql = "DELETE FROM remembered_devices WHERE id = $1 AND person = $2";
                    c.execute(sql, values![id, &person]).await
                }
                BrowserSelection::All => user_changes::forget_browsers(&c, &person).await,
            }
        })
        .await
    }
}

const COLUMNS: &str = "id, person, digest, sealed, created_at, last_used_at, expires_at";

/// Returns the condition for a remembered browser.
fn is_remembered() -> String {
    format!("person = $1 AND expires_at > tf1_now($2) AND created_at <= tf1_now($2) + {SKEW_MS}")
}

async fn add(c: &Session, browser: &RememberedBrowserRecord, most: u32) -> Result<()> {
    let sql = format!("INSERT INTO remembered_devices ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    let RememberedBrowserRecord { id, person, digest, sealed, created_at, last_used_at, expires_at } = browser;
    c.execute(&sql, values![id, person, digest, sealed, *created_at, *last_used_at, *expires_at]).await?;
    let sql = "DELETE FROM remembered_devices WHERE digest IN \
               (SELECT digest FROM remembered_devices WHERE person = $1 ORDER BY last_used_at DESC, digest OFFSET $2)";
    c.execute(sql, values![person, most]).await?;
    Ok(())
}

fn to_browser(row: &Row) -> Result<RememberedBrowserRecord> {
    Ok(RememberedBrowserRecord {
        id: get(row, 0)?,
        person: get(row, 1)?,
        digest: get(row, 2)?,
        sealed: get(row, 3)?,
        created_at: get(row, 4)?,
        last_used_at: get(row, 5)?,
        expires_at: get(row, 6)?,
    })
}
