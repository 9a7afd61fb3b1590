//! Pagination of long lists.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::store::Part;

/// A page of items that may be long ends when it has about so many bytes.
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page: `after` of the next call. None at the end. Opaque.
    pub next: Option<String>,
}

/// One more than requested, to learn whether there is a next page.
pub(super) fn part<K: DeserializeOwned>(after: Option<&str>, limit: u32) -> Result<Part<K>, Error> {
    let key = |cursor: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok();
    let wrong = || Error::invalid_at("/after", "must be the `next` of the previous page");
    let after = after.map(|cursor| key(cursor).ok_or_else(wrong)).transpose()?;
    Ok(Part { after, limit: limit.saturating_add(1) })
}

pub(super) fn page<T, K: Serialize>(mut found: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next = last.and_then(|last| serde_json::to_vec(&key(last)).ok()).map(|key| URL_SAFE_NO_PAD.encode(key));
    Page { items: found, next }
}
