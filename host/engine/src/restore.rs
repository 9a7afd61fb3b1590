//! Restoring a store from a backup.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::{Actor, AuditLog};
use crate::builder::check_keys;
use crate::clock::SystemClock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::store::{Restoring, SqliteStore, Store};

/// The result of [`SqliteStore::restore`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// The newest time in the backup. It was made soon after that, unless nothing used the store then.
    pub made_at: Option<Timestamp>,
    /// Where the database is now that was replaced, if there was one.
    pub previous: Option<PathBuf>,
    /// How many lines the audit log has. The last one is about the restore.
    pub lines: u64,
}

impl SqliteStore {
    /// Replaces the database at `path` by a backup from [`SqliteStore::back_up`]. No process may use it. A database that is there already
    /// gets another name.
    ///
    /// First, the backup is copied to the folder of the database, and the copy is checked: that it is intact, that its keys are in the
    /// keyring, and that nobody has changed its audit log. If the process is killed, the old database or the new one is there.
    ///
    /// What could have been used since the backup was made is ended in the copy: challenges, enrolments, hosted sign-ins, temporary
    /// passes, invitations, remembered browsers, and sessions and logins of accounts. For some minutes the store opens no challenge for
    /// codes of apps, which could be accepted once more. Whatever else has changed since then is lost: tokens that were revoked are valid
    /// again, factors that were removed can be used again, and so can recovery codes that were used.
    ///
    /// # Errors
    /// [`Error::is_unavailable`], with the reason in [`Error::operator_detail`], and nothing is replaced. The source is a
    /// [`StoreError`](crate::store::StoreError) that is busy if a process uses the database, and incompatible if the backup is none, is
    /// damaged or belongs to a newer version.
    pub async fn restore(
        backup: impl AsRef<Path>,
        path: impl AsRef<Path>,
        keyring: &Keyring,
        actor: &Actor,
    ) -> Result<Restored, Error> {
        let restoring = Restoring::begin(backup.as_ref(), path.as_ref())?;
        let store: Arc<dyn Store> = Arc::new(restoring.open()?);
        check_keys(keyring, &*store).await?;
        let log = AuditLog::new(store, keyring.clone(), Arc::new(SystemClock::new()));
        let check = log.verify().await?;
        if let Some(problem) = check.problem {
            let lines = check.lines;
            return Err(Error::unavailable(format_args!(
                "the integrity of the audit log in the backup is violated after entry {lines}: {problem}"
            )));
        }
        let made_at = restoring.made_at;
        let when = made_at.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
        log.append(actor, "store.restore", &when, "").await?;
        // It has the store, which must be closed.
        drop(log);
        Ok(Restored { made_at, previous: restoring.finish(Timestamp::now())?, lines: check.lines + 1 })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::TwoFactor;

    /// Returns the backup of an installation that was set up, and its keys.
    async fn installation(folder: &Path) -> (PathBuf, Keyring) {
        let (path, key) = (folder.join("original.db"), folder.join("original.keys"));
        let store = SqliteStore::open(&path).unwrap();
        let engine = TwoFactor::builder().store(store).key_file(&key).build().await.unwrap();
        engine.administration(Actor::new("test")).create_subscription("shop", "Shop").await.unwrap();
        let backup = folder.join("backup.db");
        SqliteStore::back_up(&path, &backup).unwrap();
        (backup, Keyring::from_file(&key).unwrap())
    }

    async fn restore(backup: &Path, path: &Path, keyring: &Keyring) -> Result<Restored, Error> {
        SqliteStore::restore(backup, path, keyring, &Actor::new("test")).await
    }

    #[tokio::test]
    async fn a_restored_store_starts_with_its_keys_and_its_audit_log_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let (backup, keyring) = installation(folder.path()).await;
        let path = folder.path().join("restored.db");
        let restored = restore(&backup, &path, &keyring).await.unwrap();
        assert_eq!((restored.previous, restored.lines), (None, 2));
        let store = SqliteStore::open(&path).unwrap();
        let engine = TwoFactor::builder().store(store).keyring(keyring).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        let check = admin.verify_audit_log().await.unwrap();
        assert_eq!((check.lines, check.problem), (2, None));
        let last = admin.audit_log(1, 10).await.unwrap().remove(0);
        assert_eq!((&*last.action, &*last.actor), ("store.restore", "test"));
        assert_eq!(admin.create_subscription("shop", "Shop").await.unwrap_err().kind(), crate::ErrorKind::Conflict);
    }

    #[tokio::test]
    async fn a_backup_with_other_keys_or_a_changed_audit_log_is_refused_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let (backup, keyring) = installation(folder.path()).await;
        let path = folder.path().join("restored.db");
        let refused = async |keyring: &Keyring, why: &str| {
            let error = restore(&backup, &path, keyring).await.unwrap_err();
            assert!(error.operator_detail().unwrap().contains(why), "{error:?}");
            let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let made: Vec<_> = entries.filter(|name| name.to_string_lossy().contains("restore")).collect();
            assert!(made.is_empty(), "{made:?}");
        };
        refused(&Keyring::generate().unwrap(), "is not in the key file").await;
        let connection = rusqlite::Connection::open(&backup).unwrap();
        connection.execute("UPDATE audit SET actor = 'nobody'", []).unwrap();
        drop(connection);
        refused(&keyring, "integrity of the audit log").await;
    }
}
