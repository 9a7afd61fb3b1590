//! Direct messages in Slack to the workspace member with the recipient's email address.
//! <https://docs.slack.dev/reference/methods/users.lookupByEmail>, <https://docs.slack.dev/reference/methods/chat.postMessage>

mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor_provider::{
    Connection, Delivery, Failure, Http, HttpError, Message, Metadata, Problem, Provider, Recipient, Response,
    accepted, rejected_recipient, retry_later,
};

/// The provider.
pub struct Slack;

const ORIGIN: &str = "https://slack.com";

#[derive(Deserialize)]
struct Found {
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    deleted: bool,
}

#[derive(Deserialize)]
struct Posted {
    #[serde(default)]
    ts: String,
}

impl Provider for Slack {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "slack",
        name: "Slack",
        version: env!("CARGO_PKG_VERSION"),
        channel: "chat",
        recipient: Recipient::EmailAddress,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        Ok(vec![Connection::bearer(ORIGIN, &options.bot_token)])
    }

    fn deliver(_: &Options, message: &Message) -> Delivery {
        let member = member(&message.recipient)?;
        let response =
            Http::post(format!("{ORIGIN}/api/chat.postMessage")).json(&post(&member, &message.text)).send()?;
        match outcome::taken::<Posted>(&response) {
            Ok(posted) => Ok(accepted(posted.ts)),
            Err(refusal) => Err(outcome::of_the_message(&response, &refusal)),
        }
    }
}

/// Returns the id of the member with an address. This sends nothing, so whatever fails here can be retried.
fn member(address: &str) -> Result<String, Failure> {
    // In the body, not in the URL: URLs get logged.
    let asked = Http::post(format!("{ORIGIN}/api/users.lookupByEmail")).form([("email", address)]).send();
    let response: Response = asked.map_err(|error| match error {
        HttpError::OutcomeUnknown(why) => retry_later(None, "no-answer", &why),
        other => other.into(),
    })?;
    let Found { user } = outcome::taken(&response).map_err(|refusal| outcome::of_the_question(&response, &refusal))?;
    if user.deleted {
        return Err(rejected_recipient("deleted", "the Slack member with this address is deactivated"));
    }
    Ok(user.id)
}

/// Returns a message whose text is displayed literally. `text` is for notifications, and the only field in which Slack interprets
/// markup.
fn post(member: &str, text: &str) -> Value {
    let shown = json!({"type": "rich_text_section", "elements": [{"type": "text", "text": text}]});
    json!({
        "channel": member,
        "text": escaped(text),
        "blocks": [{"type": "rich_text", "elements": [shown]}],
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

twofactor_provider::export!(Slack);

#[cfg(test)]
mod tests;
