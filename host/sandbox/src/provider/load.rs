//! Makes a provider that can be called of a component's bytes.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{Engine, Store, bail};

use super::{Delivers, Exports, Functions, Provider, ProviderFunctions};
use crate::call::{Call, CallLog, CallRedactor, Sandbox, State};
use crate::component::{Capability, CodeCache, LoadError, Manifest, ProviderInfo, code_cache, imports};
use crate::contract::factor_v0_1::exports::twofactor::factor::factor;
use crate::contract::factor_v0_1::twofactor::factor::types as factor_wit;
use crate::contract::v0_2::exports::twofactor::provider::{configuration, delivery};
use crate::contract::v0_2::reporting::exports::twofactor::provider::reports;
use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::contract::v0_2::verifying::exports::twofactor::provider::verification;
use crate::contract::{Package, is_interface, package};
use crate::schema::{Schema, revealed};

impl Exports {
    /// Finds the functions of the contract that a component implements.
    fn new(pre: InstancePre<State>, package: Package) -> wasmtime::Result<Self> {
        let functions = match package {
            Package::Provider => Functions::Provider(ProviderFunctions::new(&pre)?),
            Package::Factor => Functions::Factor(factor::GuestIndices::new(&pre)?),
        };
        Ok(Self { pre, functions })
    }

    /// Returns whether each export has the type of the contract.
    fn check(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<()> {
        match &self.functions {
            Functions::Provider(functions) => functions.check(store, instance),
            Functions::Factor(functions) => functions.load(store, instance).map(|_| ()),
        }
    }
}

impl ProviderFunctions {
    fn new(pre: &InstancePre<State>) -> wasmtime::Result<Self> {
        let ty = pre.component().component_type();
        let exported = |wanted| ty.exports(pre.engine()).any(|(name, _)| is_interface(name, wanted));
        let delivers = match (exported("verification"), exported("delivery")) {
            (true, true) => {
                bail!(
                    "it exports both `delivery` and `verification`: either the host verifies answers or the upstream does"
                )
            }
            (true, false) => Delivers::Verifications(verification::GuestIndices::new(pre)?),
            (false, _) => Delivers::Messages(delivery::GuestIndices::new(pre)?),
        };
        let configuration = configuration::GuestIndices::new(pre)?;
        let reports = if exported("reports") { Some(reports::GuestIndices::new(pre)?) } else { None };
        Ok(Self { configuration, delivers, reports })
    }

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

    /// Returns what these functions allow it to do.
    fn capabilities(&self) -> Vec<Capability> {
        let verifies = matches!(self.delivers, Delivers::Verifications(_));
        let all = [(verifies, Capability::Verification), (self.reports.is_some(), Capability::Reports)];
        all.into_iter().filter_map(|(has, capability)| has.then_some(capability)).collect()
    }
}

/// What a component says that it is, by its contract.
enum Described {
    Provider(wit::Manifest),
    Factor(factor_wit::Manifest),
}

impl Described {
    fn check(self) -> Result<(Manifest, Schema), String> {
        match self {
            Self::Provider(said) => Manifest::check(said),
            Self::Factor(said) => Manifest::check_factor(said),
        }
    }

