//! A backup takes the place of a database. It is copied to the folder of the database and made ready there; then its name is changed: a
//! process that is killed at any moment leaves the old database or the new one.

use std::error::Error as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tempfile::TempDir;

use super::connection::{check_integrity, open_as_it_is, open_used, prepare};
use super::migrations::APPLICATION;
use super::paths::{FILES, beside, exists, failed, folder_of, sync_folder};
use super::rows::time;
use super::{SqliteStore, clock, passes, remembered_browsers, sessions};
use crate::file_owner::keep_owner;
use crate::store::{Result, StoreError};

/// The name of the copy in its folder.
const COPY: &str = "copy.db";

/// A copy of a backup that is about to replace a database.
pub(crate) struct Restoring {
    /// The folder of the copy, which is removed with everything in it.
    folder: TempDir,
    /// The copy.
    file: File,
    /// The database.
    path: PathBuf,
    /// The newest time in the backup.
    pub(crate) made_at: Option<Timestamp>,
}

impl Restoring {
    /// Copies a backup to the folder of the database, checks the copy and migrates it. What was open when the backup was made is not open
    /// in the copy. Neither the backup nor the database is changed.
    ///
    /// # Errors
    /// Incompatible if the backup is none, is damaged, or belongs to a newer version.
    pub(crate) fn begin(backup: &Path, path: &Path) -> Result<Self> {
        // SQLite keeps the log beside the file that a link leads to.
        let backup = &backup.canonicalize().map_err(|error| failed(backup, &error))?;
        if let Some(log) = ["-wal", "-journal"].map(|end| beside(backup, end)).into_iter().find(|log| exists(log)) {
            return Err(StoreError::incompatible(format_args!(
                "{} is in use or was not closed, because {} exists: make a backup of it first",
                backup.display(),
                log.display()
            )));
        }
        if path.is_symlink() && !path.exists() {
            let why = format_args!("{} is a link to a file that does not exist: remove the link", path.display());
            return Err(StoreError::incompatible(why));
        }
        // A link stays a link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let beside_it = folder_of(&path);
        let folder = tempfile::Builder::new()
            .prefix(".twofactor-restore-")
            .tempdir_in(beside_it)
            .map_err(|error| failed(beside_it, &error))?;
        let copy = folder.path().join(COPY);
        let file = copy_private(backup, &copy).map_err(|error| failed(backup, &error))?;
        let made_at = make_ready(&copy).map_err(|error| error.about(backup.display()))?;
        Ok(Self { folder, file, path, made_at })
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join(COPY)
    }

    /// Opens the copy as a store. It must be dropped before [`Self::finish`].
    ///
    /// # Errors
    /// If the copy cannot be opened.
    pub(crate) fn open(&self) -> Result<SqliteStore> {
        SqliteStore::open(self.copy())
    }

    /// Replaces the database by the copy, at this time. Returns the new name of the database that was replaced, if there was one.
    ///
    /// # Errors
    /// Busy if a process has the database open; incompatible if it belongs to another program. Nothing is replaced then.
    pub(crate) fn finish(self, now: Timestamp) -> Result<Option<PathBuf>> {
        let (copy, path) = (self.copy(), &self.path);
        let _locked = lock(path)?;
        // Two connections that are closed at the same moment leave a log, because neither is the last: this folds it.
        if let Some(connection) = lock(&copy)? {
            // Up to now a server may have accepted codes.
            clock::set_restored(&connection, now)?;
            connection.execute_batch("COMMIT")?;
            connection.close().map_err(|(_, error)| error)?;
        }
        if let Some(open) = FILES[1..].iter().map(|end| beside(&copy, end)).find(|file| exists(file)) {
            return Err(StoreError::unavailable(format_args!("the copy is still open: {} exists", open.display())));
        }
        self.file.sync_all().map_err(|error| failed(&copy, &error))?;
        let name = format!(".before-restore-{}", now.strftime("%Y%m%dT%H%M%SZ"));
        let aside = beside(path, &name);
        if !exists(path) {
            set_aside(path, &aside)?;
            // Fails if there is one by now.
            fs::hard_link(&copy, path).map_err(|error| failed(path, &error))?;
            sync_folder(folder_of(path))?;
            return Ok(None);
        }
        keep_owner(&self.file, path).map_err(|error| failed(&copy, &error))?;
        set_aside(path, &aside)?;
        fs::rename(&copy, path).map_err(|error| failed(path, &error))?;
        sync_folder(folder_of(path))?;
        Ok(Some(aside))
    }
}

