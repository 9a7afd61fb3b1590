//! From a component's bytes to a provider that can be called.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Store, bail};

use super::bindings::exports::twofactor::provider::{configuration, delivery};
use super::bindings::reporting::exports::twofactor::provider::reports;
use super::bindings::verifying::exports::twofactor::provider::verification;
use super::capability::Capability;
use super::engine::Sandbox;
use super::manifest::Manifest;
use super::outcome::{BUSY, Problem, Reason};
use super::schema::revealed;
use super::speech::Speech;
use super::state::{CallLog, State};
use super::turns::Share;
use super::validation::{Broken, Schema};
use super::{CodeCache, cache, call, imports};
use crate::capability::{Grants, Network};

/// A component, ready to be called.
pub struct Provider {
    pub(super) sandbox: Sandbox,
    pub(super) exports: Exports,
    pub(super) share: Arc<Share>,
    info: ProviderInfo,
    schema: Arc<Schema>,
}

/// A component whose imports are linked, and where its exports are. A call looks up the ones it needs.
pub(super) struct Exports {
    pub(super) pre: InstancePre<State>,
    pub(super) configuration: configuration::GuestIndices,
    pub(super) delivers: Delivers,
    /// Where the component exports them.
    pub(super) reports: Option<reports::GuestIndices>,
}

/// What a provider has to do with codes.
pub(super) enum Delivers {
    /// It takes the host's to people.
    Messages(delivery::GuestIndices),
    /// Its upstream makes them and judges the answers.
    Verifications(verification::GuestIndices),
}

/// How the names begin of the interfaces that a provider may leave out.
const REPORTS: &str = "twofactor:provider/reports@";
const VERIFICATION: &str = "twofactor:provider/verification@";
const DELIVERY: &str = "twofactor:provider/delivery@";

impl Exports {
    fn new(pre: InstancePre<State>) -> wasmtime::Result<Self> {
        let ty = pre.component().component_type();
        let exported = |interface| ty.exports(pre.engine()).any(|(name, _)| name.starts_with(interface));
        let delivers = match (exported(VERIFICATION), exported(DELIVERY)) {
            (true, true) => {
                bail!("it exports both `delivery` and `verification`: either the host judges answers or its upstream")
            }
            (true, false) => Delivers::Verifications(verification::GuestIndices::new(&pre)?),
            (false, _) => Delivers::Messages(delivery::GuestIndices::new(&pre)?),
        };
        let configuration = configuration::GuestIndices::new(&pre)?;
        let reports = if exported(REPORTS) { Some(reports::GuestIndices::new(&pre)?) } else { None };
        Ok(Self { pre, configuration, delivers, reports })
    }

    /// Whether each export has the type of the contract.
    fn check(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<()> {
        self.configuration.load(&mut *store, instance)?;
        match &self.delivers {
            Delivers::Messages(delivery) => delivery.load(&mut *store, instance).map(|_| ())?,
            Delivers::Verifications(verification) => verification.load(&mut *store, instance).map(|_| ())?,
        }
        if let Some(reports) = &self.reports {
            reports.load(store, instance)?;
        }
        Ok(())
    }
}

/// What is known of a provider.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// What it says of itself.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// SHA-256 of the component, in hexadecimal: the bytes that were hashed are those that run.
    pub digest: String,
    /// The names of the interfaces it imports.
    pub imports: Vec<String>,
    /// What these imports, and what its manifest asks for, let it do.
    pub capabilities: Vec<Capability>,
    /// Whose signature it carries, of those that this installation trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// When it was added; `None` for one that comes with the program or its configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_at: Option<Timestamp>,
}

/// Why a component was not loaded, in a sentence that says what to do. Holds nothing of the component but names.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(String);

impl LoadError {
    /// An error that says why, in a sentence.
    pub fn new(why: String) -> Self {
        Self(why)
    }
}

