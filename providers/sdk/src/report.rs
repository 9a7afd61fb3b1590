//! Delivery reports, which an upstream sends after it accepted a message.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::report_bindings::exports::twofactor::provider::reports as wit;
use crate::{Message, Secret};

pub use wit::{DeliveryStatus, Report, ReportRequest};

/// A provider whose upstream sends delivery reports: see `reports` in the contract. Call
/// [`export_reports!`](crate::export_reports) beside [`export!`](crate::export) or
/// [`export_verifier!`](crate::export_verifier).
pub trait Reports {
    /// The options of an instance, as in [`Provider`](crate::Provider).
    type Options: DeserializeOwned;

    /// Returns how the upstream proves its reports; `None` if it sends none. It sees the secrets, and can reach nobody.
    fn report_proof(options: &Self::Options) -> Option<Proof>;

    /// Parses a report that the host verified; `None` if it is not a report. Secrets are withheld.
    fn parse_report(options: &Self::Options, request: &ReportRequest) -> Option<Report>;
}

/// A proof that a report comes from the upstream.
#[derive(Debug, Clone)]
pub struct Proof(wit::Proof);

impl Proof {
    /// Returns the report URL alone, which nobody can guess.
    pub fn secret_url() -> Self {
        Self(wit::Proof::SecretUrl)
    }

    /// Returns `X-Twilio-Signature`, made with an account's auth token.
    pub fn twilio(auth_token: &Secret) -> Self {
        Self(wit::Proof::Twilio(auth_token.reveal().to_owned()))
    }

    /// Returns a signature by Standard Webhooks 1.0.0.
    pub fn webhook(secret: &Secret) -> Self {
        Self(wit::Proof::Webhook(secret.reveal().to_owned()))
    }
}

/// Returns a report of a delivery. `code` is the upstream's own code for a failure; it may be empty.
pub fn report(status: DeliveryStatus, code: impl Into<String>) -> Report {
    Report { status, code: code.into(), price: None, extra: Vec::new() }
}

/// Returns the URL that the upstream may send delivery reports to, if the host accepts them.
pub fn report_url(message: &Message) -> Option<&str> {
    message.extra.iter().find(|entry| entry.name == "report-url").map(|entry| entry.value.as_str())
}

/// Returns a field of a form (application/x-www-form-urlencoded), the usual format of reports.
pub fn form_field(body: &[u8], name: &str) -> Option<String> {
    url::form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Implements the contract for [`Reports`]; [`export_reports!`](crate::export_reports) names it.
pub struct Exported<P>(PhantomData<P>);

impl<P: Reports> wit::Guest for Exported<P> {
    fn report_proof(options: String) -> Option<wit::Proof> {
        let options = serde_json::from_str::<P::Options>(&options).ok()?;
        P::report_proof(&options).map(|proof| proof.0)
    }

    fn parse_report(options: String, request: ReportRequest) -> Option<Report> {
        let options = serde_json::from_str::<P::Options>(&options).ok()?;
        P::parse_report(&options, &request)
    }
}

/// Exports the [`Reports`](crate::Reports) of a component.
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
