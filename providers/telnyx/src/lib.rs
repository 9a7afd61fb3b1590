//! SMS through Telnyx, Messaging API v2. The endpoint, the fields, the errors, and the signature of reports:
//! <https://developers.telnyx.com/api-reference/messages/send-a-message>,
//! <https://developers.telnyx.com/docs/messaging/messages/error-codes/index>,
//! <https://developers.telnyx.com/development/api-fundamentals/api-errors>,
//! <https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks>

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor_provider::{
    Connection, Delivery, DeliveryStatus, Failure, Http, Message, Metadata, Price, Problem, Proof, Provider, Receipt,
    Recipient, Report, ReportRequest, ReportSignature, Reports, Response, Secret, accepted, misconfigured, plain_code,
    plain_text, problem, rejected_message, rejected_recipient, report, report_url, retry_later,
};

/// The provider.
pub struct Telnyx;

const ORIGIN: &str = "https://api.telnyx.com";

/// SMS through an account at Telnyx.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"TelnyxApiKey": "KEY0123456789ABCDEF_example", "TelnyxFrom": "+15005550006"}]))]
pub struct Options {
    /// An API key (KEY…).
    #[serde(rename = "TelnyxApiKey")]
    api_key: Secret,
    /// The sender: one of your numbers in E.164 format (+1…), a short code, or a name of up to 11 characters, which needs a messaging profile.
    #[serde(rename = "TelnyxFrom")]
    #[schemars(length(min = 1, max = 16))]
    from: String,
    /// The id of a messaging profile (optional).
    #[serde(rename = "TelnyxMessagingProfileId")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-f-]{36}$"))]
    profile: Option<String>,
    /// Your account's public key, 32 bytes in base64. With it Telnyx reports whether messages arrive (optional).
    #[serde(rename = "TelnyxPublicKey")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[A-Za-z0-9+/]{43}=$"))]
    public_key: Option<String>,
}

impl Provider for Telnyx {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "telnyx",
        name: "Telnyx SMS",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        let is_number = options.from.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit());
        if !is_number && options.from.len() > 11 {
            return Err(vec![problem("/TelnyxFrom", "a name can have at most 11 characters")]);
        }
        if !is_number && options.profile.is_none() {
            return Err(vec![problem("/TelnyxMessagingProfileId", "a name as sender needs a messaging profile")]);
        }
        Ok(vec![Connection::bearer(ORIGIN, &options.api_key)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let mut body = json!({"from": options.from, "to": message.recipient, "text": message.text, "type": "SMS"});
        if let Some(profile) = &options.profile {
            body["messaging_profile_id"] = profile.as_str().into();
        }
        if let Some(url) = report_url(message) {
            body["webhook_url"] = url.into();
        }
        let response = Http::post(format!("{ORIGIN}/v2/messages")).json(&body).send()?;
        let sent = &response.value()["data"];
        match (response.status, sent["id"].as_str()) {
            (200, Some(id)) => {
                let segments = sent["parts"].as_u64().and_then(|parts| parts.try_into().ok());
                Ok(Receipt { segments, price: price(&sent["cost"]), ..accepted(id) })
            }
            _ => Err(failed(&response)),
        }
    }
}

fn price(cost: &Value) -> Option<Price> {
    let (amount, currency) = (cost["amount"].as_str()?, cost["currency"].as_str()?);
    Some(Price { amount: amount.to_owned(), currency: currency.to_owned() })
}

fn failed(response: &Response) -> Failure {
    let body = response.value();
    let (code, part) = (plain_code(&body["errors"][0]["code"]), plain_text(&body["errors"][0]["source"]["pointer"]));
    match (response.status, code.parse(), &*part) {
        // A 5xx says nothing about the message: it may have been queued. A 429 was not processed.
        (429 | 500.. | ..400, ..) | (_, Err(_), _) => response.failure_by_status(&response.status.to_string()),
        (_, Ok(10_001 | 10_002 | 10_016), "/from") | (_, Ok(40_305..=40_308 | 40_315 | 40_321), _) => {
            misconfigured(&code, "Telnyx does not accept the sender")
        }
        (_, Ok(10_001 | 10_002 | 10_016 | 40_001 | 40_008 | 40_300 | 40_310), _) => {
            rejected_recipient(&code, "Telnyx cannot reach this number, or it has unsubscribed")
        }
        (_, Ok(10_009 | 10_010), _) => misconfigured(&code, "Telnyx does not accept the API key"),
        (_, Ok(20_100 | 40_333), _) => misconfigured(&code, "the account has no credit, or has reached its limit"),
        (_, Ok(40_010 | 40_309 | 40_311..=40_314 | 40_329 | 40_331), _) => {
            misconfigured(&code, "the account may not send this message: messaging profile, region or registration")
        }
        (_, Ok(10_011 | 40_011 | 40_318 | 40_320), _) => {
            retry_later(response.retry_after(), &code, "Telnyx is throttling requests")
        }
        (_, Ok(40_002 | 40_003 | 40_322), _) => rejected_message(&code, "the message was filtered as spam"),
        _ => response.failure_by_status(&code),
    }
}

impl Reports for Telnyx {
    type Options = Options;

    fn report_proof(options: &Options) -> Option<Proof> {
        let text = "{header.telnyx-timestamp}|{body}";
        let signature = ReportSignature::ed25519(options.public_key.as_deref()?, text, "telnyx-signature-ed25519");
        Some(Proof::signature(signature.base64().timestamp_header("telnyx-timestamp")))
    }

    fn parse_report(_: &Options, request: &ReportRequest) -> Option<Report> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let payload = &body["data"]["payload"];
        let status = match (body["data"]["event_type"].as_str()?, payload["to"][0]["status"].as_str()?) {
            ("message.finalized", "delivered") => DeliveryStatus::Delivered,
            ("message.finalized", "sending_failed" | "delivery_failed" | "expired") => DeliveryStatus::Failed,
            ("message.sent" | "message.finalized", _) => DeliveryStatus::Pending,
            _ => return None,
        };
        Some(Report { price: price(&payload["cost"]), ..report(status, plain_code(&payload["errors"][0]["code"])) })
    }
}

twofactor_provider::export!(Telnyx);
twofactor_provider::export_reports!(Telnyx);

#[cfg(test)]
mod tests;
