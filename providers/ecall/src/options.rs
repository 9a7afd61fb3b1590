//! The options of an eCall instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};

/// SMS through an account at eCall.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The name of the eCall account or API sub-user.
    #[serde(rename = "ECallAccountName")]
    #[schemars(length(min = 1, max = 100))]
    pub account_name: String,
    /// The password of that account or API sub-user.
    #[serde(rename = "ECallAccountPassword")]
    pub account_password: Secret,
    /// The sender: up to 16 digits, or up to 11 ASCII characters.
    #[serde(rename = "ECallAccountFromNumber")]
    #[schemars(length(min = 1, max = 17))]
    pub from_number: String,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        // A colon would end the name in HTTP Basic (RFC 7617 section 2).
        if self.account_name.contains(':') || self.account_name.chars().any(char::is_control) {
            problems.push(problem("/ECallAccountName", "must not contain a colon or a control character"));
        }
        let from = &self.from_number;
        let digits = from.strip_prefix('+').unwrap_or(from);
        let number = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let text = (1..=11).contains(&from.len()) && from.bytes().all(|b| (32..=126).contains(&b));
        if !number && !text {
            problems.push(problem("/ECallAccountFromNumber", "must be up to 16 digits, or up to 11 ASCII characters"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
