//! Codes as JSON to your own webhook, signed according to Standard Webhooks 1.0.0.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
//!
//! The receiver gets a `POST` of
//!
//! ```json
//! {"id": "…", "to": "+41791234567", "text": "123456 is your code.", "valid_seconds": 300, "locale": "en", "purpose": "sign-in"}
//! ```
//!
//! with the headers `webhook-id` (the same `id`, unchanged when the message is retried), `webhook-timestamp` and
//! `webhook-signature`. It responds with 2xx once it has accepted the message.

mod options;
mod outcome;

use options::Options;
use serde_json::json;
use twofactor_provider::{Connection, Delivery, Http, Message, Metadata, Problem, Provider, Recipient};

/// The provider.
pub struct Webhook;

impl Provider for Webhook {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "webhook",
        name: "Webhook",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        let origin = options.check()?;
        Ok(vec![Connection::signed_webhook(origin, &options.secret)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let body = json!({
            "id": message.id,
            "to": message.recipient,
            "text": message.text,
            "valid_seconds": message.valid_seconds,
            "locale": message.locale,
            "purpose": message.purpose,
        });
        let response = Http::post(&options.url).header("webhook-id", &message.id).json(&body).send()?;
        outcome::of(&response)
    }
}

twofactor_provider::export!(Webhook);

#[cfg(test)]
mod tests;
