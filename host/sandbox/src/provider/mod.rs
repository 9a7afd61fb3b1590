//! A loaded provider, and what it can be asked: to check options, to deliver, to verify, to read reports, to verify factors.

mod authentication;
mod deliver;
mod factor;
mod load;
mod reports;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::call::{Call, CallFailure, CallLog, CallRedactor, Reason, Sandbox, State};
use crate::component::{Manifest, ProviderInfo};
use crate::contract::factor_v0_1::exports::twofactor::factor::factor as factor_export;
use crate::contract::v0_2::exports::twofactor::provider::{configuration, delivery};
use crate::contract::v0_2::reporting::exports::twofactor::provider::reports as reports_export;
use crate::contract::v0_2::verifying::exports::twofactor::provider::verification;
use crate::egress::Network;
use crate::field_error::FieldError;
use crate::schedule::concurrency::Share;
use crate::schema::{Broken, Schema};

pub(crate) use factor::FactorCall;
pub use verify::CODE_LENGTHS;

/// A loaded component, ready to be called.
pub struct Provider {
    sandbox: Sandbox,
    exports: Exports,
    share: Arc<Share>,
    info: ProviderInfo,
    schema: Arc<Schema>,
}

/// A component whose imports are linked, and where its exports are. A call looks up the ones it needs.
struct Exports {
    pre: InstancePre<State>,
    functions: Functions,
}

/// The functions of a component, by its contract.
enum Functions {
    /// Those of `twofactor:provider`.
    Provider(ProviderFunctions),
    /// Those of `twofactor:factor`.
    Factor(factor_export::GuestIndices),
}

struct ProviderFunctions {
    configuration: configuration::GuestIndices,
    delivers: Delivers,
    /// Where the component exports them.
    reports: Option<reports_export::GuestIndices>,
}

/// What a provider does with codes.
enum Delivers {
    /// It delivers codes of the host.
    Messages(delivery::GuestIndices),
    /// Its upstream generates and verifies them.
    Verifications(verification::GuestIndices),
}

impl Exports {
    /// Returns the functions of a component that sends messages.
    fn provider(&self) -> Option<&ProviderFunctions> {
        match &self.functions {
            Functions::Provider(functions) => Some(functions),
            Functions::Factor(_) => None,
        }
    }
}

/// Why a factor component is not called to send or to read something.
const SENDS_NOTHING: &str = "the provider verifies factors and sends nothing";

impl Provider {
    /// Returns the functions of a component that sends messages.
    fn sender(&self) -> Result<&ProviderFunctions, Reason> {
        self.exports.provider().ok_or_else(|| Reason::new("factor", SENDS_NOTHING))
    }

    pub(crate) fn network(&self) -> &Network {
        self.sandbox.network()
    }

    /// Returns whether its upstream generates and verifies the codes.
    pub fn verifies(&self) -> bool {
        let provider = self.exports.provider();
        provider.is_some_and(|functions| matches!(functions.delivers, Delivers::Verifications(_)))
    }

    /// Returns whether it verifies factors. Such a component sends nothing.
    pub fn is_factor(&self) -> bool {
        matches!(self.exports.functions, Functions::Factor(_))
    }

    /// Returns its manifest, digest, imports and capabilities.
    pub fn info(&self) -> &ProviderInfo {
        &self.info
    }

    /// Returns its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.info.manifest
    }

    /// Returns whether options satisfy the schema. It runs on this thread, for programs that serve
    /// no requests.
    pub(crate) fn allows(&self, options: &Value) -> bool {
        self.schema.allows(options)
    }

    /// Validates options by the schema. `Err` if there was no room to check them now.
    pub(crate) async fn broken_rules(&self, options: &Value) -> Result<Vec<FieldError>, Reason> {
        let broken = self.check_options(options).await?;
        Ok(broken.into_iter().map(|one| FieldError::new(one.at, one.sentence)).collect())
    }

    /// Validates options that other options complete, by the schema. Missing options, and rules
    /// about the whole, do not count.
    ///
    /// # Errors
    /// If there was no capacity to check them now.
    pub async fn broken_rules_of_a_part(&self, options: &Value) -> Result<Vec<FieldError>, Reason> {
        let mut broken = self.check_options(options).await?;
        let is_of_the_whole = |one: &Broken| one.at.is_empty() || one.is_missing && one.at.matches('/').count() == 1;
        broken.retain(|one| !is_of_the_whole(one));
        Ok(broken.into_iter().map(|one| FieldError::new(one.at, one.sentence)).collect())
    }

    async fn check_options(&self, options: &Value) -> Result<Vec<Broken>, Reason> {
        // Most options are checked at once, so that they need no turn where processors are busy.
        if let Some(broken) = self.schema.check_quickly(options) {
            return Ok(broken);
        }
        let (schema, options) = (self.schema.clone(), options.clone());
        let broken = self.sandbox.aside(&self.share.checks, move || schema.check(&options)).await;
        broken.ok_or_else(|| Reason::new(Reason::BUSY, "other options are being checked: try again later"))
    }

    /// Returns how much the components of its sandbox computed since the last time, if that is measured.
    pub(crate) fn take_fuel(&self) -> u64 {
        self.sandbox.take_fuel()
    }

    /// Returns whether clocks stand still and random numbers repeat in each call that can reach
    /// nothing.
    pub(crate) fn has_fixed_clock(&self) -> bool {
        self.sandbox.has_fixed_clock(true)
    }

    /// Texts as long as a call's may be.
    fn redactor(&self) -> CallRedactor {
        CallRedactor::new(self.sandbox.limits().text_chars)
    }

    fn log(&self, redactor: CallRedactor) -> Arc<CallLog> {
        let recording = self.sandbox.network().recording().cloned();
        CallLog::recorded(&self.manifest().type_id, redactor, self.sandbox.limits().log_lines, recording)
    }

    /// Returns a call of this provider that can reach nothing.
    fn call(&self, log: Arc<CallLog>, time: Duration) -> Call<'_> {
        Call::new(&self.sandbox, log, time).share(&self.share)
    }

    async fn run<T>(
        &self,
        call: Call<'_>,
        body: impl AsyncFnOnce(Instance, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallFailure> {
        call.run(async |store: &mut Store<State>| {
            let instance = self.exports.pre.instantiate_async(&mut *store).await?;
            body(instance, store).await
        })
        .await
    }
}