impl Provider {
    /// Hashes, compiles (or takes from the cache), compares imports and asks for the manifest.
    ///
    /// # Errors
    /// Why it cannot be loaded, and what to do.
    pub async fn load(sandbox: &Sandbox, bytes: &[u8], cache: Option<&CodeCache>) -> Result<Self, LoadError> {
        let limits = sandbox.limits();
        if bytes.len() > limits.component_bytes {
            return Err(LoadError(format!(
                "the component has {} bytes, more than the {} that `component_bytes` admits",
                bytes.len(),
                limits.component_bytes
            )));
        }
        let digest = hex::encode(Sha256::digest(bytes));
        let component = compile(sandbox, bytes.to_vec(), &digest, cache).await?;
        let imports = imports::names(&component, sandbox.engine());
        if let Some(why) = imports::other_contract(&component, sandbox.engine()) {
            return Err(LoadError(why));
        }
        let refused = imports::refused(&component, sandbox.engine());
        if !refused.is_empty() {
            return Err(LoadError(format!("the component asks for what cannot be granted: {}", refused.join("; "))));
        }
        let exports = sandbox.linker().instantiate_pre(&component).and_then(Exports::new).map_err(|error| {
            LoadError(format!("the component does not fit the contract `twofactor:provider`: {}", one_line(&error)))
        })?;
        let said = describe(sandbox, &exports).await?;
        let (manifest, schema) = sandbox
            .aside(sandbox.manifests(), move || Manifest::check(said))
            .await
            .ok_or_else(|| LoadError("the component's manifest could not be checked now: try again later".to_owned()))?
            .map_err(|why| LoadError(format!("the component's manifest is wrong: {why}")))?;
        let mut capabilities = imports::capabilities(&imports);
        if manifest.needs_code {
            capabilities.push(Capability::Code);
        }
        if matches!(exports.delivers, Delivers::Verifications(_)) {
            capabilities.push(Capability::Verification);
        }
        if exports.reports.is_some() {
            capabilities.push(Capability::Reports);
        }
        capabilities.extend(revealed(&manifest.options_schema).into_iter().map(Capability::Secret));
        let info = ProviderInfo { manifest, digest, capabilities, imports, signed_by: None, added_at: None };
        let share = sandbox.turns().share(&info.manifest.type_id);
        Ok(Self { sandbox: sandbox.clone(), exports, share, info, schema: Arc::new(schema) })
    }

    /// Asks a fresh instance who it is.
    pub(crate) async fn describe(&self) -> Result<String, LoadError> {
        let said = describe(&self.sandbox, &self.exports).await?;
        Ok(format!("{} {}", said.name, said.version))
    }

    pub(crate) fn network(&self) -> &Network {
        self.sandbox.network()
    }

    /// Keeps what was compiled of it in a cache folder.
    pub fn keep_compiled(&self, cache: &CodeCache) {
        cache::keep(&self.sandbox, cache, &self.info.digest, self.exports.pre.component());
    }

    /// Notes how it came here.
    pub fn came(mut self, signed_by: Option<String>, added_at: Timestamp) -> Self {
        (self.info.signed_by, self.info.added_at) = (signed_by, Some(added_at));
        self
    }

    /// Whether its upstream makes the codes and judges the answers.
    pub fn verifies(&self) -> bool {
        matches!(self.exports.delivers, Delivers::Verifications(_))
    }

    /// Returns what is known of it.
    pub fn info(&self) -> &ProviderInfo {
        &self.info
    }

