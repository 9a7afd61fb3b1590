//! Compiled code, kept between starts.
//!
//! Loading compiled code runs it without a check: it is as trusted as this program. So what is kept carries a MAC made
//! with this installation's key over the component's digest, the engine's version and the code, and the bytes
//! the MAC was checked over are the bytes that are loaded. A file that was changed, or that another installation
//! wrote, is compiled anew. So is one of another engine version or configuration: its name differs.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use wasmtime::component::Component;

use super::engine::Sandbox;

const PURPOSE: &str = "compiled-code";

/// The component of this digest, if this installation has compiled it before.
pub(super) fn find(sandbox: &Sandbox, folder: &Path, digest: &str) -> Option<Component> {
    let sealed = std::fs::read(path(sandbox, folder, digest)).ok()?;
    let Some(code) = sandbox.keyring().open_signed(PURPOSE, &[digest.as_bytes()], &sealed) else {
        tracing::warn!(digest, "compiled code in the cache was not written by this installation: compiling anew");
        return None;
    };
    deserialize(sandbox, code)
}

/// Keeps a compiled component. A cache that cannot be written costs time at the next start and nothing else.
pub(super) fn keep(sandbox: &Sandbox, folder: &Path, digest: &str, component: &Component) {
    let kept = component.serialize().map_err(std::io::Error::other).and_then(|code| {
        let signed = sandbox.keyring().sign(PURPOSE, &[digest.as_bytes()], &code);
        write(&path(sandbox, folder, digest), folder, &signed)
    });
    if let Err(error) = kept {
        tracing::warn!(%error, "compiled code could not be kept");
    }
}

fn path(sandbox: &Sandbox, folder: &Path, digest: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    sandbox.engine().precompile_compatibility_hash().hash(&mut hasher);
    folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
}

/// Written beside and renamed, so that a reader never sees half of it.
fn write(path: &Path, folder: &Path, bytes: &[u8]) -> std::io::Result<()> {
    create(folder)?;
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(bytes)?;
    beside.persist(path)?;
    Ok(())
}

/// Makes the folder, its owner's alone.
fn create(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[allow(unsafe_code, reason = "compiled code cannot be checked, only its origin: see the safety comment")]
fn deserialize(sandbox: &Sandbox, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` lies in memory that nobody else can change, and its MAC under this installation's key has been
    // checked over exactly these bytes, so that they are what `Component::serialize` gave this program.
    let component = unsafe { Component::deserialize(sandbox.engine(), code) };
    component
        .inspect_err(|error| tracing::info!(%error, "compiled code of another engine version: compiling anew"))
        .ok()
}
