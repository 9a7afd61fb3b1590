//! The message history: why someone did not get a code.

use axum::Json;
use axum::extract::Path;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::admin::{ChallengeState, MessageHistory, MessageQuery};
use utoipa::ToSchema;

use super::body::Body;
use super::price::Price;
use crate::access::Reader;
use crate::problem::{Problem, ProblemType};

/// Whose messages to find. Exactly one field must be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageSearch {
    /// A user, by the id that the application uses.
    #[schema(nullable = false)]
    user: Option<String>,
    /// A recipient: an email address, a phone number in international format, or a handle of a provider. It is compared by a keyed
    /// hash and not stored.
    #[schema(nullable = false)]
    recipient: Option<String>,
    /// A challenge.
    #[schema(nullable = false)]
    challenge: Option<String>,
}

/// The outcome of a message, or the reason why none was sent.
#[derive(Serialize, ToSchema)]
struct MessageEvent {
    /// When it happened; the last time if several are counted together.
    at: Timestamp,
    /// `accepted`, `reported-delivered`, `reported-failed`, `retry-later`, `outcome-unknown`, `rejected-recipient`,
    /// `rejected-message`, `misconfigured`, `blocked`; not tried: `paused`, `quota-used`; no message: `limited`, `user-locked`,
    /// `no-instance`, `country-not-enabled`, `recipient-malformed`. `unreadable`: what is stored of the event was changed in the
    /// database, or another version wrote it.
    outcome: &'static str,
    /// How many times. Requests for which nothing was sent are counted together by the hour.
    count: u32,
    /// The challenge, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    challenge: Option<String>,
    /// The user, if the application named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user: Option<String>,
    /// The masked recipient; empty if unknown.
    recipient_hint: String,
    /// The instance; empty if there was none.
    two_factor: String,
    /// Its type; empty if there was none.
    r#type: String,
    /// The reference or code of the upstream, a country, or the name of a limit. May be empty.
    code: String,
    /// The text of the provider. May be empty.
    detail: String,
    /// When the limit ends, if a limit was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until: Option<Timestamp>,
    /// The price, if the upstream reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    price: Option<Price>,
}

/// A limit that currently applies.
#[derive(Serialize, ToSchema)]
struct HoldingLimit {
    /// `lockout`, `wrong-answers-per-day`, `recipient`, `recipient-total`, `user`, `prefix`, `phone`, `subscription` or
    /// `total`. `recipient-total` and `total` count all subscriptions, and are shown only to those who administer or audit the whole
    /// installation.
    limit: String,
    /// When it ends by itself.
    until: Timestamp,
    /// Whether unlocking the user ends it.
    ends_by_unlocking: bool,
}

/// The requested challenge.
#[derive(Serialize, ToSchema)]
struct ChallengeFacts {
    /// `open`, `used`, `cancelled`, `undelivered`, `expired` or `answers-used-up`.
    state: &'static str,
    /// Attempts so far, correct and wrong.
    answers: u32,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// A person's message history.
#[derive(Serialize, ToSchema)]
pub(super) struct Messages {
    /// The newest first, at most 200.
    events: Vec<MessageEvent>,
    /// The limits that currently apply.
    limits: Vec<HoldingLimit>,
    /// The challenge, if one was requested and is still known: until a day after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    challenge: Option<ChallengeFacts>,
    /// How many days the history is kept.
    days: u16,
}

impl From<MessageHistory> for Messages {
    fn from(history: MessageHistory) -> Self {
        let events = history.events.into_iter().map(|event| MessageEvent {
            at: event.at,
            outcome: event.outcome.name(),
            count: event.count,
            challenge: event.challenge,
            user: event.user,
            recipient_hint: event.recipient_hint,
            two_factor: event.instance,
            r#type: event.type_id,
            code: event.code,
            detail: event.detail,
            until: event.until,
            price: event.price.as_ref().map(Price::from),
        });
        let limits = history.limits.into_iter().map(|one| HoldingLimit {
            limit: one.limit,
            until: one.until,
            ends_by_unlocking: one.ends_by_unlocking,
        });
        let challenge = history.challenge.map(|facts| ChallengeFacts {
            state: match facts.state {
                ChallengeState::Open => "open",
                ChallengeState::Used => "used",
                ChallengeState::Cancelled => "cancelled",
                ChallengeState::Undelivered => "undelivered",
                ChallengeState::AnswersUsedUp => "answers-used-up",
                _ => "expired",
            },
            answers: facts.answers,
            created_at: facts.created_at,
            expires_at: facts.expires_at,
        });
        Self { events: events.collect(), limits: limits.collect(), challenge, days: history.days }
    }
}

/// Finds a person's messages of the last days, and the limits that currently apply. It changes nothing; it is a POST so that
/// no address appears in a URL.
#[utoipa::path(post, path = "/v1/subscriptions/{subscription}/messages/search", operation_id = "findMessages", tag = "administration",
    responses((status = 200, body = Messages)))]
pub(super) async fn find(
    reader: Reader,
    Path(subscription): Path<String>,
    Body(search): Body<MessageSearch>,
) -> Result<Json<Messages>, Problem> {
    let admin = reader.of(&subscription)?;
    let query = match (search.user, search.recipient, search.challenge) {
        (Some(user), None, None) => MessageQuery::User(user),
        (None, Some(recipient), None) => MessageQuery::Recipient(recipient),
        (None, None, Some(challenge)) => MessageQuery::Challenge(challenge),
        _ => {
            let detail = "the body must contain exactly one of `user`, `recipient` and `challenge`";
            return Err(Problem::new(ProblemType::InvalidInput, detail));
        }
    };
    Ok(Json(admin.messages(&subscription, &query).await?.into()))
}
