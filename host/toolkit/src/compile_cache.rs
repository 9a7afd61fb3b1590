//! Compiled components, kept for the next command that loads the same one.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use twofactor_sandbox::{CacheSeal, CodeCache, Component, Network, SandboxLimits};

/// The bytes of a key and of a MAC.
const KEY_BYTES: usize = 32;

/// The folder of compiled components.
#[derive(Debug, Default, clap::Args)]
pub struct CompileCacheArgs {
    /// A folder for compiled components, so that a component is compiled once. No one else may have write access to it: compiled code is
    /// run without a check.
    #[arg(long = "cache", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl CompileCacheArgs {
    /// Opens the cache, if there is a folder for it.
    ///
    /// # Errors
    /// If the folder cannot be created, or its key cannot be read.
    pub fn open(&self) -> anyhow::Result<Option<CodeCache>> {
        Ok(self.key()?.map(|(folder, key)| CodeCache::new(folder, key)))
    }

    fn key(&self) -> anyhow::Result<Option<(&Path, CacheKey)>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Some((folder, CacheKey::open_or_create(folder)?)))
    }

    /// Loads a component.
    pub(crate) async fn load(&self, bytes: &[u8], network: Network) -> anyhow::Result<Component> {
        Ok(match self.key()? {
            Some((folder, key)) => {
                Component::load_cached(bytes, network, SandboxLimits::default(), folder, key).await?
            }
            None => Component::load(bytes, network, SandboxLimits::default()).await?,
        })
    }

    /// Loads a component for a rehearsal: see [`Component::load_for_rehearsal`].
    pub(crate) async fn load_for_rehearsal(&self, bytes: &[u8], network: Network) -> anyhow::Result<Component> {
        Ok(Component::load_for_rehearsal(bytes, network, SandboxLimits::default(), self.key()?).await?)
    }
}

/// The key of a cache, in a file in its folder: whoever can read it can write code that is run.
#[derive(Clone)]
struct CacheKey([u8; KEY_BYTES]);

impl CacheKey {
    /// Reads the key, or creates it with access for its owner only.
    fn open_or_create(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("cache-key");
        let read = || fs::read(&path);
        let bytes = match read() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create(folder, &path)?;
                // Another process may have created it first.
                read()
            }
            done => done,
        };
        let bytes = bytes.with_context(|| format!("cannot read {}", path.display()))?;
        let key = bytes.try_into().ok().with_context(|| format!("{} is not the key of a cache", path.display()))?;
        Ok(Self(key))
    }

    fn mac(&self, digest: &str, code: &[u8]) -> anyhow::Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0)?;
        mac.update(&(digest.len() as u64).to_be_bytes());
        mac.update(digest.as_bytes());
        mac.update(code);
        Ok(mac)
    }
}

fn create(folder: &Path, path: &Path) -> anyhow::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).context("cannot generate a key")?;
    let mut file = tempfile::NamedTempFile::new_in(folder).context("cannot create the key of the cache")?;
    file.write_all(&key).context("cannot write the key of the cache")?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => {
            Err(error.error).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => Ok(()),
    }
}

impl CacheSeal for CacheKey {
    fn seal(&self, digest: &str, code: &[u8]) -> Vec<u8> {
        let mac = self.mac(digest, code).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        [&mac, code].concat()
    }

    fn open<'a>(&self, digest: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = sealed.split_at_checked(KEY_BYTES)?;
        self.mac(digest, code).ok()?.verify_slice(mac).ok()?;
        Some(code)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_with_the_key_for_the_component_opens() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = CacheKey::open_or_create(folder.path()).unwrap();
        let sealed = key.seal("digest", b"code");
        assert_eq!(CacheKey::open_or_create(folder.path()).unwrap().open("digest", &sealed), Some(&b"code"[..]));
        assert_eq!(key.open("another", &sealed), None);
        assert_eq!(CacheKey::open_or_create(other.path()).unwrap().open("digest", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("digest", &changed), None, "{at}");
        }
        assert_eq!(key.open("digest", b"short"), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_its_owners_alone_and_a_damaged_one_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        CacheKey::open_or_create(folder.path()).unwrap();
        let path = folder.path().join("cache-key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(CacheKey::open_or_create(folder.path()).is_err());
    }
}
