//! The options of a Twilio Voice instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};
use twofactor_twilio_account::{Account, is_number};

/// Calls from an account at Twilio.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The account SID: AC followed by 32 hexadecimal digits.
    #[serde(rename = "TwilioAccountSid")]
    #[schemars(regex(pattern = "^AC[0-9a-fA-F]{32}$"))]
    pub account_sid: String,
    /// The account's auth token, or the API key's secret if you use an API key.
    #[serde(rename = "TwilioAuthToken")]
    pub auth_token: Secret,
    /// The caller's phone number in E.164 format (+41…): a Twilio number, or one that is verified at Twilio.
    #[serde(rename = "TwilioVoiceFromNumber")]
    #[schemars(length(min = 1, max = 16))]
    pub from: String,
    /// The SID of an API key (SK…), to authenticate with instead of the account (optional).
    #[serde(rename = "TwilioApiKeySid")]
    #[serde(default)]
    #[schemars(regex(pattern = "^SK[0-9a-fA-F]{32}$"))]
    pub api_key_sid: Option<String>,
    /// The region that processes calls, such as ie1. Default: us1.
    #[serde(rename = "TwilioRegion")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z]{2}[0-9]$"))]
    pub region: Option<String>,
    /// The Twilio edge location to connect to, such as dublin (optional).
    #[serde(rename = "TwilioEdge")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z][a-z-]{1,20}$"))]
    pub edge: Option<String>,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = self.account().problems();
        if !is_number(&self.from) {
            problems.push(problem("/TwilioVoiceFromNumber", "must be a phone number such as +41791234567"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub fn account(&self) -> Account<'_> {
        Account {
            sid: &self.account_sid,
            api_key_sid: self.api_key_sid.as_deref(),
            region: self.region.as_deref(),
            edge: self.edge.as_deref(),
        }
    }
}
