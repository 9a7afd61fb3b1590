//! The options of a Twilio instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};

/// SMS through an account at Twilio.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The account's SID: AC and 32 hexadecimal digits.
    #[serde(rename = "TwilioAccountSid")]
    #[schemars(regex(pattern = "^AC[0-9a-fA-F]{32}$"))]
    pub account_sid: String,
    /// The account's auth token; with an API key, that key's secret.
    #[serde(rename = "TwilioAuthToken")]
    pub auth_token: Secret,
    /// The sender: a number in E.164 (+41…), an alphanumeric sender of up to 11 characters, or the SID of a messaging service (MG…).
    #[serde(rename = "TwilioSmsFromNumber")]
    #[schemars(length(min = 1, max = 40))]
    pub from: String,
    /// The SID of an API key (SK…) to log in with in place of the account.
    #[serde(rename = "TwilioApiKeySid")]
    #[serde(default)]
    #[schemars(regex(pattern = "^SK[0-9a-fA-F]{32}$"))]
    pub api_key_sid: Option<String>,
    /// The region where messages are processed, such as ie1; us1 if left out.
    #[serde(rename = "TwilioRegion")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z]{2}[0-9]$"))]
    pub region: Option<String>,
    /// The edge where Twilio is entered, such as dublin.
    #[serde(rename = "TwilioEdge")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z][a-z-]{1,20}$"))]
    pub edge: Option<String>,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !is_sid("AC", &self.account_sid) {
            problems.push(problem(
                "/TwilioAccountSid",
                "must be AC and 32 hexadecimal digits: copy it from Twilio's console",
            ));
        }
        if !self.api_key_sid.as_ref().is_none_or(|sid| is_sid("SK", sid)) {
            problems.push(problem("/TwilioApiKeySid", "must be SK and 32 hexadecimal digits, or left out"));
        }
        if !(self.is_service() || is_number(&self.from) || is_alphanumeric_sender(&self.from)) {
            let message = "must be a number such as +41791234567, a sender of up to 11 letters and digits, or a messaging service (MG…)";
            problems.push(problem("/TwilioSmsFromNumber", message));
        }
        // Both become parts of a host name.
        let label = |text: &String| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        for (pointer, part) in [("/TwilioRegion", &self.region), ("/TwilioEdge", &self.edge)] {
            if !part.as_ref().is_none_or(|text| !text.is_empty() && label(text)) {
                problems.push(problem(pointer, "must be a name of Twilio's, such as ie1 or dublin"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// An edge alone implies the region us1 (<https://www.twilio.com/docs/global-infrastructure>).
    pub fn origin(&self) -> String {
        match (&self.edge, &self.region) {
            (Some(edge), Some(region)) => format!("https://api.{edge}.{region}.twilio.com"),
            (Some(edge), None) => format!("https://api.{edge}.us1.twilio.com"),
            (None, Some(region)) => format!("https://api.{region}.twilio.com"),
            (None, None) => "https://api.twilio.com".to_owned(),
        }
    }

    pub fn messages_url(&self) -> String {
        format!("{}/2010-04-01/Accounts/{}/Messages.json", self.origin(), self.account_sid)
    }

    /// The user of HTTP Basic (<https://www.twilio.com/docs/usage/requests-to-twilio>).
    pub fn user(&self) -> &str {
        self.api_key_sid.as_deref().unwrap_or(&self.account_sid)
    }

    /// The sender's field and value.
    pub fn sender(&self) -> (&'static str, &str) {
        if self.is_service() { ("MessagingServiceSid", &self.from) } else { ("From", &self.from) }
    }

    fn is_service(&self) -> bool {
        is_sid("MG", &self.from)
    }
}

fn is_sid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|rest| (7..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()))
}

fn is_alphanumeric_sender(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+-_& ".contains(&b);
    (1..=11).contains(&text.len()) && text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphabetic())
}
