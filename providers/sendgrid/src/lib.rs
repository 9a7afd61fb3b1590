//! Email through Twilio SendGrid, Web API v3. The endpoint and the fields, the regions, and the errors:
//! <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>,
//! <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors>,
//! <https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses>

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use twofactor_provider::{
    Connection, Delivery, Failure, Http, Message, Metadata, Problem, Provider, Recipient, Response, Secret, accepted,
    misconfigured, plain_text, problem, rejected_recipient,
};

/// The provider.
pub struct SendGrid;

/// Email through an account at SendGrid.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"SendGridApiKey": "SG.example-of-an-api-key", "SendGridSenderAddress": "codes@example.com"}]))]
pub struct Options {
    /// An API key (SG.…) with the permission Mail Send.
    #[serde(rename = "SendGridApiKey")]
    api_key: Secret,
    /// The sender's email address: in an authenticated domain, or of a verified sender.
    #[serde(rename = "SendGridSenderAddress")]
    #[schemars(extend("format" = "email"), length(max = 254))]
    address: String,
    /// The sender's display name (optional).
    #[serde(rename = "SendGridSenderName")]
    #[serde(default)]
    #[schemars(length(max = 100))]
    name: Option<String>,
    /// The region of the account or subuser.
    #[serde(rename = "SendGridRegion")]
    #[serde(default)]
    region: Region,
}

/// A region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Region {
    #[default]
    Global,
    Eu,
}

impl Options {
    fn origin(&self) -> &'static str {
        match self.region {
            Region::Global => "https://api.sendgrid.com",
            Region::Eu => "https://api.eu.sendgrid.com",
        }
    }
}

impl Provider for SendGrid {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "sendgrid",
        name: "SendGrid",
        version: env!("CARGO_PKG_VERSION"),
        channel: "email",
        recipient: Recipient::EmailAddress,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        if !options.address.split_once('@').is_some_and(|(user, domain)| !user.is_empty() && domain.contains('.')) {
            return Err(vec![problem("/SendGridSenderAddress", "must be an email address, such as codes@example.com")]);
        }
        Ok(vec![Connection::bearer(options.origin(), &options.api_key)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let mut from = json!({"email": options.address});
        if let Some(name) = &options.name {
            from["name"] = name.as_str().into();
        }
        // Plain text has to come first.
        let mut content = vec![json!({"type": "text/plain", "value": message.text})];
        content.extend(message.html.as_ref().map(|html| json!({"type": "text/html", "value": html})));
        let body = json!({
            "personalizations": [{"to": [{"email": message.recipient}]}],
            "from": from,
            "subject": message.subject,
            "content": content,
            // Links and pictures of SendGrid's own have no place in a message with a code.
            "tracking_settings": {
                "click_tracking": {"enable": false, "enable_text": false},
                "open_tracking": {"enable": false},
            },
        });
        let response = Http::post(format!("{}/v3/mail/send", options.origin())).json(&body).send()?;
        if response.status != 202 {
            return Err(failed(&response));
        }
        let id = response.headers.iter().find(|(name, _)| name == "x-message-id");
        Ok(accepted(id.map_or("", |(_, value)| value)))
    }
}

fn failed(response: &Response) -> Failure {
    let status = response.status.to_string();
    let field = plain_text(&response.value()["errors"][0]["field"]);
    match (response.status, &*field) {
        (400, field) if field.starts_with("personalizations") => {
            rejected_recipient(&status, "SendGrid does not accept the recipient")
        }
        (400 | 403, field) if field.starts_with("from") => {
            misconfigured(&status, "SendGrid does not accept the sender: authenticate its domain")
        }
        (401, _) => misconfigured(&status, "SendGrid does not accept the API key, or the account has no credit"),
        (406, _) => misconfigured(&status, "SendGrid does not know the requested path"),
        _ => response.failure_by_status(&status),
    }
}

twofactor_provider::export!(SendGrid);

#[cfg(test)]
mod tests;
