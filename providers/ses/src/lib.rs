//! Mail through Amazon SES, API v2. <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>

mod address;
mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use serde_json::json;
use twofactor_provider::{
    Connection, Delivery, Http, Message, Metadata, Problem, Provider, Recipient, accepted, rejected_recipient,
};

/// The provider.
pub struct Ses;

#[derive(Deserialize)]
struct Accepted {
    #[serde(rename = "MessageId")]
    message_id: String,
}

impl Provider for Ses {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "ses",
        name: "Amazon SES",
        version: env!("CARGO_PKG_VERSION"),
        channel: "email",
        recipient: Recipient::EmailAddress,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        let Options { access_key_id, secret_access_key, region, .. } = options;
        Ok(vec![Connection::aws(options.origin(), access_key_id, secret_access_key, region, "ses")])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let Some(recipient) = address::in_ascii(&message.recipient) else {
            return Err(rejected_recipient(
                "address",
                "Amazon SES does not accept the part of this address before the @",
            ));
        };
        let in_utf_8 = |text: &str| json!({"Data": text, "Charset": "UTF-8"});
        let mut body = json!({"Text": in_utf_8(&message.text)});
        if let Some(html) = &message.html {
            body["Html"] = in_utf_8(html);
        }
        let mut mail = json!({
            "FromEmailAddress": address::mailbox(options.sender_name.as_deref(), &options.sender_address),
            "Destination": {"ToAddresses": [recipient]},
            "Content": {"Simple": {"Subject": in_utf_8(&message.subject), "Body": body}},
        });
        if let Some(set) = &options.configuration_set {
            mail["ConfigurationSetName"] = set.as_str().into();
        }
        let response = Http::post(format!("{}/v2/email/outbound-emails", options.origin())).json(&mail).send()?;
        match (response.status, response.json::<Accepted>()) {
            (200, Some(taken)) => Ok(accepted(taken.message_id)),
            _ => Err(outcome::of(&response)),
        }
    }
}

twofactor_provider::export!(Ses);

#[cfg(test)]
mod tests;
