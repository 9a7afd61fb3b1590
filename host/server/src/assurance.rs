//! How strong an answer is, as responses and signed results say it.

use serde::Serialize;
use utoipa::ToSchema;

/// How strong a verified answer is, for applications that must reach a level of NIST SP 800-63B-4.
#[derive(Serialize, ToSchema)]
pub(crate) struct Assurance {
    /// The level that this sign-in reaches, together with the first factor if it was started with `first_factor`: `aal1`, `aal2` or `aal3`.
    #[schema(example = "aal2")]
    aal: &'static str,
    /// Whether the answer is worthless on any other site.
    phishing_resistant: bool,
    /// Whether the authenticator verified its user, by PIN or biometrics.
    user_verified: bool,
    /// Whether the factor cannot be copied to another device, as far as is known.
    device_bound: bool,
    /// Whether the model of the authenticator was proved and is trusted.
    attested: bool,
    /// Whether no factor was used now, because one was used in this browser some days ago: `amr` is empty.
    remembered: bool,
}

impl From<twofactor::factor::Assurance> for Assurance {
    fn from(assurance: twofactor::factor::Assurance) -> Self {
        Self {
            aal: assurance.aal.name(),
            phishing_resistant: assurance.phishing_resistant,
            user_verified: assurance.user_verified,
            device_bound: assurance.device_bound,
            attested: assurance.attested,
            remembered: assurance.remembered,
        }
    }
}