/// Copies a file to a new one that is its owner's alone.
fn copy_private(from: &Path, to: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut to = options.write(true).create_new(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut to)?;
    Ok(to)
}

/// Checks a copy of a backup and makes it a store of this version. Returns the newest time in it.
fn make_ready(copy: &Path) -> Result<Option<Timestamp>> {
    let mut connection = open_used(copy)?;
    check_integrity(&connection)?;
    let made_at = clock::newest(&connection)?.map(time);
    prepare(&mut connection)?;
    end_what_was_open(&mut connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(made_at)
}

/// Ends what may have been used since the backup was made, or ended by somebody: nothing of it may be used again.
fn end_what_was_open(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction()?;
    for table in ["challenges", "enrolments", "idempotency", "nodes", "sign_ins"] {
        transaction.execute(&format!("DELETE FROM {table}"), [])?;
    }
    sessions::end_all(&transaction)?;
    passes::end_all(&transaction)?;
    remembered_browsers::end_all(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Locks the database against all processes until the connection is dropped. Everything is in one file then, without a log. Returns none if
/// there is no database, or one that is too damaged to be opened by anybody.
fn lock(path: &Path) -> Result<Option<Connection>> {
    if !exists(path) {
        return Ok(None);
    }
    // A later version may have migrated it: then the backup from before the upgrade is restored.
    let locked = open_as_it_is(path, usize::MAX).and_then(|(connection, _)| {
        // Fails while another connection is open. Whoever has opened the file by now and comes too late changes this back before anything
        // else, and SQLite refuses to do that in a file with another name.
        connection.pragma_update(None, "journal_mode", "DELETE")?;
        connection.execute_batch("BEGIN EXCLUSIVE")?;
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        // Another process may have opened it between the two.
        if mode == "delete" { Ok(connection) } else { Err(StoreError::busy("another process was faster")) }
    });
    match locked {
        Ok(connection) => Ok(Some(connection)),
        Err(error) if error.is_busy() => {
            Err(StoreError::busy("a server or another command uses it: stop it first").about(path.display()))
        }
        Err(error) if is_damage(&error) && is_marked(path) => Ok(None),
        Err(error) => Err(error.about(path.display())),
    }
}

fn is_damage(error: &StoreError) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    cause.is_some_and(|cause| cause.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt))
}

/// Returns whether a file begins as a database of ours (https://www.sqlite.org/fileformat2.html#the_database_header).
fn is_marked(path: &Path) -> bool {
    let mut head = [0; 72];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"SQLite format 3\0") && head[68..] == APPLICATION.to_be_bytes()
}

/// Gives all files of a database a second name, and takes the first one of its logs away: SQLite would write what they contain into the
/// next database of that name. A database that was locked has none.
fn set_aside(path: &Path, aside: &Path) -> Result<()> {
    let found: Vec<&str> = FILES.into_iter().filter(|end| exists(&beside(path, end))).collect();
    for end in &found {
        let file = beside(path, end);
        fs::hard_link(&file, beside(aside, end)).map_err(|error| failed(&file, &error))?;
    }
    sync_folder(folder_of(path))?;
    for end in found.into_iter().filter(|end| !end.is_empty()) {
        let file = beside(path, end);
        fs::remove_file(&file).map_err(|error| failed(&file, &error))?;
    }
    sync_folder(folder_of(path))
}
