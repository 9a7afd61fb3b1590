//! The metadata of the FIDO Alliance, which says which authenticator models are genuine: for enrolments that demand attestation.
//!
//! The server reads it from a file, or fetches it once a day and stores it in that file. What cannot be verified, or is older than what is
//! in use, changes nothing: the last good one stays in use.

mod blob;
mod fetch;
mod models;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use serde::{Deserialize, Serialize};
use twofactor::TwoFactor;
use twofactor::factor::TrustedAuthenticator;
use twofactor::sandbox::Network;
use url::Url;

use blob::BLOB_BYTES;
use fetch::Fetch;
use models::Aaguid;

/// How often the metadata are read again.
const DAILY: Duration = Duration::from_secs(24 * 3600);

/// How long after a failure they are fetched again.
const RETRY: Duration = Duration::from_secs(3600);

/// The name of the root that the FIDO Alliance publishes for its metadata, as it is in the certificate.
const ROOT_NAME: &[u8] = b"GlobalSign Root CA - R3";

/// The metadata of the FIDO Alliance.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FidoMetadata {
    /// The file with the metadata BLOB. It is read at the start and once a day; with `url`, the server also writes it.
    pub file: PathBuf,
    /// Where to fetch it once a day: `https://mds3.fidoalliance.org/`. Default: nowhere.
    pub url: Option<String>,
    /// The root certificate that the BLOB's signature must lead to, a file in PEM. Default: GlobalSign Root CA - R3, which the FIDO
    /// Alliance uses.
    pub root: Option<PathBuf>,
    /// The AAGUIDs of the models to trust, such as `cb69481e-8ff7-4039-93ec-0a2729a154a8`. Default: all.
    #[serde(default)]
    pub aaguids: Vec<String>,
}

/// Keeps the trusted models of an engine up to date.
pub(crate) struct Follower {
    file: PathBuf,
    source: Option<Fetch>,
    roots: Vec<TrustAnchor<'static>>,
    allowed: BTreeSet<Aaguid>,
    /// The number of the BLOB that is in use.
    no: Option<u64>,
}

impl FidoMetadata {
    /// Returns what keeps the models up to date.
    ///
    /// # Errors
    /// If a value is not valid or the root cannot be read. The text names the key.
    pub(crate) fn follower(&self, network: &Network) -> anyhow::Result<Follower> {
        let source = match &self.url {
            None => None,
            Some(text) => match Url::parse(text) {
                Ok(url) if url.scheme() == "https" => {
                    Some(Fetch::new(network.client_for_named_hosts().context("`[network]`")?, url))
                }
                _ => bail!("`fido_metadata.url` must begin with https:, such as https://mds3.fidoalliance.org/"),
            },
        };
        let roots = match &self.root {
            Some(file) => vec![read_root(file)?],
            None => default_roots(),
        };
        let allowed = self.aaguids.iter().map(|text| {
            models::parse(text).with_context(|| {
                format!(
                    "`fido_metadata.aaguids`: `{text}` is not an AAGUID, such as cb69481e-8ff7-4039-93ec-0a2729a154a8"
                )
            })
        });
        let allowed = allowed.collect::<anyhow::Result<_>>()?;
        Ok(Follower { file: self.file.clone(), source, roots, allowed, no: None })
    }
}

impl Follower {
    /// Reads the file, and lets the engine trust its models.
    ///
    /// # Errors
    /// If the file cannot be read or is not valid, unless the metadata are fetched: then this is only logged.
    pub(crate) fn begin(&mut self, engine: &TwoFactor) -> anyhow::Result<()> {
        match self.read() {
            Ok(models) => engine.set_trusted_authenticators(models),
            Err(error) if self.source.is_some() => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "no authenticator model is trusted until the metadata of FIDO are fetched"
                );
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Follows the metadata for as long as the server runs.
    pub(crate) async fn follow(mut self, engine: TwoFactor) {
        let mut wait = if self.source.is_some() { Duration::ZERO } else { DAILY };
        loop {
            tokio::time::sleep(wait).await;
            wait = match self.refresh().await {
                Ok(models) => {
                    engine.set_trusted_authenticators(models);
                    DAILY
                }
                Err(error) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "the metadata of FIDO were not updated; those in use stay"
                    );
                    RETRY
                }
            };
        }
    }

    async fn refresh(&mut self) -> anyhow::Result<Vec<TrustedAuthenticator>> {
        let Some(source) = &self.source else { return self.read() };
        let fetched = source.fetch().await?;
        let models = self.accept(&fetched)?;
        store(&self.file, &fetched).with_context(|| format!("`fido_metadata.file` = {}", self.file.display()))?;
        Ok(models)
    }

    fn read(&mut self) -> anyhow::Result<Vec<TrustedAuthenticator>> {
        let file = self.file.clone();
        let about = || format!("`fido_metadata.file` = {}", file.display());
        let length = std::fs::metadata(&file).with_context(about)?.len();
        if length > BLOB_BYTES as u64 {
            bail!("{}: it is too long", about());
        }
        let blob = std::fs::read(&file).with_context(about)?;
        self.accept(&blob).with_context(about)
    }

    /// Verifies a BLOB, which is in use from then on. Returns its models.
    fn accept(&mut self, blob: &[u8]) -> anyhow::Result<Vec<TrustedAuthenticator>> {
        let now = Timestamp::now();
        let payload = blob::verify(blob, &self.roots, now)?;
        if let Some(no) = self.no.filter(|no| payload.no < *no) {
            bail!("its number is {}, and the one in use has {no}: it is older", payload.no);
        }
        if payload.next_update < jiff::tz::Offset::UTC.to_datetime(now).date() {
            tracing::warn!(next_update = %payload.next_update, "the metadata of FIDO are out of date");
        }
        let models = models::trusted(&payload, &self.allowed);
        tracing::info!(no = payload.no, models = models.len(), next_update = %payload.next_update, "metadata of FIDO are in use");
        self.no = Some(payload.no);
        Ok(models)
    }
}

/// Returns the root of the FIDO Alliance.
fn default_roots() -> Vec<TrustAnchor<'static>> {
    let is_it = |root: &&TrustAnchor<'static>| root.subject.windows(ROOT_NAME.len()).any(|part| part == ROOT_NAME);
    webpki_roots::TLS_SERVER_ROOTS.iter().filter(is_it).cloned().collect()
}

fn read_root(file: &Path) -> anyhow::Result<TrustAnchor<'static>> {
    let about = || format!("`fido_metadata.root` = {}", file.display());
    let certificate = CertificateDer::from_pem_file(file).with_context(about)?;
    Ok(webpki::anchor_from_trusted_cert(&certificate).with_context(about)?.to_owned())
}

/// Replaces the file: a reader finds the old contents or the new ones.
fn store(file: &Path, blob: &[u8]) -> std::io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, blob)?;
    std::fs::rename(new, file)
}
