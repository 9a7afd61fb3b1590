//! Checks at startup: whether the database server can be used, and which of its settings are not safe.

use super::session::Session;
use super::values::get;
use crate::store::{Result, StoreError, StoreErrorKind};

/// The oldest version that is tested.
const OLDEST: i64 = 150_000;

/// The settings of a server.
#[derive(Debug)]
struct Settings {
    version: i64,
    encoding: String,
    synchronous_commit: String,
    fsync: String,
    full_page_writes: String,
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
    };
    let isolation: String = get(&row, 8)?;
    if isolation != "read committed" {
        return Err(StoreError::incompatible(format_args!(
            "the database or its role has default_transaction_isolation = {isolation}, but TwoFactor needs read committed"
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
    for warning in warnings(&settings) {
        tracing::warn!("{warning}");
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
            "the database has synchronous_commit = off: a crash of its server loses what was accepted a moment before"
                .to_owned(),
        );
    } else if !settings.synchronous_standbys.is_empty() && !matches!(commit, "on" | "remote_apply") {
        all.push(format!(
            "the database has synchronous_commit = {commit}: a failover can lose what was accepted a moment before, although \
             synchronous_standby_names is set"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_settings_are_reported_and_safe_ones_are_not() {
        let of = |commit: &str, fsync: &str, standbys, synchronous: &str| {
            let settings = Settings {
                version: 150_020,
                encoding: "UTF8".to_owned(),
                synchronous_commit: commit.to_owned(),
                fsync: fsync.to_owned(),
                full_page_writes: "on".to_owned(),
                standbys,
                synchronous_standbys: synchronous.to_owned(),
                lock_timeout: "5s".to_owned(),
            };
            warnings(&settings).len()
        };
        assert_eq!(of("on", "on", 0, ""), 0);
        assert_eq!(of("on", "on", 2, "ANY 1 (a, b)"), 0);
        assert_eq!(of("on", "on", 1, ""), 1);
        assert_eq!(of("off", "on", 0, ""), 1);
        assert_eq!(of("local", "on", 1, "a"), 1);
        assert_eq!(of("remote_write", "off", 1, "a"), 2);
    }
}
