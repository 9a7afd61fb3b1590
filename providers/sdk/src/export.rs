//! From a [`Provider`] to what the contract wants exported.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::bindings::exports::twofactor::provider::configuration;
use crate::bindings::twofactor::provider::types as wit;
use crate::delivery_bindings::exports::twofactor::provider::delivery;
use crate::{About, Connection, Problem, Provider, Recipient, misconfigured, problem, schema};

/// Implements the contract for a provider; [`export!`](crate::export) names it.
pub struct Exported<P>(PhantomData<P>);

impl<P: Provider> configuration::Guest for Exported<P> {
    fn describe() -> wit::Manifest {
        manifest::<P::Options>(&P::ABOUT)
    }

    fn configure(options: String) -> Result<Vec<wit::Connection>, Vec<Problem>> {
        configured(&options, P::configure)
    }
}

pub(crate) fn manifest<O: JsonSchema>(about: &About) -> wit::Manifest {
    wit::Manifest {
        type_id: about.type_id.to_owned(),
        name: about.name.to_owned(),
        version: about.version.to_owned(),
        channel: about.channel.to_owned(),
        recipient: match about.recipient {
            Recipient::EmailAddress => wit::RecipientKind::EmailAddress,
            Recipient::PhoneNumber => wit::RecipientKind::PhoneNumber,
            Recipient::Handle => wit::RecipientKind::Handle,
        },
        options_schema: schema::<O>(),
        needs_code: about.needs_code,
        extra: Vec::new(),
    }
}

pub(crate) fn configured<O: DeserializeOwned>(
    options: &str,
    configure: impl FnOnce(&O) -> Result<Vec<Connection>, Vec<Problem>>,
) -> Result<Vec<wit::Connection>, Vec<Problem>> {
    // The parser's text may repeat a value, which may be a secret.
    let options = serde_json::from_str::<O>(options)
        .map_err(|_| vec![problem("", "these options do not have the form the schema asks for")])?;
    configure(&options).map(|connections| connections.into_iter().map(|connection| connection.0).collect())
}

/// The options as `deliver` and its like get them.
pub(crate) fn withheld<O: DeserializeOwned>(options: &str) -> Result<O, wit::DeliveryFailure> {
    serde_json::from_str(options)
        .map_err(|_| misconfigured("options", "the options do not have the form the schema asks for"))
}

impl<P: Provider> delivery::Guest for Exported<P> {
    fn deliver(options: String, message: wit::Message) -> Result<wit::Receipt, wit::DeliveryFailure> {
        P::deliver(&withheld(&options)?, &message)
    }
}

/// Makes a component of a [`Provider`].
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
