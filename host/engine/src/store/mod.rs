//! Durable state: the [`Store`] trait, and its implementations for SQLite and (feature `postgres`) PostgreSQL.
//!
//! Each method is one transaction: when it returns `Ok`, its effect is durable, and when it returns `Err`, it had no effect (but
//! for [`StoreErrorKind::OutcomeUnknown`]). A store does not know any keys. It makes no decision that the documentation of a method does
//! not state. Secret options are sealed before they come here, codes are MACs, people and addresses are keyed hashes or sealed.
//!
//! # Another database
//! [`Store`] is the sum of one trait for each subject. A type that implements all of them is a store. Its errors are created with the
//! constructors of [`StoreError`]. The module `conformance` (feature `store-conformance`) tests any implementation.

mod accounts;
mod addresses;
mod audit;
mod challenges;
mod columns;
mod configuration;
#[cfg(any(test, feature = "store-conformance"))]
pub mod conformance;
mod directory;
mod error;
mod factor_events;
mod factor_resets;
mod factors;
mod history;
mod instances;
mod limits;
mod maintenance;
mod nodes;
mod passes;
#[cfg(feature = "postgres")]
mod postgres;
mod providers;
mod remembered_browsers;
mod retention;
mod sessions;
mod sign_ins;
mod sqlite;
mod statistics;
mod subscriptions;
mod tokens;
mod user_changes;

use std::time::Duration;

pub use accounts::*;
pub use addresses::*;
pub use audit::*;
pub use challenges::*;
pub use configuration::*;
pub use directory::*;
pub use error::{StoreError, StoreErrorKind};
pub use factor_events::*;
pub use factor_resets::*;
pub use factors::*;
pub use history::*;
pub use instances::*;
pub use limits::*;
pub use maintenance::*;
pub use nodes::*;
pub use passes::*;
#[cfg(feature = "postgres")]
pub use postgres::{CopiedTable, PostgresOptions, PostgresStore, StorePlace, copy_store};
pub use providers::*;
pub use remembered_browsers::*;
pub use sessions::*;
pub use sign_ins::*;
pub(crate) use sqlite::Restoring;
pub use sqlite::SqliteStore;
pub use statistics::*;
pub use subscriptions::*;
pub use tokens::*;
pub use user_changes::*;

/// The result of every method of a store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// How far the clocks of two processes on one store may differ.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// A database that stores everything durable. It is implemented by every type that implements the traits it consists of.
pub trait Store:
    SubscriptionStore
    + InstanceStore
    + DirectoryStore
    + ConfigurationStore
    + ProviderStore
    + TokenStore
    + AuditStore
    + ChallengeStore
    + FactorStore
    + LimitStore
    + SignInStore
    + AccountStore
    + SessionStore
    + PassStore
    + RememberedBrowserStore
    + UserChangeStore
    + AddressStore
    + FactorEventStore
    + FactorResetStore
    + HistoryStore
    + StatisticsStore
    + MaintenanceStore
    + NodeStore
    + Send
    + Sync
    + 'static
{
}

impl<T> Store for T where
    T: SubscriptionStore
        + InstanceStore
        + DirectoryStore
        + ConfigurationStore
        + ProviderStore
        + TokenStore
        + AuditStore
        + ChallengeStore
        + FactorStore
        + LimitStore
        + SignInStore
        + AccountStore
        + SessionStore
        + PassStore
        + RememberedBrowserStore
        + UserChangeStore
        + AddressStore
        + FactorEventStore
        + FactorResetStore
        + HistoryStore
        + StatisticsStore
        + MaintenanceStore
        + NodeStore
        + Send
        + Sync
        + 'static
{
}

/// A part of a list: what follows a key, up to a number of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<K> {
    /// The key of the last item that is known already.
    pub after: Option<K>,
    /// How many items at most.
    pub limit: u32,
}

impl<K> Part<K> {
    /// Selects the whole list.
    pub fn whole() -> Self {
        Self { after: None, limit: u32::MAX }
    }
}

/// The result of a change that expects a revision.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The revision matched and the change was made.
    Applied,
    /// It was changed since it was read, or does not exist. Nothing was changed.
    Stale,
}

impl Update {
    /// Returns whether the change was made.
    pub fn is_applied(self) -> bool {
        self == Self::Applied
    }

    /// Returns `Applied` if a statement changed a row.
    pub fn from_rows(changed: usize) -> Self {
        if changed > 0 { Self::Applied } else { Self::Stale }
    }
}

/// The result of removing something that others may depend on.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It was removed.
    Removed,
    /// It was changed since it was read, or does not exist.
    Stale,
    /// Something depends on it.
    InUse,
}
