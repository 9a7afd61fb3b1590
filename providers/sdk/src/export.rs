//! From a [`Provider`] to what the contract wants exported.

use std::marker::PhantomData;

use crate::bindings::exports::twofactor::provider::{configuration, delivery};
use crate::bindings::twofactor::provider::types as wit;
use crate::{Provider, Recipient, misconfigured, problem, schema};

/// Implements the contract for a provider; [`export!`](crate::export) names it.
pub struct Exported<P>(PhantomData<P>);

impl<P: Provider> configuration::Guest for Exported<P> {
    fn describe() -> wit::Manifest {
        let about = P::ABOUT;
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
            options_schema: schema::<P::Options>(),
            reads_code: about.reads_code,
            extra: Vec::new(),
        }
    }

    fn configure(options: String) -> Result<Vec<wit::Connection>, Vec<wit::Problem>> {
        // The parser's text may repeat a value, which may be a secret.
        let options = serde_json::from_str::<P::Options>(&options)
            .map_err(|_| vec![problem("", "these options do not have the form the schema asks for")])?;
        P::configure(&options).map(|connections| connections.into_iter().map(|connection| connection.0).collect())
    }
}

impl<P: Provider> delivery::Guest for Exported<P> {
    fn deliver(options: String, message: wit::Message) -> Result<wit::Receipt, wit::DeliveryFailure> {
        let options = serde_json::from_str::<P::Options>(&options)
            .map_err(|_| misconfigured("options", "the options do not have the form the schema asks for"))?;
        P::deliver(&options, &message)
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
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "checks natively that this is a provider")]
            fn is_a_provider(_: Component) {}
        };
    };
}