    /// Returns what it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.info.manifest
    }

    /// Whether options satisfy the schema; on this thread, for programs that serve nobody.
    pub(crate) fn allows(&self, options: &Value) -> bool {
        self.schema.allows(options)
    }

    /// What the schema says is wrong with options. `Err` if there was no room to check them now.
    pub(crate) async fn broken_rules(&self, options: &Value) -> Result<Vec<Problem>, Reason> {
        let broken = self.check_options(options).await?;
        Ok(broken.into_iter().map(|one| Problem::new(one.at, one.sentence)).collect())
    }

    /// What the schema says is wrong with options that others complete, each as a whole: what is missing, and whether all fit together, is left
    /// out.
    ///
    /// # Errors
    /// If there was no room to check them now.
    pub async fn broken_rules_of_a_part(&self, options: &Value) -> Result<Vec<Problem>, Reason> {
        let mut broken = self.check_options(options).await?;
        let is_of_the_whole = |one: &Broken| one.at.is_empty() || one.is_missing && one.at.matches('/').count() == 1;
        broken.retain(|one| !is_of_the_whole(one));
        Ok(broken.into_iter().map(|one| Problem::new(one.at, one.sentence)).collect())
    }

    async fn check_options(&self, options: &Value) -> Result<Vec<Broken>, Reason> {
        // Most options are checked at once, so that they need no turn where processors are busy.
        if let Some(broken) = self.schema.check_quickly(options) {
            return Ok(broken);
        }
        let (schema, options) = (self.schema.clone(), options.clone());
        let broken = self.sandbox.aside(&self.share.checks, move || schema.check(&options)).await;
        broken.ok_or_else(|| Reason::new(BUSY, "other options are being checked: try again later"))
    }
}

async fn compile(
    sandbox: &Sandbox,
    bytes: Vec<u8>,
    digest: &str,
    cache: Option<&CodeCache>,
) -> Result<Component, LoadError> {
    if let Some(component) = cache.and_then(|cache| cache::find(sandbox, cache, digest)) {
        return Ok(component);
    }
    let time = sandbox.limits().compile_time;
    // One at a time: what takes longer than it may cannot be stopped, and must not be begun again beside itself.
    let turn = tokio::time::timeout(time, sandbox.compiling().acquire_owned()).await;
    let turn =
        turn.map_err(|_| LoadError("another component is compiled at the moment: try again later".to_owned()))?;
    if let Some(component) = cache.and_then(|cache| cache::find(sandbox, cache, digest)) {
        return Ok(component);
    }
    let compiling = async {
        tracing::info!(digest, bytes = bytes.len(), "compiling a provider for the first time");
        let (sandbox, digest, cache) = (sandbox.clone(), digest.to_owned(), cache.cloned());
        let compiling = tokio::task::spawn_blocking(move || {
            let component = Component::from_binary(sandbox.engine(), &bytes);
            // Here, so that what came too late is there another time.
            if let (Ok(component), Some(cache)) = (&component, &cache) {
                cache::keep(&sandbox, cache, &digest, component);
            }
            drop(turn);
            component
        });
        compiling.await.ok()
    };
    tokio::time::timeout(time, compiling)
        .await
        .map_err(|_| LoadError("the component took longer to compile than `compile_time` admits".to_owned()))?
        .ok_or_else(|| LoadError("the component could not be compiled".to_owned()))?
        .map_err(|error| LoadError(format!("this is no WebAssembly component that can be run: {}", one_line(&error))))
}

async fn describe(
    sandbox: &Sandbox,
    exports: &Exports,
) -> Result<super::bindings::twofactor::provider::types::Manifest, LoadError> {
    let limits = sandbox.limits();
    let log = CallLog::new("(new)", Speech::new(limits.text_chars), limits.log_lines);
    call::run(sandbox, None, Arc::new(Grants::none()), log, None, limits.configure_time, async |store| {
        let instance = exports.pre.instantiate_async(&mut *store).await?;
        exports.check(store, &instance)?;
        exports.configuration.load(&mut *store, &instance)?.call_describe(store).await
    })
    .await
    .map_err(|failure| LoadError(format!("the component could not describe itself: {}", failure.reason)))
}

fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let words: Vec<&str> = text.split_whitespace().collect();
    Speech::new(300).clean(&words.join(" "))
}
