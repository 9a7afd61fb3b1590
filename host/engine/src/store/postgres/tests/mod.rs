//! Tests against clusters of Debian's PostgreSQL, which the tests start.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking and may print")]

mod cluster;
mod copy;
mod failover;
mod failures_at_random;
mod faults;
mod leases;
mod odd_servers;
mod pgbouncer;
mod processes;
mod proxy;
mod races;
mod schema;
mod statements;
mod time;
mod tls;
mod upgrades;

use std::sync::Arc;

use self::cluster::{Cluster, Lent};
use super::*;
use crate::store::conformance::*;
use crate::store::*;

/// Connects to a database and uses its clock.
async fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(PostgresOptions::parse(url).unwrap()).await.unwrap()
}

/// Connects to a database and uses the caller's clock: the suite sets its own time.
async fn in_the_time_of_the_suite(url: &str) -> Arc<dyn Store> {
    let mut store = connect(url).await;
    store.times.of_caller = true;
    Arc::new(store)
}

/// Returns a store to use if PostgreSQL is missing. A line of output has already reported this.
fn stand_in() -> Arc<dyn Store> {
    Arc::new(SqliteStore::in_memory().unwrap())
}

mod conformance_of_postgresql {
    use super::*;

    async fn open() -> (Arc<dyn Store>, Option<Lent>) {
        let Some(cluster) = Cluster::shared() else { return (stand_in(), None) };
        let (url, lent) = cluster.lend().await;
        (in_the_time_of_the_suite(&url).await, Some(lent))
    }

    crate::store_conformance!(open);
}

/// In transaction mode each statement may get another connection.
mod conformance_through_pgbouncer {
    use super::*;

    async fn open() -> (Arc<dyn Store>, Option<Lent>) {
        let Some((cluster, bouncer)) = Cluster::shared().zip(pgbouncer::shared()) else { return (stand_in(), None) };
        let (url, lent) = cluster.lend().await;
        let url = url.replace(&cluster.port.to_string(), &bouncer.to_string());
        (in_the_time_of_the_suite(&url).await, Some(lent))
    }

    crate::store_conformance!(open);
}
