//! Upstreams that make codes of their own and judge the answers.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::bindings::exports::twofactor::provider::configuration;
use crate::bindings::twofactor::provider::types;
use crate::export::{configured, manifest, withheld};
use crate::verification_bindings::exports::twofactor::provider::verification as wit;
use crate::{About, Connection, Failure, Message, Problem};

pub use wit::{StartedVerification, Verdict};

/// A provider whose upstream makes the code, sends it and judges what the person typed: see `verification` in the contract.
/// [`export_verifier!`](crate::export_verifier) makes a component of it, in place of [`export!`](crate::export).
pub trait Verifier {
    /// The options of an instance, as in [`Provider`](crate::Provider).
    type Options: DeserializeOwned + schemars::JsonSchema;

    /// Who the provider is. With `needs_code` it sees what people type.
    const ABOUT: About;

    /// Says what these options need to reach, or what is wrong with them. Secrets are here, and nobody can be reached.
    ///
    /// # Errors
    /// Problems, each naming its option.
    fn configure(options: &Self::Options) -> Result<Vec<Connection>, Vec<Problem>>;

    /// Has the upstream make a code and send it. The message has neither texts nor a code. Call the upstream once.
    ///
    /// # Errors
    /// How it failed, named for what the caller does next.
    fn begin(options: &Self::Options, message: &Message) -> Result<StartedVerification, Failure>;

    /// Asks the upstream about an answer to what was begun. Letters stand in `answer` for what was typed: put it into the body of a request as
    /// it is.
    ///
    /// # Errors
    /// How it failed.
    fn check(options: &Self::Options, state: &str, answer: &str) -> Result<Verdict, Failure>;
}

/// Implements the contract for a [`Verifier`]; [`export_verifier!`](crate::export_verifier) names it.
pub struct Exported<V>(PhantomData<V>);

impl<V: Verifier> configuration::Guest for Exported<V> {
    fn describe() -> types::Manifest {
        manifest::<V::Options>(&V::ABOUT)
    }

    fn configure(options: String) -> Result<Vec<types::Connection>, Vec<Problem>> {
        configured(&options, V::configure)
    }
}

impl<V: Verifier> wit::Guest for Exported<V> {
    fn begin(options: String, message: Message) -> Result<StartedVerification, Failure> {
        V::begin(&withheld(&options)?, &message)
    }

    fn check(options: String, state: String, answer: String) -> Result<Verdict, Failure> {
        V::check(&withheld(&options)?, &state, &answer)
    }
}

/// Makes a component of a [`Verifier`](crate::Verifier).
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
