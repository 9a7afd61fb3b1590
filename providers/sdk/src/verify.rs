//! Providers whose upstream generates and verifies the codes.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::bindings::exports::twofactor::provider::configuration;
use crate::bindings::twofactor::provider::types;
use crate::export::{configure, manifest, without_secrets};
use crate::verification_bindings::exports::twofactor::provider::verification as wit;
use crate::{Connection, Failure, Message, Metadata, Problem};

pub use wit::{StartedVerification, Verdict};

/// A provider whose upstream generates the code, sends it and verifies what the person typed: see `verification` in the contract.
/// [`export_verifier!`](crate::export_verifier) creates a component from it, in place of [`export!`](crate::export).
pub trait Verifier {
    /// The options of an instance, as in [`Provider`](crate::Provider).
    type Options: DeserializeOwned + schemars::JsonSchema;

    /// The provider's metadata. With `needs_code` it sees what people type.
    const METADATA: Metadata;

    /// Validates the options and returns the connections they need. It sees the secrets, and has no network access.
    ///
    /// # Errors
    /// What is wrong with the options; each problem names its option.
    fn configure(options: &Self::Options) -> Result<Vec<Connection>, Vec<Problem>>;

    /// Has the upstream generate a code and send it. Call the upstream once. The message has neither texts nor a code.
    ///
    /// # Errors
    /// A failure, named for what the caller does next.
    fn begin(options: &Self::Options, message: &Message) -> Result<StartedVerification, Failure>;

    /// Has the upstream verify an answer. `state` is from [`begin`](Self::begin). `answer` is a placeholder for what the person
    /// typed: put it into the body of a request unchanged.
    ///
    /// # Errors
    /// A failure, named for what the caller does next.
    fn check(options: &Self::Options, state: &str, answer: &str) -> Result<Verdict, Failure>;
}

/// Implements the contract for a [`Verifier`]; [`export_verifier!`](crate::export_verifier) names it.
pub struct Exported<V>(PhantomData<V>);

impl<V: Verifier> configuration::Guest for Exported<V> {
    fn describe() -> types::Manifest {
        manifest::<V::Options>(&V::METADATA)
    }

    fn configure(options: String) -> Result<Vec<types::Connection>, Vec<Problem>> {
        configure(&options, V::configure)
    }
}

impl<V: Verifier> wit::Guest for Exported<V> {
    fn begin(options: String, message: Message) -> Result<StartedVerification, Failure> {
        V::begin(&without_secrets(&options)?, &message)
    }

    fn check(options: String, state: String, answer: String) -> Result<Verdict, Failure> {
        V::check(&without_secrets(&options)?, &state, &answer)
    }
}

/// Creates a component from a [`Verifier`](crate::Verifier).
#[macro_export]
macro_rules! export_verifier {
    ($provider:ident) => {
        #[allow(unsafe_code, reason = "the exports of a component are generated")]
        const _: () = {
            type Component = $crate::ExportedVerifier<$provider>;
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export_bindings!(Component with_types_in $crate::bindings);
            #[cfg(target_arch = "wasm32")]
    $crate::verification_bindings::export_bindings!(Component with_types_in $crate::verification_bindings);
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "checks natively that this is a provider")]
            fn is_a_provider(_: Component) {}
        };
    };
}
