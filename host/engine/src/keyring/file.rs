//! The key file. It has one line for each key, the newest first: an id of eight hexadecimal digits, a space, and 32 bytes in
//! hexadecimal. Lines that begin with `#` are comments.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Key, KeyId, Keyring, KeyringError};
use crate::file_owner::keep_owner;

impl Keyring {
    /// Reads a key file.
    ///
    /// # Errors
    /// If the file is missing, cannot be read or parsed, or others may read it.
    pub fn from_file(path: &Path) -> Result<Self, KeyringError> {
        Self::read(path)?.ok_or_else(|| {
            KeyringError(format!(
                "the key file {} is missing; without it, stored data cannot be decrypted",
                path.display()
            ))
        })
    }

    /// Reads a key file, or creates it (mode 0600) if it does not exist. Processes that do so at the same time get the same key.
    ///
    /// An existing store needs the key file with which it was created: [`Builder::key_file`](crate::Builder::key_file) creates a
    /// file only for a new store.
    ///
    /// # Errors
    /// If the file cannot be read, written or parsed, or others may read it.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyringError> {
        if let Some(found) = Self::read(path)? {
            return Ok(found);
        }
        match write(path, &[Arc::new(Key::generate()?)], true) {
            Ok(()) => {}
            // Another process was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(about(path, error)),
        }
        // What counts is what the file holds.
        Self::from_file(path)
    }

    /// Adds a new key to a key file, before the others. Processes that start from now on seal with it; running processes read it
    /// when they find data that was sealed with it. Older data is still opened with the older keys. The file keeps its owner and group.
    ///
    /// # Errors
    /// As for [`Self::open_or_create`].
    pub fn rotate(path: &Path) -> Result<Self, KeyringError> {
        // A link stays a link: others may know the file by its own name. One that leads nowhere is reported below.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // Beside a file that is missing, nothing is created.
        Self::from_file(path)?;
        // Two that rotate at once must not lose a key. The system gives the lock back when the file is closed.
        let _lock = lock(path).map_err(|error| about(path, error))?;
        let mut keys = Self::from_file(path)?.keys().clone();
        let new = loop {
            let new = Key::generate()?;
            if keys.iter().all(|key| key.id != new.id) {
                break new;
            }
        };
        keys.insert(0, Arc::new(new));
        write(path, &keys, false).map_err(|error| about(path, error))?;
        Ok(Self::of(keys, Some(path.to_owned())))
    }

    /// `None` if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, KeyringError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(about(path, error)),
        };
        private(path)?;
        let keys = Self::parse(&text).map_err(|why| about(path, why))?;
        Ok(Some(Self::of(keys, Some(path.to_owned()))))
    }

    fn parse(text: &str) -> Result<Vec<Arc<Key>>, String> {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for (n, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || format!("line {} must be an id of 8 and a key of 64 hexadecimal digits", n + 1);
            let (id, secret) = line.trim().split_once(' ').ok_or_else(wrong)?;
            let id = KeyId::from_str_radix(id, 16).map_err(|_| wrong())?;
            let mut bytes = Zeroizing::new([0; 32]);
            hex::decode_to_slice(secret.trim(), &mut *bytes).map_err(|_| wrong())?;
            if keys.iter().any(|key| key.id == id) {
                return Err(format!("line {} repeats an id", n + 1));
            }
            keys.push(Arc::new(Key { id, secret: bytes }));
        }
        if keys.is_empty() { Err("it contains no key".to_owned()) } else { Ok(keys) }
    }
}

/// Written beside and put in place: a crash leaves the old file or the new one. Answers once it is on disk.
fn write(path: &Path, keys: &[Arc<Key>], new: bool) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".key").tempfile_in(folder)?;
    let mut text =
        Zeroizing::new("# Keys of TwoFactor, the newest first. Without them the database is unreadable.\n".to_owned());
    for key in keys {
        text.push_str(&format!("{:08x} {}\n", key.id, *Zeroizing::new(hex::encode(*key.secret))));
    }
    file.write_all(text.as_bytes())?;
    if !new {
        keep_owner(file.as_file(), path)?;
    }
    file.as_file().sync_all()?;
    if new {
        file.persist_noclobber(path)?
    } else {
        file.persist(path)?
    };
    sync(folder)
}

