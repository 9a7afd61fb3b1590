//! The metadata of the FIDO Alliance, which says which authenticator models are genuine: for enrolments that require attestation.
//!
//! The server reads it from a file, or fetches it once a day and stores it in that file. What cannot be verified, or is older than what is
//! in use, changes nothing: the last good one stays in use until it is overdue for too long. So nobody keeps a model trusted that was
//! revoked, by holding back newer metadata or by bringing back older ones.

mod blob;
mod fetch;
mod models;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
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
    /// The root certificate that the BLOB's signature must chain to, a PEM file. Default: GlobalSign Root CA - R3, which the FIDO
    /// Alliance uses.
    pub root: Option<PathBuf>,
    /// The AAGUIDs of the models to trust, such as `cb69481e-8ff7-4039-93ec-0a2729a154a8`. Default: all.
    #[serde(default)]
    pub aaguids: Vec<String>,
    /// How many days the metadata stays in use after its `nextUpdate` date. After that, no model is trusted. Default: 30.
    #[serde(default = "overdue_days")]
    pub overdue_days: u16,
}

fn overdue_days() -> u16 {
    30
}

/// Keeps the trusted models of an engine up to date.
pub(crate) struct Follower {
    file: PathBuf,
    source: Option<Fetch>,
    roots: Vec<TrustAnchor<'static>>,
    allowed: BTreeSet<Aaguid>,
    overdue_days: u16,
    in_use: Option<InUse>,
}

/// The metadata that are in use.
struct InUse {
    no: u64,
    /// The last day on which they may be used.
    last_day: Date,
}

/// Metadata that were verified.
struct Verified {
    no: u64,
    last_day: Date,
    models: Vec<TrustedAuthenticator>,
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
        let (file, overdue_days) = (self.file.clone(), self.overdue_days);
        Ok(Follower { file, source, roots, allowed, overdue_days, in_use: None })
    }
}

impl Follower {
    /// Reads the file, and lets the engine trust its models. Metadata that cannot be used are logged: only enrolments that require
    /// attestation depend on them.
    ///
    /// # Errors
    /// If the file cannot be read, unless the metadata are fetched.
    pub(crate) fn begin(&mut self, engine: &TwoFactor) -> anyhow::Result<()> {
        let about = format!("`fido_metadata.file` = {}", self.file.display());
        let used = match self.read().context(about.clone()) {
            Ok(blob) => self.verify(&blob).context(about).map(|verified| self.use_them(engine, verified)),
            Err(error) if self.source.is_none() => return Err(error),
            Err(error) => Err(error),
        };
        if let Err(error) = used {
            tracing::error!(
                error = format!("{error:#}"),
                "no authenticator model is trusted until there is valid FIDO metadata"
            );
        }
        Ok(())
    }

    /// Follows the metadata for as long as the server runs.
    pub(crate) async fn follow(mut self, engine: TwoFactor) {
        let mut wait = if self.source.is_some() { Duration::ZERO } else { DAILY };
        loop {
            tokio::time::sleep(wait).await;
            wait = self.update(&engine).await;
        }
    }

    /// Takes newer metadata into use, if there are any. Returns when to look again.
    async fn update(&mut self, engine: &TwoFactor) -> Duration {
        let wait = match self.refresh(engine).await {
            Ok(()) => DAILY,
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the FIDO metadata was not updated; the current metadata stays in use"
                );
                RETRY
            }
        };
        if self.in_use.take_if(|in_use| in_use.last_day < today()).is_some() {
            tracing::error!("the FIDO metadata has been overdue for too long: no authenticator model is trusted");
            engine.set_trusted_authenticators(Vec::new());
        }
        wait
    }

    async fn refresh(&mut self, engine: &TwoFactor) -> anyhow::Result<()> {
        let about = || format!("`fido_metadata.file` = {}", self.file.display());
        let Some(source) = &self.source else {
            let blob = self.read().with_context(about)?;
            let verified = self.verify(&blob).with_context(about)?;
            self.use_them(engine, verified);
            return Ok(());
        };
        let fetched = source.fetch().await?;
        let verified = self.verify(&fetched)?;
        // Even if they cannot be stored: they may revoke a model.
        self.use_them(engine, verified);
        if let Err(error) = store(&self.file, &fetched) {
            let file = self.file.display();
            tracing::error!(error = error.to_string(), %file, "the FIDO metadata is in use, but could not be stored");
        }
        Ok(())
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut blob = Vec::new();
        // One byte more than is valid, which is then refused.
        File::open(&self.file)?.take(BLOB_BYTES as u64 + 1).read_to_end(&mut blob)?;
        Ok(blob)
    }

    /// Verifies a BLOB.
    fn verify(&self, blob: &[u8]) -> anyhow::Result<Verified> {
        let payload = blob::verify(blob, &self.roots, Timestamp::now())?;
        if let Some(InUse { no, .. }) = self.in_use.as_ref().filter(|in_use| payload.no < in_use.no) {
            bail!("its number is {}, and the one in use has {no}: it is older", payload.no);
        }
        let next_update = payload.next_update;
        let last_day = next_update.saturating_add(i32::from(self.overdue_days).days());
        if last_day < today() {
            bail!(
                "newer metadata should have been there by {next_update}: `fido_metadata.overdue_days` have passed since"
            );
        }
        if next_update < today() {
            tracing::warn!(%next_update, "the FIDO metadata is out of date");
        }
        Ok(Verified { no: payload.no, last_day, models: models::trusted(&payload, &self.allowed) })
    }

    fn use_them(&mut self, engine: &TwoFactor, verified: Verified) {
        let Verified { no, last_day, models } = verified;
        tracing::info!(no, models = models.len(), %last_day, "the FIDO metadata is in use");
        engine.set_trusted_authenticators(models);
        self.in_use = Some(InUse { no, last_day });
    }
}

fn today() -> Date {
    jiff::tz::Offset::UTC.to_datetime(Timestamp::now()).date()
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

/// Replaces the file: a reader finds the old contents or the new ones, even if several servers share it.
fn store(file: &Path, blob: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(blob)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}
