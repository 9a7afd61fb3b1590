//! Addresses of users.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::rows::{ms, time};
use super::threads::Step;
use super::{SqliteStore, user_changes};
use crate::store::columns::{address_kind_number, to_address_kind};
use crate::store::*;

#[async_trait]
impl AddressStore for SqliteStore {
    async fn put_addresses(&self, addresses: Vec<AddressRecord>, most: u32) -> Result<()> {
        self.threads.write(move |c| put(c, &addresses, most)).await
    }

    async fn verify_address(&self, address: AddressRecord, most: u32, changes: u64) -> Result<AddressVerified> {
        self.threads.write_step(move |c| verify(c, &address, most, changes)).await
    }

    async fn addresses(&self, person: BucketKey) -> Result<Vec<AddressRecord>> {
        self.threads.read(move |c| of_person(c, &person)).await
    }

    async fn remove_address(&self, person: BucketKey, id: &str, changes: u64) -> Result<AddressRemoved> {
        let id = id.to_owned();
        self.threads.write(move |c| remove(c, &person, &id, changes)).await
    }
}

pub(super) fn put(c: &Connection, addresses: &[AddressRecord], most: u32) -> Result<()> {
    for new in addresses {
        put_one(c, new)?;
    }
    let sql = "DELETE FROM addresses WHERE (person, kind, hash) IN (SELECT person, kind, hash FROM addresses \
               WHERE person = ? AND verified_at IS NULL ORDER BY seen_at DESC LIMIT -1 OFFSET ?)";
    for new in addresses.iter().take(1) {
        c.prepare_cached(sql)?.execute(params![new.person, most])?;
    }
    Ok(())
}

fn put_one(c: &Connection, new: &AddressRecord) -> Result<()> {
    let sql = "INSERT INTO addresses (person, kind, hash, id, sealed, verified_at, seen_at, first_factor_only) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (person, kind, hash) DO UPDATE SET sealed = excluded.sealed, \
               seen_at = max(seen_at, excluded.seen_at), verified_at = coalesce(excluded.verified_at, verified_at), \
               first_factor_only = first_factor_only AND excluded.first_factor_only";
    c.prepare_cached(sql)?.execute(params![
        new.person,
        address_kind_number(new.kind),
        new.hash,
        new.id,
        new.sealed,
        new.verified_at.map(ms),
        ms(new.seen_at),
        new.first_factor_only
    ])?;
    Ok(())
}

pub(super) fn verify(
    c: &Connection,
    address: &AddressRecord,
    most: u32,
    changes: u64,
) -> Result<Step<AddressVerified>> {
    if user_changes::count(c, &address.person)? != changes {
        return Ok(Step::Undo(AddressVerified::Changed));
    }
    put_one(c, address)?;
    let sql = "SELECT count(*) FROM addresses WHERE person = ? AND verified_at IS NOT NULL";
    let verified: u32 = c.prepare_cached(sql)?.query_row([address.person], |row| row.get(0))?;
    if verified > most {
        return Ok(Step::Undo(AddressVerified::TooMany));
    }
    user_changes::changed(c, &address.person)?;
    Ok(Step::Keep(AddressVerified::Verified))
}

/// Makes a user's verified addresses unverified ones. Returns how many there were.
pub(super) fn unverify(c: &Connection, person: &BucketKey) -> Result<u64> {
    let sql =
        "UPDATE addresses SET verified_at = NULL, first_factor_only = 1 WHERE person = ? AND verified_at IS NOT NULL";
    Ok(c.prepare_cached(sql)?.execute([person])? as u64)
}

pub(super) fn of_person(c: &Connection, person: &BucketKey) -> Result<Vec<AddressRecord>> {
    let sql = "SELECT person, kind, hash, id, sealed, verified_at, seen_at, first_factor_only FROM addresses WHERE person = ? \
               ORDER BY verified_at IS NULL, seen_at DESC, id";
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map([person], to_address)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn remove(c: &Connection, person: &BucketKey, id: &str, changes: u64) -> Result<AddressRemoved> {
    if user_changes::count(c, person)? != changes {
        return Ok(AddressRemoved::Changed);
    }
    let sql = "DELETE FROM addresses WHERE person = ? AND id = ?";
    if c.prepare_cached(sql)?.execute(params![person, id])? != 1 {
        return Ok(AddressRemoved::NotFound);
    }
    user_changes::changed(c, person)?;
    Ok(AddressRemoved::Removed)
}

fn to_address(row: &Row<'_>) -> rusqlite::Result<AddressRecord> {
    Ok(AddressRecord {
        person: row.get(0)?,
        kind: to_address_kind(row.get(1)?),
        hash: row.get(2)?,
        id: row.get(3)?,
        sealed: row.get(4)?,
        verified_at: row.get::<_, Option<i64>>(5)?.map(time),
        seen_at: time(row.get(6)?),
        first_factor_only: row.get(7)?,
    })
}
