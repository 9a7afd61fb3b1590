//! Codes in WhatsApp, through Meta's Cloud API: an authentication template with a button that copies the code. WhatsApp has
//! the text, so the code is sent by itself. The request, the errors, and the languages of templates:
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/copy-code-button-authentication-templates/>,
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes/>

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor_provider::{
    Connection, Delivery, Failure, Http, Message, Metadata, Problem, Provider, Recipient, Response, Secret, accepted,
    blocked, misconfigured, outcome_unknown, plain_code, problem, rejected_message, rejected_recipient, retry_later,
};

/// The provider.
pub struct WhatsApp;

const ORIGIN: &str = "https://graph.facebook.com";
const VERSION: &str = "v23.0";

/// Codes in WhatsApp, by a template of your WhatsApp Business Account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"WhatsAppPhoneNumberId": "106540352242922", "WhatsAppAccessToken": "EAAexample-of-a-token",
    "WhatsAppTemplateName": "sign_in_code", "WhatsAppTemplateLanguages": ["en_US", "de"]}]))]
pub struct Options {
    /// The id of the phone number that sends: digits, and not the number itself.
    #[serde(rename = "WhatsAppPhoneNumberId")]
    #[schemars(regex(pattern = "^[0-9]{5,20}$"))]
    number_id: String,
    /// The access token of a system user, with the permission whatsapp_business_messaging.
    #[serde(rename = "WhatsAppAccessToken")]
    token: Secret,
    /// The name of an approved template of the category Authentication, with a copy code button.
    #[serde(rename = "WhatsAppTemplateName")]
    #[schemars(regex(pattern = "^[a-z0-9_]{1,512}$"))]
    template: String,
    /// The languages in which the template is approved, as WhatsApp writes them (en_US, de). The first is for all others.
    #[serde(rename = "WhatsAppTemplateLanguages")]
    #[schemars(length(min = 1, max = 80), inner(regex(pattern = "^[a-z]{2,3}(_[A-Z]{2})?$")))]
    languages: Vec<String>,
}

impl Options {
    /// Returns the template's language for a locale: the same one, then one of the same language, then the first.
    fn language(&self, locale: &str) -> &str {
        let exact = locale.replace('-', "_");
        let of = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_owned();
        let found = self.languages.iter().find(|it| **it == exact);
        let found = found.or_else(|| self.languages.iter().find(|it| of(it) == of(locale)));
        found.or(self.languages.first()).map_or("en_US", String::as_str)
    }
}

impl Provider for WhatsApp {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "whatsapp",
        name: "WhatsApp",
        version: env!("CARGO_PKG_VERSION"),
        channel: "chat",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        if options.number_id.is_empty() || !options.number_id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(vec![problem("/WhatsAppPhoneNumberId", "must be the id of the phone number, digits only")]);
        }
        Ok(vec![Connection::bearer(ORIGIN, &options.token)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let code = [json!({"type": "text", "text": message.code})];
        let body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.recipient,
            "type": "template",
            "template": {
                "name": options.template,
                "language": {"code": options.language(&message.locale)},
                "components": [
                    {"type": "body", "parameters": code},
                    {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
                ],
            },
        });
        let response = Http::post(format!("{ORIGIN}/{VERSION}/{}/messages", options.number_id)).json(&body).send()?;
        let sent = &response.value()["messages"][0];
        match (response.status, sent["id"].as_str(), sent["message_status"].as_str()) {
            (200, Some(_), Some("paused")) => Err(misconfigured("paused", "WhatsApp has paused the template")),
            (200, Some(id), _) => Ok(accepted(id)),
            _ => Err(failed(&response)),
        }
    }
}

fn failed(response: &Response) -> Failure {
    let error: &Value = &response.value()["error"];
    let code = plain_code(&error["code"]);
    match (response.status, error["code"].as_u64()) {
        (429, _) | (_, Some(4 | 80_007 | 130_429 | 131_056 | 133_016)) => {
            retry_later(response.retry_after(), &code, "WhatsApp is throttling requests")
        }
        (_, Some(131_048 | 368)) => blocked(&code, "WhatsApp has restricted the sender because of spam"),
        (_, Some(131_026 | 131_021 | 131_030 | 131_049 | 131_050 | 130_472)) => {
            rejected_recipient(&code, "WhatsApp cannot deliver to this number")
        }
        (_, Some(132_000..=132_069)) => misconfigured(&code, "WhatsApp does not accept the template or its language"),
        (_, Some(0 | 3 | 10 | 190 | 200..=299)) => misconfigured(&code, "WhatsApp does not accept the access token"),
        (_, Some(33 | 131_031 | 131_042 | 131_045 | 133_000..=133_015 | 131_005)) => {
            misconfigured(&code, "the phone number or the account is not ready: registration, payment or a lock")
        }
        // Meta has no such object: the id is wrong, or the token's app may not use it.
        (_, Some(100)) if error["error_subcode"] == 33 => {
            misconfigured(&code, "WhatsApp does not know the id of the phone number")
        }
        (_, Some(100 | 131_008 | 131_009)) => rejected_message(&code, "WhatsApp does not accept the request"),
        (_, Some(1 | 2 | 131_000 | 131_016)) => outcome_unknown(&code, "WhatsApp failed to process the request"),
        _ => response.failure_by_status(if code.is_empty() { "refused" } else { &code }),
    }
}

twofactor_provider::export!(WhatsApp);

#[cfg(test)]
mod tests;
