//! Maps Slack's errors to outcomes. Slack usually responds with 200, `ok` and the name of an error. The errors of the two methods,
//! and those that all methods share:
//! <https://docs.slack.dev/reference/methods/chat.postMessage#errors>,
//! <https://docs.slack.dev/reference/methods/users.lookupByEmail#errors>

use serde::Deserialize;
use serde::de::DeserializeOwned;
use twofactor_provider::{
    Failure, Response, misconfigured, outcome_unknown, rejected_message, rejected_recipient, retry_later,
};

#[derive(Deserialize)]
struct Said {
    ok: bool,
    #[serde(default)]
    error: String,
}

/// Why Slack did not accept a request.
pub enum Refusal {
    /// Slack's name of the error.
    Named(String),
    /// Slack gave no name.
    Unnamed,
}

/// Returns Slack's response if it is a success.
pub fn taken<T: DeserializeOwned>(response: &Response) -> Result<T, Refusal> {
    match (response.status, response.json::<Said>()) {
        (200, Some(Said { ok: true, .. })) => response.json().ok_or(Refusal::Unnamed),
        // Anything that is not a plain name may repeat what was sent.
        (_, Some(Said { ok: false, error })) if is_name(&error) => Err(Refusal::Named(error)),
        _ => Err(Refusal::Unnamed),
    }
}

fn is_name(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Maps a failed lookup of an address to a failure: a lookup sends nothing.
pub fn of_the_question(response: &Response, refusal: &Refusal) -> Failure {
    let status = response.status.to_string();
    let known = match refusal {
        Refusal::Named(name) => known(response, name),
        Refusal::Unnamed => None,
    };
    match (known, response.status, refusal) {
        (Some(failure), ..) => failure,
        (None, 200, Refusal::Named(name)) => retry_later(None, name, "Slack could not look up this address"),
        (None, 200..300 | 500.., _) => {
            retry_later(response.retry_after(), &status, "Slack could not look up this address")
        }
        _ => response.failure_by_status(&status),
    }
}

/// Maps a refused message to a failure.
pub fn of_the_message(response: &Response, refusal: &Refusal) -> Failure {
    let status = response.status.to_string();
    match (response.status, refusal) {
        (500.., _) => outcome_unknown(&status, "Slack failed after it received the message"),
        (_, Refusal::Named(name)) => known(response, name).unwrap_or_else(|| match name.as_str() {
            // Slack documents that either may occur after part of the work was done.
            "fatal_error" | "internal_error" => outcome_unknown(name, "Slack failed after it received the message"),
            "channel_not_found" | "user_not_found" | "user_disabled" => {
                rejected_recipient(name, "the app cannot message this member")
            }
            "msg_too_long" | "no_text" | "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" => {
                rejected_message(name, "Slack does not accept the message")
            }
            "is_archived" | "not_in_channel" | "messages_tab_disabled" | "cannot_dm_bot" => {
                misconfigured(name, "the app cannot send direct messages: see its App Home settings")
            }
            name if name.starts_with("restricted_action") => {
                misconfigured(name, "a workspace setting prevents the app from posting")
            }
            name if name.starts_with("invalid_") || name.starts_with("missing_") => {
                rejected_message(name, "Slack does not accept the request")
            }
            name => outcome_unknown(name, "Slack responded with an unknown error"),
        }),
        (200..300, _) => outcome_unknown(&status, "Slack's response is not documented"),
        _ => response.failure_by_status(&status),
    }
}

/// Maps the errors that both methods share to a failure: nothing was done.
fn known(response: &Response, name: &str) -> Option<Failure> {
    Some(match name {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            retry_later(response.retry_after(), name, "Slack is throttling requests")
        }
        "service_unavailable" | "request_timeout" | "team_added_to_org" | "org_login_required" => {
            retry_later(response.retry_after(), name, "Slack cannot process requests for this workspace at the moment")
        }
        "users_not_found" => rejected_recipient(name, "no member of the workspace has this address"),
        "missing_scope" | "no_permission" | "not_allowed_token_type" => {
            misconfigured(name, "the token lacks a scope: users:read, users:read.email and chat:write are needed")
        }
        "not_authed" | "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" => {
            misconfigured(name, "Slack does not accept the token")
        }
        "access_denied"
        | "accesslimited"
        | "ekm_access_denied"
        | "enterprise_is_restricted"
        | "team_access_not_granted"
        | "two_factor_setup_required" => misconfigured(name, "the workspace does not allow the app"),
        "deprecated_endpoint" | "method_deprecated" => misconfigured(name, "Slack has deprecated this method"),
        _ => return None,
    })
}
