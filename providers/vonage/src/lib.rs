//! SMS through Vonage, Messages API v1. The endpoint, the fields, how to authenticate, the errors, and the signature of reports:
//! <https://developer.vonage.com/en/api/messages>,
//! <https://developer.vonage.com/en/messages/technical-details#authentication>,
//! <https://developer.vonage.com/en/api-errors/messages>,
//! <https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks>

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor_provider::{
    Connection, Delivery, DeliveryStatus, Failure, Http, JwtKey, Message, Metadata, Price, Problem, Proof, Provider,
    Recipient, Report, ReportJwt, ReportRequest, Reports, Response, Secret, SendersByCountry, SignedJwt, accepted,
    misconfigured, plain_code, plain_text, problem, recipient_country, rejected_message, rejected_recipient, report,
    report_url, retry_later,
};

/// The provider.
pub struct Vonage;

/// SMS through an account at Vonage: give an application and its private key, or the account's API key and secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"VonageApiKey": "a1b2c3d4", "VonageApiSecret": "example-secret", "VonageFrom": "Shop"}]))]
pub struct Options {
    /// The sender: one of your numbers without a plus sign, or a name of up to 11 characters.
    #[serde(rename = "VonageFrom")]
    #[schemars(length(min = 1, max = 15))]
    from: String,
    /// Senders for countries that do not accept the usual one, such as one of your numbers for the United States, where names are not
    /// allowed (optional).
    #[serde(rename = "VonageFromByCountry", default)]
    from_by_country: SendersByCountry,
    /// The id of an application with the capability Messages.
    #[serde(rename = "VonageApplicationId", default)]
    #[schemars(regex(pattern = "^[0-9a-f-]{36}$"))]
    application: Option<String>,
    /// The application's private key: the whole file private.key, in PEM.
    #[serde(rename = "VonagePrivateKey", default)]
    private_key: Option<Secret>,
    /// The account's API key, instead of an application.
    #[serde(rename = "VonageApiKey", default)]
    #[schemars(regex(pattern = "^[0-9a-f]{8}$"))]
    api_key: Option<String>,
    /// The account's API secret.
    #[serde(rename = "VonageApiSecret", default)]
    api_secret: Option<Secret>,
    /// The account's signature secret. With it Vonage reports whether messages arrive (optional).
    #[serde(rename = "VonageSignatureSecret", default)]
    signature_secret: Option<Secret>,
}

const ORIGIN: &str = "https://api.nexmo.com";

impl Provider for Vonage {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "vonage",
        name: "Vonage SMS",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        let Options { application, private_key, api_key, api_secret, .. } = options;
        match (application, private_key, api_key, api_secret) {
            (Some(application), Some(key), None, None) => {
                let token = SignedJwt::new(JwtKey::rs256(key), 900).claim("application_id", application);
                Ok(vec![Connection::jwt(ORIGIN, token)])
            }
            (None, None, Some(key), Some(secret)) => Ok(vec![Connection::basic(ORIGIN, key, secret)]),
            (Some(_), None, ..) => Err(vec![problem("/VonagePrivateKey", "the application needs its private key")]),
            (_, _, Some(_), None) => Err(vec![problem("/VonageApiSecret", "the API key needs its secret")]),
            _ => Err(vec![problem("", "enter an application id and its private key, or an API key and its secret")]),
        }
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let mut body = json!({
            "channel": "sms",
            "message_type": "text",
            // Vonage wants the number without its plus sign.
            "to": message.recipient.trim_start_matches('+'),
            "from": options.from_by_country.sender_for(recipient_country(message)).unwrap_or(&options.from),
            "text": message.text,
        });
        if let Some(url) = report_url(message) {
            (body["webhook_url"], body["webhook_version"]) = (url.into(), "v1".into());
        }
        let response = Http::post(format!("{ORIGIN}/v1/messages")).json(&body).send()?;
        match (response.status, response.value()["message_uuid"].as_str()) {
            (202, Some(id)) => Ok(accepted(id)),
            _ => Err(failed(&response)),
        }
    }
}

/// The code of an error is the fragment of its type, such as `1120` of https://developer.vonage.com/api-errors/messages#1120.
fn code(error: &Value) -> String {
    let kind = plain_text(&error["type"]);
    let (_, code) = kind.split_once('#').unwrap_or_default();
    plain_code(&code.into())
}

fn failed(response: &Response) -> Failure {
    let (body, status) = (response.value(), response.status.to_string());
    let code = Some(code(&body)).filter(|code| !code.is_empty()).unwrap_or(status);
    let invalid = plain_text(&body["invalid_parameters"][0]["name"]);
    match (response.status, &*code, &*invalid) {
        (500.., ..) => response.failure_by_status(&code),
        (429, ..) | (_, "1000", _) => retry_later(response.retry_after(), &code, "Vonage is throttling requests"),
        (402, ..) | (_, "1060" | "1070" | "1080" | "low-balance", _) => {
            misconfigured(&code, "the account is barred or has no credit")
        }
        (_, "1120", _) | (422, _, "from") => misconfigured(&code, "Vonage does not accept the sender"),
        (_, "1040" | "1050", _) | (422, _, "to") => rejected_recipient(&code, "Vonage cannot reach this number"),
        (422, ..) => rejected_message(&code, "Vonage does not accept the message"),
        _ => response.failure_by_status(&code),
    }
}

impl Reports for Vonage {
    type Options = Options;

    fn report_proof(options: &Options) -> Option<Proof> {
        let token = ReportJwt::hs256(options.signature_secret.as_ref()?, "authorization");
        Some(Proof::jwt(token.claim("iss", "Vonage").body_hash_claim("payload_hash")))
    }

    fn parse_report(_: &Options, request: &ReportRequest) -> Option<Report> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let status = match body["status"].as_str()? {
            "delivered" | "read" => DeliveryStatus::Delivered,
            "rejected" | "undeliverable" => DeliveryStatus::Failed,
            _ => DeliveryStatus::Pending,
        };
        let (amount, currency) = (plain_text(&body["usage"]["price"]), plain_text(&body["usage"]["currency"]));
        let price = (!amount.is_empty()).then_some(Price { amount, currency });
        Some(Report { price, ..report(status, code(&body["error"])) })
    }
}

twofactor_provider::export!(Vonage);
twofactor_provider::export_reports!(Vonage);

#[cfg(test)]
mod tests;
