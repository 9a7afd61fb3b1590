//! Why somebody got no code.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use twofactor::{ChallengeState, MessageHistory, MessageQuery};
use utoipa::ToSchema;

use super::body::Body;
use crate::access::Reader;
use crate::problem::Problem;

/// Whose messages are wanted: exactly one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageSearch {
    /// Those of a user, by the id that the application uses.
    #[schema(nullable = false)]
    user: Option<String>,
    /// Those to a recipient: an email address, a telephone number in international form, or a provider's handle. It is compared by a
    /// keyed hash and not stored.
    #[schema(nullable = false)]
    recipient: Option<String>,
    /// Those of a challenge.
    #[schema(nullable = false)]
    challenge: Option<String>,
}

/// What became of a message, or why there was none.
#[derive(Serialize, ToSchema)]
struct MessageEvent {
    /// When; of several that are counted together, the last time.
    at: Timestamp,
    /// `accepted`, `reported-delivered`, `reported-failed`, `retry-later`, `outcome-unknown`, `rejected-recipient`,
    /// `rejected-message`, `misconfigured`, `blocked`; not tried: `paused`, `quota-used`; no message: `limited`, `user-locked`,
    /// `no-instance`, `country-not-enabled`, `recipient-malformed`.
    outcome: &'static str,
    /// How often: requests that led to no message are counted together by the hour.
    count: u32,
    /// The challenge, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    challenge: Option<String>,
    /// The user, if the application named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user: Option<String>,
    /// The masked address; empty if there was none.
    recipient_hint: String,
    /// The instance; empty if there was none.
    two_factor: String,
    /// Its type; empty if there was none.
    r#type: String,
    /// The upstream's reference or code, a country, or the name of a limit; may be empty.
    code: String,
    /// The provider's words; may be empty.
    detail: String,
    /// When the limit ends, if that is what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until: Option<Timestamp>,
}

/// A limit that holds somebody now.
#[derive(Serialize, ToSchema)]
struct HoldingLimit {
    /// `wrong-in-a-row`, `wrong-per-day`, `recipient`, `recipient-in-all`, `user`, `prefix`, `phone` or `total`.
    limit: String,
    /// When it ends by itself.
    until: Timestamp,
    /// Whether unlocking the user ends it.
    ends_by_unlocking: bool,
}

/// A challenge that was asked about.
#[derive(Serialize, ToSchema)]
struct ChallengeFacts {
    /// `open`, `used`, `cancelled`, `undelivered`, `expired` or `answers-used-up`.
    state: &'static str,
    /// Answers given so far, right and wrong.
    answers: u32,
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// What is known of somebody's messages.
#[derive(Serialize, ToSchema)]
pub(super) struct Messages {
    /// The newest first; at most 200.
    events: Vec<MessageEvent>,
    /// Which limits hold them now.
    limits: Vec<HoldingLimit>,
    /// The challenge, if one was asked about and is still known: for a day after its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    challenge: Option<ChallengeFacts>,
    /// How many days are kept.
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

/// What became of somebody's messages in the last days, and which limits hold them now. Nothing is changed by it: it is a POST so that
/// no address stands in a URL.
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
            let detail = "the body must name exactly one of `user`, `recipient` and `challenge`";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail));
        }
    };
    Ok(Json(admin.messages(&subscription, &query).await?.into()))
}
