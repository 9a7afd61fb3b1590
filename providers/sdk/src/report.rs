//! What an upstream says later of a message.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::report_bindings::exports::twofactor::provider::reports as wit;
use crate::{Message, Secret};

pub use wit::{DeliveryStatus, Report};

/// A provider whose upstream reports later what became of a message: see `reports` in the contract.
/// [`export_reports!`](crate::export_reports) is to be called beside [`export!`](crate::export) or
/// [`export_verifier!`](crate::export_verifier).
pub trait Reports {
    /// The options of an instance, as in [`Provider`](crate::Provider).
    type Options: DeserializeOwned;

    /// How reports are signed; `None` if none comes that could be checked. Secrets are here, and nobody can be reached.
    fn report_signature(options: &Self::Options) -> Option<Signature>;

    /// Reads a report, which was checked; `None` if it is none. Secrets are withheld.
    fn parse_report(options: &Self::Options, content_type: &str, body: &[u8]) -> Option<Report>;
}

/// How an upstream signs its reports.
#[derive(Debug, Clone)]
pub struct Signature(wit::Signature);

impl Signature {
    /// As Twilio does, with an account's auth token.
    pub fn twilio(auth_token: &Secret) -> Self {
        Self(wit::Signature::Twilio(auth_token.reveal().to_owned()))
    }

    /// As Standard Webhooks say.
    pub fn webhook(secret: &Secret) -> Self {
        Self(wit::Signature::Webhook(secret.reveal().to_owned()))
    }
}

/// Where the upstream may report what becomes of a message, if the host wants to know.
pub fn report_url(message: &Message) -> Option<&str> {
    message.extra.iter().find(|entry| entry.name == "report-url").map(|entry| entry.value.as_str())
}

/// A field of a form (application/x-www-form-urlencoded), which reports are as a rule.
pub fn form_field(body: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Implements the contract for [`Reports`]; [`export_reports!`](crate::export_reports) names it.
pub struct Exported<P>(PhantomData<P>);

impl<P: Reports> wit::Guest for Exported<P> {
    fn report_signature(options: String) -> Option<wit::Signature> {
        let options = serde_json::from_str::<P::Options>(&options).ok()?;
        P::report_signature(&options).map(|signature| signature.0)
    }

    fn parse_report(options: String, content_type: String, body: Vec<u8>) -> Option<Report> {
        let options = serde_json::from_str::<P::Options>(&options).ok()?;
        P::parse_report(&options, &content_type, &body)
    }
}

/// Exports what [`Reports`](crate::Reports) says.
#[macro_export]
macro_rules! export_reports {
    ($provider:ident) => {
        #[allow(unsafe_code, reason = "the exports of a component are generated")]
        const _: () = {
            type Component = $crate::ExportedReports<$provider>;
            #[cfg(target_arch = "wasm32")]
    $crate::report_bindings::export_bindings!(Component with_types_in $crate::report_bindings);
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code, reason = "checks natively that reports are read")]
            fn reads_reports(_: Component) {}
        };
    };
}
