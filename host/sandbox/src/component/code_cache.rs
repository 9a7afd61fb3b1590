//! A cache of compiled code.
//!
//! Compiled code is run without a check: it is trusted as much as this program. So each file has a MAC, made with this
//! installation's key over the component's digest, the engine's version and the code, and the bytes over which the MAC was
//! verified are the bytes that are loaded. If a file was changed, or was written by another installation, the component is
//! compiled again; also with another engine version or configuration, because then the file has another name.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Authenticates compiled code, which is run without a check: without the key nobody can write code that [`CacheSeal::open`] accepts.
pub trait CacheSeal: Send + Sync {
    /// Returns the code with a MAC over the component's digest and the code.
    fn seal(&self, digest: &str, code: &[u8]) -> Vec<u8>;

    /// Returns the code that [`CacheSeal::seal`] sealed for this digest, or `None` if the MAC does not match.
    fn open<'a>(&self, digest: &str, sealed: &'a [u8]) -> Option<&'a [u8]>;
}

/// A folder of compiled components, and the key that authenticates them. Cheap to clone.
#[derive(Clone)]
pub struct CodeCache {
    folder: PathBuf,
    seal: Arc<dyn CacheSeal>,
}

impl CodeCache {
    /// Creates a cache in this folder, which is created when it is first written to.
    pub fn new(folder: impl Into<PathBuf>, seal: impl CacheSeal + 'static) -> Self {
        Self { folder: folder.into(), seal: Arc::new(seal) }
    }
}

impl fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeCache").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Returns the component of this digest, if this installation has compiled it before.
pub(crate) fn find(engine: &Engine, cache: &CodeCache, digest: &str) -> Option<Component> {
    let sealed = std::fs::read(path(engine, &cache.folder, digest)).ok()?;
    let Some(code) = cache.seal.open(digest, &sealed) else {
        tracing::warn!(digest, "compiled code in the cache was not written by this installation: compiling again");
        return None;
    };
    deserialize(engine, code)
}

/// Stores a compiled component. If the cache cannot be written, the next start takes longer;
/// nothing else happens.
pub(crate) fn keep(engine: &Engine, cache: &CodeCache, digest: &str, component: &Component) {
    let kept = component.serialize().map_err(std::io::Error::other).and_then(|code| {
        let sealed = cache.seal.seal(digest, &code);
        write(&path(engine, &cache.folder, digest), &cache.folder, &sealed)
    });
    if let Err(error) = kept {
        tracing::warn!(%error, "compiled code could not be cached");
    }
}

fn path(engine: &Engine, folder: &Path, digest: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
}

/// Written to another file and renamed, so that a reader never sees half of it.
fn write(path: &Path, folder: &Path, bytes: &[u8]) -> std::io::Result<()> {
    create(folder)?;
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(bytes)?;
    beside.persist(path)?;
    Ok(())
}

/// Creates the folder, accessible only to its owner.
fn create(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[allow(unsafe_code, reason = "compiled code cannot be checked, only its origin: see the safety comment")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` lies in memory that nobody else can change, and its MAC under this installation's key has been
    // checked over exactly these bytes, so that they are what `Component::serialize` gave this program.
    let component = unsafe { Component::deserialize(engine, code) };
    component
        .inspect_err(|error| tracing::info!(%error, "compiled code of another engine version: compiling again"))
        .ok()
}
