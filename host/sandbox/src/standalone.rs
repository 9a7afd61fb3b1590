//! A single component without an engine: for authors who try one, and for measurements.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::call::{Reason, Sandbox, SandboxError};
use crate::component::{CacheSeal, CodeCache, LoadError, ProviderInfo};
use crate::egress::{Connection, Network, ReportProof, ReportVerifier, Secret};
use crate::factor::Site;
use crate::field_error::FieldError;
use crate::limits::SandboxLimits;
use crate::options::{Configured, Layers};
use crate::provider::Provider;
use crate::schema::{OptionsSchema, Schema};

/// A component in a sandbox of its own.
pub struct Component {
    provider: Arc<Provider>,
}

impl Component {
    /// Compiles a component and reads its manifest. Options are checked as on a server: in calls that cannot reach anything, clocks stand
    /// still and random numbers repeat.
    ///
    /// # Errors
    /// Why it cannot be loaded, and what to do.
    pub async fn load(bytes: &[u8], network: Network, limits: SandboxLimits) -> Result<Self, LoadError> {
        Self::load_into(Sandbox::new(limits, network), bytes, None).await
    }

    /// Loads a component from a folder of compiled code, or compiles it and stores the result there. Compiled code is run
    /// unchecked; the seal authenticates it.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_cached(
        bytes: &[u8],
        network: Network,
        limits: SandboxLimits,
        folder: &Path,
        seal: impl CacheSeal + 'static,
    ) -> Result<Self, LoadError> {
        Self::load_into(Sandbox::new(limits, network), bytes, Some(CodeCache::new(folder, seal))).await
    }

    /// Loads a component for a rehearsal: while it delivers, clocks stand still and random numbers repeat, so that two deliveries of one
    /// message differ only in the placeholder for the code. With a folder and a seal it uses compiled code as
    /// [`load_cached`](Self::load_cached) does.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_for_rehearsal(
        bytes: &[u8],
        network: Network,
        limits: SandboxLimits,
        cache: Option<(&Path, impl CacheSeal + 'static)>,
    ) -> Result<Self, LoadError> {
        let cache = cache.map(|(folder, seal)| CodeCache::new(folder, seal));
        Self::load_into(Sandbox::rehearsal(limits, network), bytes, cache).await
    }

    /// Loads a component to measure how much it computes: see [`take_fuel`](Self::take_fuel). It is slower than otherwise.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_to_measure(bytes: &[u8], network: Network, limits: SandboxLimits) -> Result<Self, LoadError> {
        Self::load_into(Sandbox::measuring(limits, network), bytes, None).await
    }

    /// Returns how much the component computed since the last time, in about as many WebAssembly instructions. The same input takes
    /// the same on every machine. 0 if it is not measured.
    pub fn take_fuel(&self) -> u64 {
        self.provider.take_fuel()
    }

    async fn load_into(
        sandbox: Result<Sandbox, SandboxError>,
        bytes: &[u8],
        cache: Option<CodeCache>,
    ) -> Result<Self, LoadError> {
        let sandbox = sandbox.map_err(|error| LoadError::new(error.to_string()))?;
        Ok(Self { provider: Arc::new(Provider::load(&sandbox, bytes, cache.as_ref()).await?) })
    }

    /// Returns its manifest, digest, imports and capabilities.
    pub fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    /// Returns whether its upstream generates and verifies the codes.
    pub fn verifies(&self) -> bool {
        self.provider.verifies()
    }

    /// Returns whether it reads delivery reports.
    pub fn reads_reports(&self) -> bool {
        self.provider.reads_reports()
    }

    /// Returns how delivery reports for these options are proved. The component is called twice: the result must not depend on
    /// randomness.
    ///
    /// # Errors
    /// If the component fails, names a proof that cannot be verified, or proves reports with a secret of its own.
    pub async fn proves_reports(&self, options: &Value) -> Result<ProofOfReports, Reason> {
        let mut asked = Vec::new();
        for _ in 0..2 {
            asked.push(self.provider.report_proof(options).await.map_err(|failure| failure.reason)?);
        }
        let wrong = |why: &str| Err(Reason::new("proof", why));
        let is_same =
            |one: &ReportProof, other: &ReportProof| one.difference(other).is_none() && one.secret() == other.secret();
        match (&asked[0], &asked[1]) {
            (None, None) => Ok(ProofOfReports::None),
            (Some(one), Some(other)) if is_same(one, other) => {
                ReportVerifier::new(one).map_err(|why| Reason::new("proof", why))?;
                let others = self.provider.report_proof(&with_other_texts(options.clone())).await.ok().flatten();
                if one.secret().is_some_and(|secret| others.and_then(|other| other.secret()) == Some(secret)) {
                    return wrong(
                        "the secret does not depend on the options: everybody who has the component can make reports",
                    );
                }
                Ok(if matches!(one, ReportProof::SecretUrl) { ProofOfReports::Url } else { ProofOfReports::Secret })
            }
            _ => wrong("two calls of `report-proof` with the same options returned different proofs"),
        }
    }

    /// Calls `describe` in a fresh instance. Returns the name and version.
    ///
    /// # Errors
    /// If the component fails.
    pub async fn describe(&self) -> Result<String, LoadError> {
        self.provider.describe().await
    }

    /// Returns what `configure` reports for options that satisfy the schema, without the host's own rules.
    ///
    /// # Errors
    /// If the component fails.
    pub async fn problems(&self, options: &Value) -> Result<Vec<FieldError>, Reason> {
        let said = self.provider.configure(options).await.map_err(|failure| failure.reason)?;
        Ok(said.err().unwrap_or_default())
    }

    /// Returns whether options satisfy the schema.
    pub fn satisfies_schema(&self, options: &Value) -> bool {
        self.provider.allows(options)
    }

    /// Returns the values of all secrets in options, including those that the component receives in `deliver`.
    pub fn secrets(&self, options: &Value) -> Vec<String> {
        OptionsSchema::new(&self.info().manifest.options_schema).secrets(options)
    }

    /// Returns JSON Pointers of options used as credentials, or to prove reports, but not marked `writeOnly`: they would be kept and shown
    /// as they are. An option with the value of a marked one is left out: it is not known which of the two was used.
    ///
    /// # Errors
    /// If the component fails.
    pub async fn unmarked_secrets(&self, options: &Value) -> Result<Vec<String>, Reason> {
        let said = self.provider.configure(options).await.map_err(|failure| failure.reason)?;
        let connections = said.unwrap_or_default();
        let proof = self.provider.report_proof(options).await.ok().flatten().and_then(|proof| proof.secret());
        let schema = OptionsSchema::new(&self.info().manifest.options_schema);
        let marked = schema.secrets(options);
        // Some fields of a login are secret and others are not, such as a user name: one that is
        // marked is enough.
        let of_connection = |connection: &Connection| {
            let secrets = connection.secrets();
            let has_marked = || secrets.iter().any(|secret| marked.iter().any(|marked| marked == secret.expose()));
            if connection.is_login() && has_marked() { Vec::new() } else { secrets }
        };
        let used: Vec<Secret> = connections.iter().flat_map(of_connection).collect();
        let used = used.iter().chain(&proof);
        let used: Vec<&str> = used.map(Secret::expose).collect();
        let open = schema.open_texts(options).into_iter();
        Ok(open.filter(|(_, text)| used.contains(&&**text) && !marked.contains(text)).map(|(at, _)| at).collect())
    }

    /// Validates options of a factor component for a site.
    ///
    /// # Errors
    /// What is wrong with the options, each problem with its place; without a place if the component failed.
    pub async fn configure_at(&self, options: &Value, site: &Site) -> Result<Configured, Vec<FieldError>> {
        let failed = |reason: Reason| vec![FieldError::new("", reason.to_string())];
        let layers = Layers { base: &Value::Null, own: options, site: Some(site) };
        Configured::validate_layers(&self.provider, layers).await.map_err(failed)?.result
    }

    /// Validates options as those of an instance are validated.
    ///
    /// # Errors
    /// What is wrong with the options, each problem with its place; without a place if the component failed.
    pub async fn configure(&self, options: &Value) -> Result<Configured, Vec<FieldError>> {
        let failed = |reason: Reason| vec![FieldError::new("", reason.to_string())];
        Configured::validate(&self.provider, options).await.map_err(failed)?.result
    }
}

/// How a component's delivery reports are proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOfReports {
    /// There are none, or none that are proved.
    None,
    /// By their URL alone.
    Url,
    /// By more than their URL.
    Secret,
}

/// Returns a value with other texts.
fn with_other_texts(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(format!("0{text}")),
        Value::Array(items) => items.into_iter().map(with_other_texts).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, with_other_texts(value))).collect(),
        other => other,
    }
}

/// Returns whether a value satisfies a subschema of a provider's options schema, whose references are resolved in `document`. `None`
/// if the subschema is not supported.
pub fn satisfies(document: &Value, schema: &Value, value: &Value) -> Option<bool> {
    Some(Schema::at(document, schema).ok()?.allows(value))
}

/// Loads a component and returns its manifest, digest, imports and capabilities.
///
/// # Errors
/// As [`Component::load`].
pub async fn inspect(bytes: &[u8]) -> Result<ProviderInfo, LoadError> {
    let network = Network::builder().build().map_err(|error| LoadError::new(error.to_string()))?;
    let limits = SandboxLimits { calls_in_flight: 4, ..SandboxLimits::default() };
    Ok(Component::load(bytes, network, limits).await?.info().clone())
}