    fn name_and_version(&self) -> (&str, &str) {
        match self {
            Self::Provider(said) => (&said.name, &said.version),
            Self::Factor(said) => (&said.name, &said.version),
        }
    }
}

impl Provider {
    /// Loads a component: hashes it, compiles it or takes it from the cache, checks its imports, and reads its manifest.
    ///
    /// # Errors
    /// Why it cannot be loaded, and what to do.
    pub async fn load(sandbox: &Sandbox, bytes: &[u8], cache: Option<&CodeCache>) -> Result<Self, LoadError> {
        let limits = sandbox.limits();
        if bytes.len() > limits.component_bytes {
            return Err(LoadError::new(format!(
                "the component has {} bytes, more than the {} that `component_bytes` allows",
                bytes.len(),
                limits.component_bytes
            )));
        }
        let digest = hex::encode(Sha256::digest(bytes));
        let component = compile(sandbox, bytes.to_vec(), &digest, cache).await?;
        let imports = imports::names(&component, sandbox.engine());
        if let Some(why) = imports::unsupported_contract(&component, sandbox.engine()) {
            return Err(LoadError::new(why));
        }
        let package = implemented(&component, sandbox.engine()).map_err(|why| LoadError::new(why.to_owned()))?;
        let refused = match package {
            Package::Provider => imports::refused(&component, sandbox.engine()),
            Package::Factor => imports::refused_of_factor(&component, sandbox.engine()),
        };
        if !refused.is_empty() {
            return Err(LoadError::new(format!("the component has unsupported imports: {}", refused.join("; "))));
        }
        let exports = sandbox.linker().instantiate_pre(&component).and_then(|pre| Exports::new(pre, package)).map_err(
            |error| {
                LoadError::new(format!(
                    "the component does not implement the contract `{}`: {}",
                    package.name(),
                    one_line(&error)
                ))
            },
        )?;
        let said = describe(sandbox, &exports, Exports::check).await?;
        let (manifest, schema) = sandbox
            .aside(sandbox.manifests(), move || said.check())
            .await
            .ok_or_else(|| {
                LoadError::new("the component's manifest could not be checked now: try again later".to_owned())
            })?
            .map_err(|why| LoadError::new(format!("the component's manifest is invalid: {why}")))?;
        let mut capabilities = imports::capabilities(&imports);
        if manifest.needs_code {
            capabilities.push(Capability::Code);
        }
        capabilities.extend(match &exports.functions {
            Functions::Provider(functions) => functions.capabilities(),
            Functions::Factor(_) => vec![Capability::Factor],
        });
        capabilities.extend(revealed(&manifest.options_schema).into_iter().map(Capability::Secret));
        capabilities.extend(manifest.placements.iter().cloned().map(Capability::PlaceSecret));
        let info = ProviderInfo { manifest, digest, capabilities, imports, signed_by: None, added_at: None };
        let share = sandbox.turns().share(&info.manifest.type_id);
        Ok(Self { sandbox: sandbox.clone(), exports, share, info, schema: Arc::new(schema) })
    }

    /// Asks a fresh instance who it is.
    pub(crate) async fn describe(&self) -> Result<String, LoadError> {
        let said = describe(&self.sandbox, &self.exports, |_, _, _| Ok(())).await?;
        let (name, version) = said.name_and_version();
        Ok(format!("{name} {version}"))
    }

    /// Stores its compiled code in a cache.
    pub fn keep_compiled(&self, cache: &CodeCache) {
        code_cache::keep(self.sandbox.engine(), cache, &self.info.digest, self.exports.pre.component());
    }

    /// Records who signed it and when it was added.
    pub fn with_provenance(mut self, signed_by: Option<String>, added_at: Timestamp) -> Self {
        (self.info.signed_by, self.info.added_at) = (signed_by, Some(added_at));
        self
    }
}

async fn compile(
    sandbox: &Sandbox,
    bytes: Vec<u8>,
    digest: &str,
    cache: Option<&CodeCache>,
) -> Result<Component, LoadError> {
    if let Some(component) = cache.and_then(|cache| code_cache::find(sandbox.engine(), cache, digest)) {
        return Ok(component);
    }
    let time = sandbox.limits().compile_time;
    // One at a time: a compilation that takes too long cannot be stopped, and must not be started
    // again while it runs.
    let turn = tokio::time::timeout(time, sandbox.compiling().acquire_owned()).await;
    let turn = turn.map_err(|_| LoadError::new("another component is being compiled: try again later".to_owned()))?;
    if let Some(component) = cache.and_then(|cache| code_cache::find(sandbox.engine(), cache, digest)) {
        return Ok(component);
    }
    let compiling = async {
        tracing::info!(digest, bytes = bytes.len(), "compiling a provider for the first time");
        let (sandbox, digest, cache) = (sandbox.clone(), digest.to_owned(), cache.cloned());
        let compiling = tokio::task::spawn_blocking(move || {
            let component = Component::from_binary(sandbox.engine(), &bytes);
            // Here, so that what came too late is there another time.
            if let (Ok(component), Some(cache)) = (&component, &cache) {
                code_cache::keep(sandbox.engine(), cache, &digest, component);
            }
            drop(turn);
            component
        });
        compiling.await.ok()
    };
    tokio::time::timeout(time, compiling)
        .await
        .map_err(|_| LoadError::new("the component took longer to compile than `compile_time` allows".to_owned()))?
        .ok_or_else(|| LoadError::new("the component could not be compiled".to_owned()))?
        .map_err(|error| LoadError::new(format!("this is not a valid WebAssembly component: {}", one_line(&error))))
}

/// Asks a fresh instance who it is, after a check of the instance.
async fn describe(
    sandbox: &Sandbox,
    exports: &Exports,
    check: fn(&Exports, &mut Store<State>, &Instance) -> wasmtime::Result<()>,
) -> Result<Described, LoadError> {
    let limits = sandbox.limits();
    let log = CallLog::new("(new)", CallRedactor::new(limits.text_chars), limits.log_lines);
    let call = Call::new(sandbox, log, limits.configure_time);
    call.run(async |store| {
        let instance = exports.pre.instantiate_async(&mut *store).await?;
        check(exports, store, &instance)?;
        Ok(match &exports.functions {
            Functions::Provider(functions) => {
                let configuration = functions.configuration.load(&mut *store, &instance)?;
                Described::Provider(configuration.call_describe(store).await?)
            }
            Functions::Factor(functions) => {
                Described::Factor(functions.load(&mut *store, &instance)?.call_describe(store).await?)
            }
        })
    })
    .await
    .map_err(|failure| LoadError::new(format!("the component failed in `describe`: {}", failure.reason)))
}

/// Returns the contract that a component implements. One that exports nothing of either is refused when it is linked.
fn implemented(component: &Component, engine: &Engine) -> Result<Package, &'static str> {
    let ty = component.component_type();
    let exported: Vec<Package> = ty.exports(engine).filter_map(|(name, _)| package(name)).collect();
    match (exported.contains(&Package::Factor), exported.contains(&Package::Provider)) {
        (true, true) => Err(
            "the component implements both `twofactor:factor` and `twofactor:provider`: a component that verifies factors cannot send \
             messages",
        ),
        (true, false) => Ok(Package::Factor),
        (false, _) => Ok(Package::Provider),
    }
}

fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let words: Vec<&str> = text.split_whitespace().collect();
    CallRedactor::new(300).clean(&words.join(" "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::egress::Network;
    use crate::limits::SandboxLimits;

    fn sandbox(compile_time: Duration) -> Sandbox {
        let limits = SandboxLimits { compile_time, calls_in_flight: 4, ..SandboxLimits::default() };
        Sandbox::new(limits, Network::builder().build().unwrap()).unwrap()
    }

    /// A component with one long function, and so with nothing that could be compiled in parallel.
    fn component(additions: usize) -> Vec<u8> {
        let body = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (local.get 0)))".repeat(additions);
        let module = format!("(core module (func (param i32 i32) {body}))");
        wat::parse_str(format!("(component {module})")).unwrap()
    }

    async fn refusal(sandbox: &Sandbox, bytes: &[u8]) -> String {
        Provider::load(sandbox, bytes, None).await.map(drop).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_wait_for_another_compilation_that_is_too_long_ends_with_retry_later() {
        let sandbox = sandbox(Duration::from_millis(50));
        let turn = sandbox.compiling().acquire_owned().await.unwrap();
        let said = refusal(&sandbox, &component(1)).await;
        assert_eq!(said, "another component is being compiled: try again later");
        drop(turn);
        assert!(refusal(&sandbox, &component(1)).await.contains("does not implement the contract"));
    }

    #[tokio::test]
    async fn a_compilation_that_takes_too_long_keeps_its_turn_until_it_ends() {
        let sandbox = sandbox(Duration::from_millis(1));
        let bytes = component(40_000);
        assert!(refusal(&sandbox, &bytes).await.contains("took longer to compile than `compile_time` allows"));
        // It cannot be interrupted, so it is never started twice at the same time.
        assert_eq!(sandbox.compiling().available_permits(), 0);
        assert_eq!(refusal(&sandbox, &bytes).await, "another component is being compiled: try again later");
        // Once it has ended the turn is free.
        assert!(tokio::time::timeout(Duration::from_secs(300), sandbox.compiling().acquire_owned()).await.is_ok());
    }

    #[tokio::test]
    async fn a_factor_component_with_an_import_is_refused_by_the_name_of_the_import() {
        let sandbox = sandbox(Duration::from_secs(60));
        let factor = r#"(instance $i) (export "twofactor:factor/factor@0.1.0" (instance $i))"#;
        let clock = r#"(import "wasi:clocks/wall-clock@0.2.6" (instance (export "now" (func (result u64)))))"#;
        let text = |parts: &[&str]| wat::parse_str(format!("(component {})", parts.concat())).unwrap();
        let said = refusal(&sandbox, &text(&[clock, factor])).await;
        assert!(
            said.contains("unsupported imports: `wasi:clocks/wall-clock@0.2.6`: a factor component has no clock"),
            "{said}"
        );
        let said = refusal(&sandbox, &text(&[factor])).await;
        assert!(said.contains("does not implement the contract `twofactor:factor`"), "{said}");
        let provider = r#"(export "twofactor:provider/configuration@0.2.0" (instance $i))"#;
        let said = refusal(&sandbox, &text(&[factor, provider])).await;
        assert!(said.contains("implements both"), "{said}");
        let later = r#"(instance $i) (export "twofactor:factor/factor@0.9.0" (instance $i))"#;
        let said = refusal(&sandbox, &text(&[later])).await;
        assert!(said.contains("version 0.9.0 of the contract `twofactor:factor`"), "{said}");
    }
}
