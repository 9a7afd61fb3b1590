//! Checks at startup: whether the database server can be used, and which of its settings are not safe.

use super::session::Session;
use super::values::get;
use crate::store::{Result, StoreError, StoreErrorKind};

/// The oldest version that is tested.
const OLDEST: i64 = 150_000;

/// The settings of a server.
#[derive(Clone, Debug)]
struct Settings {
    version: i64,
    encoding: String,
    isolation: String,
    synchronous_commit: String,
    fsync: String,
    full_page_writes: String,
    /// How many standbys are connected.
    standbys: i64,
    synchronous_standbys: String,
    lock_timeout: String,
}

/// Checks that the server can be used, and logs a warning for each setting that is not safe.
pub(super) async fn check(session: &Session) -> Result<()> {
    session.begin(StoreErrorKind::Unavailable);
    let sql = "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), \
               current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'), \
               (SELECT count(*) FROM pg_stat_replication), current_setting('synchronous_standby_names'), \
               current_setting('lock_timeout'), current_setting('default_transaction_isolation')";
    let row = session.only_row(sql, &[]).await?;
    let settings = Settings {
        version: get(&row, 0)?,
        encoding: get(&row, 1)?,
        synchronous_commit: get(&row, 2)?,
        fsync: get(&row, 3)?,
        full_page_writes: get(&row, 4)?,
        standbys: get(&row, 5)?,
        synchronous_standbys: get(&row, 6)?,
        lock_timeout: get(&row, 7)?,
        isolation: get(&row, 8)?,
    };
    require_usable(&settings)?;
    for warning in warnings(&settings) {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Returns an error if the server cannot be used.
fn require_usable(settings: &Settings) -> Result<()> {
    if settings.isolation != "read committed" {
        return Err(StoreError::incompatible(format_args!(
            "the database or its role has default_transaction_isolation = {}, but TwoFactor needs read committed",
            settings.isolation
        )));
    }
    if settings.version < OLDEST {
        return Err(StoreError::incompatible(format_args!(
            "the database server has version {}, but TwoFactor needs PostgreSQL 15 or newer",
            settings.version / 10_000
        )));
    }
    if settings.encoding != "UTF8" {
        return Err(StoreError::incompatible(format_args!(
            "the database has the encoding {}, but TwoFactor needs UTF8",
            settings.encoding
        )));
    }
    Ok(())
}

fn warnings(settings: &Settings) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in [("fsync", &settings.fsync), ("full_page_writes", &settings.full_page_writes)] {
        if value != "on" {
            all.push(format!("the database has {name} = {value}: a crash of its machine can damage the database"));
        }
    }
    if settings.lock_timeout == "0" {
        all.push(
            "the role of the database has no lock_timeout: a lock that somebody holds for long can use up the connections of the database. \
             Set it with: ALTER ROLE … SET lock_timeout = '5s'"
                .to_owned(),
        );
    }
    let commit = &*settings.synchronous_commit;
    if commit == "off" {
        all.push(
            "the database has synchronous_commit = off: a crash of its server loses what was accepted a moment earlier"
                .to_owned(),
        );
    } else if !matches!(commit, "on" | "remote_apply") {
        all.push(format!(
            "the database has synchronous_commit = {commit}: a failover can lose what was accepted a moment earlier, even if \
             synchronous_standby_names is set"
        ));
    }
    if let Some((awaited, named)) = awaited(&settings.synchronous_standbys, settings.standbys)
        && named <= awaited
    {
        all.push(format!(
            "the database has synchronous_standby_names = {}: each change waits for {awaited} of {named} standbys, so nobody can sign in while \
             one of them is down. Name at least {}",
            settings.synchronous_standbys,
            awaited + 1
        ));
    }
    if settings.standbys > 0 && settings.synchronous_standbys.is_empty() {
        all.push(
            "the database has standbys, but none is synchronous: a failover loses the last moments: counts of limits and wrong answers, used \
             recovery codes, changes of settings and logouts"
                .to_owned(),
        );
    }
    all
}

/// Returns how many standbys each commit waits for, and how many there are to choose from. `*` stands for those that are connected.
fn awaited(names: &str, connected: i64) -> Option<(i64, i64)> {
    let names = names.trim();
    if names.is_empty() {
        return None;
    }
    // `a, b` means `FIRST 1 (a, b)`, and `2 (a, b)` means `FIRST 2 (a, b)`.
    let (awaited, list) = match names.split_once('(') {
        Some((method, list)) => (method.split_whitespace().last()?.parse().ok()?, list.trim_end_matches(')')),
        None => (1, names),
    };
    let named = if list.split(',').any(|name| name.trim() == "*") { connected } else { list.split(',').count() as i64 };
    Some((awaited, named))
}

/// Logs a warning if the database accepts fewer connections than the processes that use it may open. Each is taken to have as many
/// connections as this one.
pub(super) async fn check_connections(session: &Session, connections: usize) -> Result<()> {
    session.begin(StoreErrorKind::Unavailable);
    let sql = "SELECT (SELECT count(*) FROM nodes WHERE seen_at > (SELECT tf1_clock()) - 15000), \
               least(current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint, \
               (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user), \
               (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))";
    let row = session.only_row(sql, &[]).await?;
    let (others, accepted): (u64, u64) = (get(&row, 0)?, get(&row, 1)?);
    if let Some(warning) = too_few_connections(others + 1, connections as u64, accepted) {
        tracing::warn!("{warning}");
    }
    Ok(())
}

fn too_few_connections(processes: u64, connections: u64, accepted: u64) -> Option<String> {
    // Each needs one more while it starts.
    let needed = processes * (connections + 1);
    (needed > accepted).then(|| {
        format!(
            "the database accepts {accepted} connections, but {processes} servers may open {needed}: raise max_connections, reduce \
             store.connections, or put PgBouncer in between"
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn safe() -> Settings {
        Settings {
            version: 150_020,
            encoding: "UTF8".to_owned(),
            isolation: "read committed".to_owned(),
            synchronous_commit: "on".to_owned(),
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            standbys: 2,
            synchronous_standbys: "ANY 1 (a, b)".to_owned(),
            lock_timeout: "5s".to_owned(),
        }
    }

    #[test]
    fn a_server_that_is_too_old_is_refused_and_the_oldest_tested_one_is_not() {
        let of = |version| require_usable(&Settings { version, ..safe() });
        for enough in [OLDEST, 150_020, 180_006] {
            assert!(of(enough).is_ok(), "{enough}");
        }
        // The last release of version 14, and one from when versions had three parts.
        for (old, named) in [(149_999, "has version 14,"), (90_624, "has version 9,")] {
            let error = of(old).unwrap_err();
            assert!(error.is_incompatible(), "{error}");
            let text = error.to_string();
            assert!(text.contains(named) && text.contains("needs PostgreSQL 15 or newer"), "{text}");
        }
    }

    #[test]
    fn unsafe_settings_are_reported_and_safe_ones_are_not() {
        let safe = safe();
        let none = || Settings { standbys: 0, synchronous_standbys: String::new(), ..safe.clone() };
        assert_eq!(warnings(&safe), Vec::<String>::new());
        assert_eq!(warnings(&none()), Vec::<String>::new());
        let commit = |value: &str| Settings { synchronous_commit: value.to_owned(), ..none() };
        let standbys = |value: &str| Settings { synchronous_standbys: value.to_owned(), ..safe.clone() };
        for (settings, expected) in [
            (Settings { fsync: "off".to_owned(), ..safe.clone() }, "fsync = off"),
            (Settings { full_page_writes: "off".to_owned(), ..safe.clone() }, "full_page_writes = off"),
            (Settings { lock_timeout: "0".to_owned(), ..safe.clone() }, "lock_timeout"),
            (commit("off"), "synchronous_commit = off"),
            (commit("local"), "synchronous_commit = local"),
            (commit("remote_write"), "synchronous_commit = remote_write"),
            (Settings { synchronous_commit: "local".to_owned(), ..safe.clone() }, "synchronous_commit = local"),
            (Settings { synchronous_standbys: String::new(), ..safe.clone() }, "none is synchronous"),
            (standbys("a"), "waits for 1 of 1"),
            (standbys("ANY 2 (a, b)"), "waits for 2 of 2"),
            (standbys("2 (a, b)"), "waits for 2 of 2"),
            (standbys("FIRST 1 (a)"), "waits for 1 of 1"),
            (Settings { standbys: 1, ..standbys("*") }, "waits for 1 of 1"),
        ] {
            let warnings = warnings(&settings);
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{expected}: {warnings:?}");
        }
        for enough in ["a, b", "FIRST 1 (a, b)", "*", "ANY 2 (a, b, c)"] {
            assert_eq!(warnings(&standbys(enough)), Vec::<String>::new(), "{enough}");
        }
    }

    #[test]
    fn too_few_connections_for_all_servers_are_reported() {
        assert_eq!(too_few_connections(5, 16, 97), None);
        let warning = too_few_connections(6, 16, 97).unwrap_or_default();
        assert!(warning.contains("accepts 97 connections, but 6 servers may open 102"), "{warning}");
    }
}
