//! Shared by the providers for Twilio: the account, and the meaning of API errors.

use serde::{Deserialize, Deserializer};
use twofactor_provider::{Failure, Problem, Response, blocked, misconfigured, outcome_unknown, problem, retry_later};

/// An account, as the options `TwilioAccountSid`, `TwilioApiKeySid`, `TwilioRegion` and `TwilioEdge` name it.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The account's SID.
    pub sid: &'a str,
    /// The SID of an API key to authenticate with instead of the account.
    pub api_key_sid: Option<&'a str>,
    /// The region that processes requests.
    pub region: Option<&'a str>,
    /// The edge location to connect to.
    pub edge: Option<&'a str>,
}

impl Account<'_> {
    /// Returns what is wrong with the account.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !is_sid("AC", self.sid) {
            problems.push(problem(
                "/TwilioAccountSid",
                "must be AC followed by 32 hexadecimal digits; copy it from the Twilio console",
            ));
        }
        if !self.api_key_sid.is_none_or(|sid| is_sid("SK", sid)) {
            problems.push(problem("/TwilioApiKeySid", "must be SK followed by 32 hexadecimal digits, or empty"));
        }
        // Both become parts of a host name.
        let label = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        for (pointer, part) in [("/TwilioRegion", self.region), ("/TwilioEdge", self.edge)] {
            if !part.is_none_or(|text| !text.is_empty() && label(text)) {
                problems.push(problem(pointer, "must be a name that Twilio uses, such as ie1 or dublin"));
            }
        }
        problems
    }

    /// Returns the origin of the API. An edge alone implies the region us1 (<https://www.twilio.com/docs/global-infrastructure>).
    pub fn origin(&self) -> String {
        match (self.edge, self.region) {
            (Some(edge), Some(region)) => format!("https://api.{edge}.{region}.twilio.com"),
            (Some(edge), None) => format!("https://api.{edge}.us1.twilio.com"),
            (None, Some(region)) => format!("https://api.{region}.twilio.com"),
            (None, None) => "https://api.twilio.com".to_owned(),
        }
    }

    /// Returns the URL at which a resource of the account is created, such as `Messages`.
    pub fn url_of(&self, resource: &str) -> String {
        format!("{}/2010-04-01/Accounts/{}/{resource}.json", self.origin(), self.sid)
    }

    /// Returns the user of HTTP Basic (<https://www.twilio.com/docs/usage/requests-to-twilio>).
    pub fn user(&self) -> &str {
        self.api_key_sid.unwrap_or(self.sid)
    }
}

/// Returns whether a text is a SID of the given kind: two letters and 32 hexadecimal digits.
pub fn is_sid(kind: &str, text: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Returns whether a text is a phone number in E.164 format.
pub fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|rest| (7..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// The part that both error formats share: the older one, and the one after RFC 9457.
#[derive(Deserialize)]
struct Refused {
    #[serde(deserialize_with = "number")]
    code: u32,
}

/// Reads a code that is written as a number or as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Code {
        Number(u32),
        Text(String),
    }
    match Code::deserialize(deserializer)? {
        Code::Number(number) => Ok(number),
        Code::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// Maps a response that accepts nothing to a failure. `known` maps the codes that are specific to the resource.
pub fn failure(response: &Response, known: impl FnOnce(u32, Option<u32>) -> Option<Failure>) -> Failure {
    match (response.status, response.json::<Refused>()) {
        // A 5xx says nothing about the message: it may have been queued.
        (500.., _) => outcome_unknown(&response.status.to_string(), "Twilio failed after it received the message"),
        // Not processed, so it can be retried.
        (429, refused) => {
            let code = refused.map_or(429, |refused| refused.code);
            retry_later(response.retry_after(), &code.to_string(), "Twilio is throttling requests")
        }
        (200..300, _) => outcome_unknown("", "Twilio accepted the request, but its response is malformed"),
        (_, Some(refused)) => known(refused.code, response.retry_after())
            .or_else(|| of_the_account(refused.code, response.retry_after()))
            .unwrap_or_else(|| response.failure_by_status(&refused.code.to_string())),
        _ => response.failure_by_status(&response.status.to_string()),
    }
}

/// Maps the error codes that all resources share to a failure. <https://www.twilio.com/docs/api/errors>
pub fn of_the_account(code: u32, after: Option<u32>) -> Option<Failure> {
    let text = code.to_string();
    Some(match code {
        20003 | 20403 | 20404 => misconfigured(&text, "Twilio does not accept the account SID or its token"),
        20422 => misconfigured(&text, "Twilio does not accept one of the options"),
        30002 => misconfigured(&text, "the Twilio account is suspended"),
        20429 => retry_later(after, &text, "Twilio cannot send the message at the moment"),
        30450 | 60605 => blocked(&text, "Twilio suspects fraud"),
        _ => return None,
    })
}
