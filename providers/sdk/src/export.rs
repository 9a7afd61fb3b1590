//! Exports a [`Provider`] as the contract's interfaces.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::bindings::exports::twofactor::provider::configuration;
use crate::bindings::twofactor::provider::types as wit;
use crate::delivery_bindings::exports::twofactor::provider::delivery;
use crate::{Connection, Metadata, Problem, Provider, Recipient, misconfigured, problem, schema};

/// Implements the contract for a provider; [`export!`](crate::export) names it.
pub struct Exported<P>(PhantomData<P>);

impl<P: Provider> configuration::Guest for Exported<P> {
    fn describe() -> wit::Manifest {
        manifest::<P::Options>(&P::METADATA)
    }

    fn configure(options: String) -> Result<Vec<wit::Connection>, Vec<Problem>> {
        configure(&options, P::configure)
    }
}

pub(crate) fn manifest<O: JsonSchema>(metadata: &Metadata) -> wit::Manifest {
    wit::Manifest {
        type_id: metadata.type_id.to_owned(),
        name: metadata.name.to_owned(),
        version: metadata.version.to_owned(),
        channel: metadata.channel.to_owned(),
        recipient: match metadata.recipient {
            Recipient::EmailAddress => wit::RecipientKind::EmailAddress,
            Recipient::PhoneNumber => wit::RecipientKind::PhoneNumber,
            Recipient::Handle => wit::RecipientKind::Handle,
        },
        options_schema: schema::<O>(),
        needs_code: metadata.needs_code,
        extra: Vec::new(),
    }
}

pub(crate) fn configure<O: DeserializeOwned>(
    options: &str,
    configure: impl FnOnce(&O) -> Result<Vec<Connection>, Vec<Problem>>,
) -> Result<Vec<wit::Connection>, Vec<Problem>> {
    // The parser's error may repeat a value, which may be a secret.
    let options = serde_json::from_str::<O>(options)
        .map_err(|_| vec![problem("", "these options do not have the form that the schema requires")])?;
    configure(&options).map(|connections| connections.into_iter().map(|connection| connection.0).collect())
}

/// Parses the options of a call that gets them without secrets.
pub(crate) fn without_secrets<O: DeserializeOwned>(options: &str) -> Result<O, wit::DeliveryFailure> {
    serde_json::from_str(options)
        .map_err(|_| misconfigured("options", "the options do not have the form that the schema requires"))
}

impl<P: Provider> delivery::Guest for Exported<P> {
    fn deliver(options: String, message: wit::Message) -> Result<wit::Receipt, wit::DeliveryFailure> {
        P::deliver(&without_secrets(&options)?, &message)
    }
}

/// Creates a component from a [`Provider`].
#[macro_export]
macro_rules! export {
    ($provider:ident) => {
        #[allow(unsafe_code, reason = "the exports of a component are generated")]
        const _: () = {
            type Component = $crate::Exported<$provider>;
            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export_bindings!(Component with_types_in $crate::bindings);
            #[cfg(target_arch = "wasm32")]
    $crate::delivery_bindings::export_bindings!(Component with_types_in $crate::delivery_bindings);
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "checks natively that this is a provider")]
            fn is_a_provider(_: Component) {}
        };
    };
}
