//! The options of an instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_factor::{Problem, problem};

use crate::{Algorithm, Parameters};

/// Codes of an authenticator app. The default values work with every app.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The name that apps show above the code; without one, the name of the site.
    #[serde(rename = "TotpIssuer")]
    #[schemars(length(min = 1, max = 64))]
    pub issuer: Option<String>,
    /// The hash function. Some apps ignore it and compute codes with SHA1; they cannot be set up with another one.
    #[serde(rename = "TotpAlgorithm", default)]
    pub algorithm: Algorithm,
    /// The number of digits. Some apps ignore it and show 6. Do not change it while apps are set up: their codes would be refused.
    #[serde(rename = "TotpDigits", default = "six")]
    #[schemars(range(min = 6, max = 8))]
    pub digits: u32,
    /// How long an app shows a code, in seconds. Some apps ignore it and use 30; they cannot be set up with another value.
    #[serde(rename = "TotpPeriodSeconds", default = "thirty")]
    #[schemars(range(min = 15, max = 60))]
    pub period: u64,
}

fn six() -> u32 {
    6
}

fn thirty() -> u64 {
    30
}

impl Options {
    /// Checks what the schema does not say.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        // A colon ends the issuer in the label of an otpauth URI.
        if self.issuer.as_ref().is_some_and(|issuer| issuer.contains(':') || issuer.chars().any(char::is_control)) {
            problems.push(problem("/TotpIssuer", "must not contain a colon or a control character"));
        }
        if self.issuer.as_ref().is_some_and(|issuer| issuer.trim() != issuer || issuer.is_empty()) {
            problems.push(problem("/TotpIssuer", "must not be empty, or begin or end with a space"));
        }
        // The schema says it as well. Codes would be weak, or have no meaning.
        if !(6..=8).contains(&self.digits) {
            problems.push(problem("/TotpDigits", "must be 6, 7 or 8"));
        }
        if !(15..=60).contains(&self.period) {
            problems.push(problem("/TotpPeriodSeconds", "must be between 15 and 60"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Returns how apps that are set up now compute codes.
    pub fn parameters(&self) -> Parameters {
        Parameters { algorithm: self.algorithm, digits: self.digits, period: self.period }
    }
}
