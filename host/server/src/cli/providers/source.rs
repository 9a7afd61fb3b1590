//! Where a component comes from.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, bail};

use super::oci;

/// The build output of a Rust project.
const BUILT: &str = "target/wasm32-wasip2/release";

pub(super) enum Source {
    Path(PathBuf),
    Registry(oci::Image),
}

impl Source {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        match text.strip_prefix("oci://") {
            Some(image) => Ok(Self::Registry(image.parse()?)),
            None => Ok(Self::Path(PathBuf::from(text))),
        }
    }

    /// The file it is, or the only component in the folder.
    pub(super) fn file(&self) -> anyhow::Result<Option<PathBuf>> {
        let Self::Path(path) = self else { return Ok(None) };
        if !path.is_dir() {
            return Ok(Some(path.clone()));
        }
        for folder in [path.clone(), path.join(BUILT)] {
            let mut found = components(&folder);
            match (found.pop(), found.len()) {
                (Some(one), 0) => return Ok(Some(one)),
                (Some(_), _) => bail!("{} contains more than one component: pass the file", folder.display()),
                (None, _) => {}
            }
        }
        bail!(
            "there is no component (.wasm) in {} or in its `{BUILT}`: build it first, or pass the file",
            path.display()
        )
    }

    /// Returns the component, and the signature that lies beside it, in a folder or in a registry.
    pub(super) async fn read(&self) -> anyhow::Result<(Vec<u8>, Option<String>)> {
        if let Self::Registry(image) = self {
            return image.pull().await;
        }
        let Some(file) = self.file()? else { bail!("the file does not exist") };
        let component = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let signature = file.with_added_extension("minisig");
        let signature = match signature.exists() {
            true => Some(
                std::fs::read_to_string(&signature).with_context(|| format!("cannot read {}", signature.display()))?,
            ),
            false => None,
        };
        Ok((component, signature))
    }

    /// Returns what changes when the file does; `None` while there is none.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let file = self.file().ok().flatten()?;
        let known = file.metadata().ok()?;
        Some((file, known.modified().ok()?, known.len()))
    }
}

/// The file, when it was changed, and its length.
pub(super) type Stamp = (PathBuf, SystemTime, u64);

fn components(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ending| ending == "wasm")).collect()
}
