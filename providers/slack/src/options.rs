//! The options of a Slack instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};

/// Direct messages of an app in a Slack workspace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// The host derives a stand-in for a withheld secret from this example.
#[schemars(extend("examples" = [{"SlackBotToken": "xoxb-example-of-a-bot-token"}]))]
pub struct Options {
    /// The app's bot token (xoxb-…), with the scopes users:read, users:read.email and chat:write.
    #[serde(rename = "SlackBotToken")]
    pub bot_token: Secret,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let token = self.bot_token.reveal();
        let of_token = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
        // `xoxe.xoxb-` tokens rotate every twelve hours: the host would keep using an old one.
        if token.len() > 10 && token.starts_with("xoxb-") && token.bytes().all(of_token) {
            return Ok(());
        }
        let message = "must be the bot token (xoxb-…) of an app without token rotation";
        Err(vec![problem("/SlackBotToken", message)])
    }
}
