//! The options of a Twilio Verify instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};
use twofactor_twilio_account::{Account, is_sid};

/// Where it is reached. <https://www.twilio.com/docs/verify/api#base-url>
pub const ORIGIN: &str = "https://verify.twilio.com";

/// Codes that a Twilio Verify service generates, sends and verifies.
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
    /// The SID of the Verify service: VA followed by 32 hexadecimal digits.
    #[serde(rename = "TwilioVerifyServiceSid")]
    #[schemars(regex(pattern = "^VA[0-9a-fA-F]{32}$"))]
    pub service_sid: String,
    /// The code length that is set for the service at Twilio.
    #[serde(rename = "TwilioVerifyCodeLength")]
    #[serde(default = "six")]
    #[schemars(range(min = 4, max = 10))]
    pub code_length: u8,
    /// The SID of an API key (SK…), to authenticate with instead of the account (optional).
    #[serde(rename = "TwilioApiKeySid")]
    #[serde(default)]
    #[schemars(regex(pattern = "^SK[0-9a-fA-F]{32}$"))]
    pub api_key_sid: Option<String>,
}

fn six() -> u8 {
    6
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = self.account().problems();
        if !is_sid("VA", &self.service_sid) {
            let what = "must be VA followed by 32 hexadecimal digits; copy it from the Twilio console";
            problems.push(problem("/TwilioVerifyServiceSid", what));
        }
        if !(4..=10).contains(&self.code_length) {
            problems.push(problem("/TwilioVerifyCodeLength", "must be between 4 and 10"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub fn account(&self) -> Account<'_> {
        Account { sid: &self.account_sid, api_key_sid: self.api_key_sid.as_deref(), region: None, edge: None }
    }

    /// Returns the URL at which a resource of the service is created, such as `Verifications`.
    pub fn url_of(&self, resource: &str) -> String {
        format!("{ORIGIN}/v2/Services/{}/{resource}", self.service_sid)
    }
}
