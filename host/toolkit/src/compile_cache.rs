//! What was compiled of a component, kept for the next command that is given the same one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use twofactor::Network;
use twofactor::keyring::Keyring;
use twofactor::sandbox::{Component, SandboxLimits};

/// Where it is kept.
#[derive(Debug, Default, clap::Args)]
pub struct Cache {
    /// Keeps what is compiled of a component in this folder, so that the next command that is given the same one begins at once. Nobody
    /// else may be able to write there: it is run without a check.
    #[arg(long = "cache", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Cache {
    /// The folder, and the key that says what was written there by whoever has it.
    ///
    /// # Errors
    /// If the folder cannot be made, or its key cannot be read.
    pub fn open(&self) -> anyhow::Result<Option<(&Path, Keyring)>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(Some((folder, Keyring::open_or_create(&folder.join("key"))?)))
    }

    /// Loads a component by itself.
    pub(super) async fn load(&self, bytes: &[u8], network: Network) -> anyhow::Result<Component> {
        Ok(match self.open()? {
            Some((folder, keyring)) => {
                Component::load_cached(bytes, network, SandboxLimits::default(), folder, keyring).await?
            }
            None => Component::load(bytes, network, SandboxLimits::default()).await?,
        })
    }

    /// The same for a rehearsal: see [`Component::load_for_rehearsal`].
    pub(super) async fn load_for_rehearsal(&self, bytes: &[u8], network: Network) -> anyhow::Result<Component> {
        Ok(Component::load_for_rehearsal(bytes, network, SandboxLimits::default(), self.open()?).await?)
    }
}
