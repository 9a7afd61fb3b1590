//! Delivery reports, which an upstream sends after it accepted a message.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::bindings::twofactor::provider::types;
use crate::message::entry;
use crate::report_bindings::exports::twofactor::provider::reports as wit;
use crate::{HmacKey, Message, Secret};

pub use wit::{DeliveryStatus, Report, ReportRequest};

/// A provider whose upstream sends delivery reports: see `reports` in the contract. Call
/// [`export_reports!`](crate::export_reports) beside [`export!`](crate::export) or
/// [`export_verifier!`](crate::export_verifier).
pub trait Reports {
    /// The options of an instance, as in [`Provider`](crate::Provider).
    type Options: DeserializeOwned;

    /// Returns how the upstream proves its reports; `None` if it sends none. It sees the secrets, and has no network access.
    fn report_proof(options: &Self::Options) -> Option<Proof>;

    /// Parses a report that the host verified; `None` if it is not a report. Secrets are withheld.
    fn parse_report(options: &Self::Options, request: &ReportRequest) -> Option<Report>;
}

/// A proof that a report comes from the upstream.
#[derive(Clone)]
pub struct Proof(wit::Proof);

// The generated record's own `Debug` prints its secrets.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            wit::Proof::SecretUrl => "secret-url",
            wit::Proof::Basic(_) => "basic",
            wit::Proof::Header(_) => "header",
            wit::Proof::Signature(_) => "signature",
            wit::Proof::Jwt(_) => "jwt",
            wit::Proof::Twilio(_) => "twilio",
            wit::Proof::Webhook(_) => "webhook",
        };
        f.debug_struct("Proof").field("kind", &kind).finish_non_exhaustive()
    }
}

impl Proof {
    /// Returns the report URL alone, which nobody can guess.
    pub fn secret_url() -> Self {
        Self(wit::Proof::SecretUrl)
    }

    /// Returns HTTP Basic.
    pub fn basic(username: impl Into<String>, password: &Secret) -> Self {
        let password = password.reveal().to_owned();
        Self(wit::Proof::Basic(types::Credentials { username: username.into(), password }))
    }

    /// Returns a header that contains a secret.
    pub fn header(name: impl Into<String>, secret: &Secret) -> Self {
        Self(wit::Proof::Header(types::SecretEntry { name: name.into(), value: secret.reveal().to_owned() }))
    }

    /// Returns a signature in a header.
    pub fn signature(signature: ReportSignature) -> Self {
        Self(wit::Proof::Signature(signature.0))
    }

    /// Returns a JSON Web Token in a header.
    pub fn jwt(token: ReportJwt) -> Self {
        Self(wit::Proof::Jwt(token.0))
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

/// A signature over reports, in hexadecimal digits unless [`ReportSignature::base64`] says otherwise: see `report-signature` in
/// the contract.
#[derive(Clone)]
pub struct ReportSignature(wit::ReportSignature);

impl fmt::Debug for ReportSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wit::ReportSignature { header, encoding, timestamp_header, .. } = &self.0;
        f.debug_struct("ReportSignature")
            .field("header", header)
            .field("encoding", encoding)
            .field("timestamp_header", timestamp_header)
            .finish_non_exhaustive()
    }
}

impl ReportSignature {
    /// Returns an HMAC of the text that a template describes, in a header.
    pub fn hmac(key: HmacKey, text: impl Into<String>, header: impl Into<String>) -> Self {
        Self::new(wit::ReportKey::Hmac(key.0), text, header)
    }

    /// Returns an Ed25519 signature of the text that a template describes, in a header. The public key is 32 bytes in base64.
    pub fn ed25519(public_key: impl Into<String>, text: impl Into<String>, header: impl Into<String>) -> Self {
        Self::new(wit::ReportKey::Ed25519(public_key.into()), text, header)
    }

    fn new(key: wit::ReportKey, text: impl Into<String>, header: impl Into<String>) -> Self {
        Self(wit::ReportSignature {
            key,
            text: text.into(),
            header: header.into(),
            prefix: String::new(),
            encoding: wit::SignatureEncoding::Hex,
            timestamp_header: String::new(),
        })
    }

    /// Sets what precedes the signature in the header, such as `sha256=`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.prefix = prefix.into();
        self
    }

    /// Writes the signature in base64.
    #[must_use]
    pub fn base64(mut self) -> Self {
        self.0.encoding = wit::SignatureEncoding::Base64;
        self
    }

    /// Names the header that contains the time in seconds since 1970.
    #[must_use]
    pub fn timestamp_header(mut self, name: impl Into<String>) -> Self {
        self.0.timestamp_header = name.into();
        self
    }
}

/// A JSON Web Token that proves reports: see `report-jwt` in the contract.
#[derive(Clone)]
pub struct ReportJwt(wit::ReportJwt);

impl fmt::Debug for ReportJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wit::ReportJwt { algorithm, header, .. } = &self.0;
        f.debug_struct("ReportJwt").field("algorithm", algorithm).field("header", header).finish_non_exhaustive()
    }
}

impl ReportJwt {
    /// Returns a token that is signed with a shared secret, in a header.
    pub fn hs256(secret: &Secret, header: impl Into<String>) -> Self {
        Self::new(types::JwtAlgorithm::Hs256, secret.reveal(), header)
    }

    /// Returns a token that is signed with RSA, in a header. The upstream's public key is in PEM.
    pub fn rs256(public_key: impl Into<String>, header: impl Into<String>) -> Self {
        Self::new(types::JwtAlgorithm::Rs256, public_key, header)
    }

    /// Returns a token that is signed with the curve P-256, in a header. The upstream's public key is in PEM.
    pub fn es256(public_key: impl Into<String>, header: impl Into<String>) -> Self {
        Self::new(types::JwtAlgorithm::Es256, public_key, header)
    }

    fn new(algorithm: types::JwtAlgorithm, key: impl Into<String>, header: impl Into<String>) -> Self {
        Self(wit::ReportJwt {
            algorithm,
            key: key.into(),
            header: header.into(),
            claims: Vec::new(),
            body_hash_claim: String::new(),
        })
    }

    /// Names a claim that the token must contain, such as `iss`. The value is a template, as the text of a
    /// [`ReportSignature`]: for a hash of the URL, `{url-with-query|sha256|hex}`. In plain text,
    /// double each brace.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.claims.push(types::Entry { name: name.into(), value: value.into() });
        self
    }

    /// Names the claim that contains the SHA-256 of the body in hexadecimal digits.
    #[must_use]
    pub fn body_hash_claim(mut self, name: impl Into<String>) -> Self {
        self.0.body_hash_claim = name.into();
        self
    }
}

/// Returns a report of a delivery. `code` is the upstream's own code for a failure; it may be empty.
pub fn report(status: DeliveryStatus, code: impl Into<String>) -> Report {
    Report { status, code: code.into(), price: None, extra: Vec::new() }
}

/// Returns the URL that the upstream may send delivery reports to, if the host accepts them.
pub fn report_url(message: &Message) -> Option<&str> {
    entry(&message.extra, "report-url")
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
