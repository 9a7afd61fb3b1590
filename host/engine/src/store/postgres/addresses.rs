//! Addresses of users.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::session::Session;
use super::values::{get, values};
use super::{PostgresStore, Step, begin_for, user_changes};
use crate::store::columns::{address_kind_number, to_address_kind};
use crate::store::*;

#[async_trait]
impl AddressStore for PostgresStore {
    async fn put_addresses(&self, addresses: Vec<AddressRecord>, most: u32) -> Result<()> {
        let Some(first) = addresses.first() else { return Ok(()) };
        let begin = begin_for(&first.person);
        self.transaction(begin, addresses, move |c, addresses| async move {
            put(&c, &addresses, most).await.map(Step::Keep)
        })
        .await
    }

    async fn verify_address(&self, address: AddressRecord, most: u32, changes: u64) -> Result<AddressVerified> {
        let begin = begin_for(&address.person);
        self.transaction(begin, address, move |c, address| async move { verify(&c, &address, most, changes).await })
            .await
    }

    async fn addresses(&self, person: BucketKey) -> Result<Vec<AddressRecord>> {
        self.read(person, |c, person| async move { of_person(&c, &person).await }).await
    }

    async fn remove_address(&self, person: BucketKey, id: &str, changes: u64) -> Result<AddressRemoved> {
        self.transaction(begin_for(&person), id.to_owned(), move |c, id| async move {
            if user_changes::locked_count_of_a_change(&c, &person).await? != changes {
                return Ok(Step::Undo(AddressRemoved::Changed));
            }
            let sql = "DELETE FROM addresses WHERE person = $1 AND id = $2";
            if c.execute(sql, values![&person, &*id]).await? != 1 {
                return Ok(Step::Undo(AddressRemoved::NotFound));
            }
            user_changes::changed(&c, &person).await?;
            Ok(Step::Keep(AddressRemoved::Removed))
        })
        .await
    }
}

async fn put(c: &Session, addresses: &[AddressRecord], most: u32) -> Result<()> {
    for new in addresses {
        put_one(c, new).await?;
    }
    let sql = "DELETE FROM addresses WHERE (person, kind, hash) IN (SELECT person, kind, hash FROM addresses \
               WHERE person = $1 AND verified_at IS NULL ORDER BY seen_at DESC, kind, hash OFFSET $2)";
    for new in addresses.iter().take(1) {
        c.execute(sql, values![&new.person, most]).await?;
    }
    Ok(())
}

async fn put_one(c: &Session, new: &AddressRecord) -> Result<()> {
    let sql = "INSERT INTO addresses AS a (person, kind, hash, id, sealed, verified_at, seen_at, first_factor_only) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (person, kind, hash) DO UPDATE SET sealed = excluded.sealed, \
               seen_at = greatest(a.seen_at, excluded.seen_at), verified_at = coalesce(excluded.verified_at, a.verified_at), \
               first_factor_only = a.first_factor_only AND excluded.first_factor_only";
    let AddressRecord { id, person, kind, hash, sealed, verified_at, seen_at, first_factor_only } = new;
    let values =
        values![person, address_kind_number(*kind), hash, id, sealed, *verified_at, *seen_at, *first_factor_only];
    c.execute(sql, values).await?;
    Ok(())
}

async fn verify(c: &Session, address: &AddressRecord, most: u32, changes: u64) -> Result<Step<AddressVerified>> {
    if user_changes::locked_count_of_a_change(c, &address.person).await? != changes {
        return Ok(Step::Undo(AddressVerified::Changed));
    }
    put_one(c, address).await?;
    let sql = "SELECT count(*) FROM addresses WHERE person = $1 AND verified_at IS NOT NULL";
    let verified: i64 = get(&c.only_row(sql, values![&address.person]).await?, 0)?;
    if verified > i64::from(most) {
        return Ok(Step::Undo(AddressVerified::TooMany));
    }
    user_changes::changed(c, &address.person).await?;
    Ok(Step::Keep(AddressVerified::Verified))
}

/// Makes a user's verified addresses unverified ones. Returns how many there were.
pub(super) async fn unverify(c: &Session, person: &BucketKey) -> Result<u64> {
    let sql = "UPDATE addresses SET verified_at = NULL, first_factor_only = true WHERE person = $1 AND verified_at IS NOT NULL";
    c.execute(sql, values![person]).await
}

async fn of_person(c: &Session, person: &BucketKey) -> Result<Vec<AddressRecord>> {
    let sql = "SELECT person, kind, hash, id, sealed, verified_at, seen_at, first_factor_only FROM addresses WHERE person = $1 \
               ORDER BY verified_at IS NULL, seen_at DESC, id";
    c.rows(sql, values![person]).await?.iter().map(to_address).collect()
}

fn to_address(row: &Row) -> Result<AddressRecord> {
    Ok(AddressRecord {
        person: get(row, 0)?,
        kind: to_address_kind(get(row, 1)?),
        hash: get(row, 2)?,
        id: get(row, 3)?,
        sealed: get(row, 4)?,
        verified_at: get(row, 5)?,
        seen_at: get(row, 6)?,
        first_factor_only: get(row, 7)?,
    })
}