/// Locks a file beside a key file. One that exists is only opened: whoever can write to the folder could have made a link of it.
fn lock(path: &Path) -> std::io::Result<File> {
    let name = path.with_added_extension("lock");
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = match options.clone().create_new(true).open(&name) {
        Ok(file) => {
            // The owner of the keys must be able to open it the next time.
            keep_owner(&file, path)?;
            file
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.open(&name)?,
        Err(error) => return Err(error),
    };
    file.lock()?;
    Ok(file)
}

/// A name is on disk when its folder is.
#[cfg(unix)]
fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn about(path: &Path, what: impl fmt::Display) -> KeyringError {
    KeyringError(format!("the key file {}: {what}", path.display()))
}

#[cfg(unix)]
fn private(path: &Path) -> Result<(), KeyringError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or_default();
    if mode & 0o077 != 0 {
        return Err(KeyringError(format!(
            "the key file {} is readable by others; run chmod 600 on it",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(_: &Path) -> Result<(), KeyringError> {
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn many_that_make_the_file_at_once_end_with_one_key_and_many_that_rotate_it_lose_none() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("key");
            let ids = |make: fn(&Path) -> Result<Keyring, KeyringError>| {
                std::thread::scope(|scope| {
                    let all = [(); 8].map(|()| scope.spawn(|| make(&path).unwrap().newest().id));
                    all.map(|one| one.join().unwrap())
                })
            };
            let made = ids(Keyring::open_or_create);
            assert_eq!(made, [made[0]; 8]);
            ids(Keyring::rotate);
            assert_eq!(Keyring::from_file(&path).unwrap().keys().len(), 9);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_added_to_the_file_that_a_link_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        Keyring::open_or_create(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Keyring::rotate(&link).unwrap();
        assert!(link.is_symlink());
        assert_eq!(Keyring::from_file(&file).unwrap().keys().len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_to_which_a_key_is_added_keeps_its_owner_even_if_root_adds_it() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        const NOBODY: u32 = 65534;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Keyring::open_or_create(&path).unwrap();
        let own = std::fs::metadata(&path).unwrap();
        // Only root can give a file to somebody else.
        let given = chown(&path, Some(NOBODY), Some(NOBODY)).is_ok();
        let owner = if given { (NOBODY, NOBODY) } else { (own.uid(), own.gid()) };
        Keyring::rotate(&path).unwrap();
        for file in [path.clone(), path.with_added_extension("lock")] {
            let now = std::fs::metadata(&file).unwrap();
            assert_eq!((now.uid(), now.gid(), now.mode() & 0o777), (owner.0, owner.1, 0o600), "{}", file.display());
        }
        assert_eq!(Keyring::from_file(&path).unwrap().keys().len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_the_lock_is_a_link_to_stays_as_it_is() {
        use std::os::unix::fs::{MetadataExt as _, chown, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("key"), folder.path().join("other"));
        Keyring::open_or_create(&path).unwrap();
        // Only root can give a file to somebody else.
        let _ = chown(&path, Some(65534), Some(65534));
        std::fs::write(&other, "text").unwrap();
        let owner = std::fs::metadata(&other).unwrap().uid();
        symlink(&other, path.with_added_extension("lock")).unwrap();
        Keyring::rotate(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "text");
        assert_eq!(std::fs::metadata(&other).unwrap().uid(), owner);
    }

    #[test]
    fn a_missing_file_is_neither_opened_nor_rotated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(Keyring::from_file(&path).unwrap_err().to_string().contains("is missing"));
        assert!(Keyring::rotate(&path).unwrap_err().to_string().contains("is missing"));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_names_a_key_twice_is_refused() {
        let line = format!("00000001 {}\n", "00".repeat(32));
        assert!(Keyring::parse(&line).is_ok());
        assert_eq!(Keyring::parse(&line.repeat(2)).err().unwrap(), "line 2 repeats an id");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        Keyring::open_or_create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Keyring::open_or_create(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
