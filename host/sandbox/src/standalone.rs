//! A provider by itself, without store, codes or instances: for those who write one and try it, and for measuring.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::call::{Problem, Reason, Sandbox, SandboxError};
use crate::component::{CacheSeal, CodeCache, LoadError, ProviderInfo};
use crate::egress::{Connection, Network, ReportSignature, Secret};
use crate::limits::SandboxLimits;
use crate::options::Configured;
use crate::provider::Provider;
use crate::schema::{OptionsSchema, Schema};

/// A provider's component, loaded into a sandbox of its own.
pub struct Component {
    provider: Arc<Provider>,
}

impl Component {
    /// Compiles a component and asks who it is.
    ///
    /// # Errors
    /// Why it cannot be loaded, and what to do.
    pub async fn load(bytes: &[u8], network: Network, limits: SandboxLimits) -> Result<Self, LoadError> {
        Self::load_into(Sandbox::unsteady(limits, network), bytes, None).await
    }

    /// The same, with what was compiled before, if it was kept in this folder under this seal: it is run without a check. What is
    /// compiled is kept there.
    ///
    /// # Errors
    /// As without.
    pub async fn load_cached(
        bytes: &[u8],
        network: Network,
        limits: SandboxLimits,
        folder: &Path,
        seal: impl CacheSeal + 'static,
    ) -> Result<Self, LoadError> {
        Self::load_into(Sandbox::unsteady(limits, network), bytes, Some(CodeCache::new(folder, seal))).await
    }

    /// Loads a component for a rehearsal: while it delivers, clocks stand still and random numbers are always the same, so that two deliveries
    /// of one message differ only by the letters that stand for the code. With a folder and a seal what is compiled is kept, as by
    /// [`load_cached`](Self::load_cached).
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

    async fn load_into(
        sandbox: Result<Sandbox, SandboxError>,
        bytes: &[u8],
        cache: Option<CodeCache>,
    ) -> Result<Self, LoadError> {
        let sandbox = sandbox.map_err(|error| LoadError::new(error.to_string()))?;
        Ok(Self { provider: Arc::new(Provider::load(&sandbox, bytes, cache.as_ref()).await?) })
    }

    /// What is known of it.
    pub fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    /// Whether its upstream makes the codes and judges the answers.
    pub fn verifies(&self) -> bool {
        self.provider.verifies()
    }

    /// Whether it reads what its upstream reports later of messages.
    pub fn reads_reports(&self) -> bool {
        self.provider.reads_reports()
    }

    /// Whether reports for an instance with these options are signed, so that they can be believed. Asked twice: it must not depend on chance.
    ///
    /// # Errors
    /// If the component fails to answer, or nothing can be signed as it says.
    pub async fn signs_reports(&self, options: &Value) -> Result<bool, Reason> {
        let mut asked = Vec::new();
        for _ in 0..2 {
            asked.push(self.provider.signed_by(options).await.map_err(|failure| failure.reason)?);
        }
        if asked[0] != asked[1] {
            return Err(Reason::new("signature", "asked twice how reports are signed, it answered in different ways"));
        }
        match &asked[0] {
            Some(signature) => signature.check().map(|()| true).map_err(|why| Reason::new("signature", why)),
            None => Ok(false),
        }
    }

    /// Asks a fresh instance who it is once more: its name and version.
    ///
    /// # Errors
    /// If it fails to answer.
    pub async fn describe(&self) -> Result<String, LoadError> {
        self.provider.describe().await
    }

    /// What `configure` itself says of options that satisfy the schema: nothing, or what is wrong. The host's own rules are left
    /// out.
    ///
    /// # Errors
    /// If the component fails to answer.
    pub async fn problems(&self, options: &Value) -> Result<Vec<Problem>, Reason> {
        let said = self.provider.configure(options).await.map_err(|failure| failure.reason)?;
        Ok(said.err().unwrap_or_default())
    }

    /// Whether options satisfy the schema.
    pub fn satisfies_schema(&self, options: &Value) -> bool {
        self.provider.allows(options)
    }

    /// The values of the secrets in options, those included that the component sees while it delivers.
    pub fn secrets(&self, options: &Value) -> Vec<String> {
        OptionsSchema::new(&self.info().manifest.options_schema).secrets(options)
    }

    /// Options by their JSON Pointers that are credentials of what the component asks to reach, or sign what its upstream reports, and that its
    /// schema does not mark as secret: they would be kept and shown as they are. One that has the value of a marked one is not among them:
    /// which of the two was used cannot be told.
    ///
    /// # Errors
    /// If the component fails to answer.
    pub async fn unmarked_secrets(&self, options: &Value) -> Result<Vec<String>, Reason> {
        let said = self.provider.configure(options).await.map_err(|failure| failure.reason)?;
        let connections = said.unwrap_or_default();
        let signature = self.provider.signed_by(options).await.ok().flatten();
        let used =
            connections.iter().filter_map(Connection::secret).chain(signature.as_ref().map(ReportSignature::secret));
        let used: Vec<&str> = used.map(Secret::expose).collect();
        let schema = OptionsSchema::new(&self.info().manifest.options_schema);
        let marked = schema.secrets(options);
        let open = schema.open_texts(options).into_iter();
        Ok(open.filter(|(_, text)| used.contains(&&**text) && !marked.contains(text)).map(|(at, _)| at).collect())
    }

    /// Judges options, as an instance's are judged.
    ///
    /// # Errors
    /// What is wrong with them.
    pub async fn configure(&self, options: &Value) -> Result<Configured, Vec<Problem>> {
        let failed = |reason: Reason| vec![Problem::new("", reason.to_string())];
        Configured::validate(&self.provider, options).await.map_err(failed)?.result
    }
}

/// Whether a value satisfies a schema that is a part of a provider's options schema, to which its references belong. `None` if that is not a
/// schema that is supported.
pub fn satisfies(document: &Value, schema: &Value, value: &Value) -> Option<bool> {
    Some(Schema::at(document, schema).ok()?.allows(value))
}

/// Looks at a component without an engine of one's own: what it says of itself and what it asks for.
///
/// # Errors
/// As loading it would.
pub async fn inspect(bytes: &[u8]) -> Result<ProviderInfo, LoadError> {
    let network = Network::builder().build().map_err(|error| LoadError::new(error.to_string()))?;
    let limits = SandboxLimits { calls_in_flight: 4, ..SandboxLimits::default() };
    Ok(Component::load(bytes, network, limits).await?.info().clone())
}
