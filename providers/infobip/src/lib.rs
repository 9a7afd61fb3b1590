//! SMS through Infobip, SMS API 3. The endpoint, the fields, the statuses, and reports:
//! <https://www.infobip.com/docs/developer-resources/quickstart>,
//! <https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes>

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor_provider::{
    Connection, Delivery, DeliveryStatus, Failure, Http, Message, Metadata, Price, Problem, Proof, Provider, Receipt,
    Recipient, Report, ReportRequest, Reports, Response, Secret, accepted, misconfigured, outcome_unknown, plain_code,
    plain_text, problem, rejected_message, rejected_recipient, report, report_url, retry_later,
};

/// The provider.
pub struct Infobip;

/// SMS through an account at Infobip.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{"InfobipBaseUrl": "xxxxx.api.infobip.com", "InfobipSender": "InfoSMS",
    "InfobipApiKey": "0123456789abcdef0123456789abcdef-01234567-89ab-cdef-0123-456789abcdef"}]))]
pub struct Options {
    /// The base URL of your account, such as xxxxx.api.infobip.com.
    #[serde(rename = "InfobipBaseUrl")]
    base_url: String,
    /// An API key with the scope sms:message:send.
    #[serde(rename = "InfobipApiKey")]
    api_key: Secret,
    /// The sender: a name of 3 to 11 characters, or a number of 3 to 15 digits, that your account may use.
    #[serde(rename = "InfobipSender")]
    #[schemars(length(min = 3, max = 15))]
    sender: String,
}

impl Options {
    fn host(&self) -> &str {
        self.base_url.trim_start_matches("https://").trim_end_matches('/')
    }
}

impl Provider for Infobip {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "infobip",
        name: "Infobip SMS",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        let host = options.host();
        let is_label = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !host.strip_suffix(".api.infobip.com").is_some_and(is_label) && host != "api.infobip.com" {
            return Err(vec![problem(
                "/InfobipBaseUrl",
                "must be the base URL of your account: xxxxx.api.infobip.com",
            )]);
        }
        let key = Secret::from(&*format!("App {}", options.api_key.reveal()));
        Ok(vec![Connection::header(format!("https://{host}"), "authorization", &key)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let mut sms = json!({
            "sender": options.sender,
            // Infobip wants the number without its plus sign.
            "destinations": [{"to": message.recipient.trim_start_matches('+')}],
            "content": {"text": message.text},
            "options": {"validityPeriod": {"amount": message.valid_seconds.max(30), "timeUnit": "SECONDS"}},
        });
        if let Some(url) = report_url(message) {
            sms["webhooks"] = json!({"delivery": {"url": url}, "contentType": "application/json"});
        }
        let url = format!("https://{}/sms/3/messages", options.host());
        let response = Http::post(url).json(&json!({"messages": [sms]})).send()?;
        let sent = &response.value()["messages"][0];
        match (response.status, sent["status"]["groupId"].as_u64()) {
            // 0 is accepted, 1 pending, 3 delivered. A refused message has 200 and a status of its own.
            (200, Some(0 | 1 | 3)) => {
                let segments = sent["details"]["messageCount"].as_u64().and_then(|count| count.try_into().ok());
                Ok(Receipt { segments, ..accepted(plain_text(&sent["messageId"])) })
            }
            (200, Some(group)) => Err(refused(group, &plain_code(&sent["status"]["name"]))),
            _ => Err(failed(&response)),
        }
    }
}

/// Maps the status of a refused message to a failure.
fn refused(group: u64, code: &str) -> Failure {
    match (group, code.strip_prefix("REJECTED_").unwrap_or_default()) {
        (_, "SOURCE" | "SENDER") => misconfigured(code, "Infobip does not accept the sender"),
        (_, "NOT_ENOUGH_CREDITS" | "PREPAID_PACKAGE_EXPIRED") => misconfigured(code, "the account has no credit"),
        (_, "NETWORK" | "ROUTE_NOT_AVAILABLE" | "DESTINATION_NOT_REGISTERED") => {
            misconfigured(code, "the account may not send to this network or number")
        }
        (_, "FLOODING_FILTER" | "SYSTEM_ERROR") | (4, _) => {
            retry_later(None, code, "Infobip cannot send the message at the moment")
        }
        (2, _) | (_, "PREFIX_MISSING" | "DND" | "DESTINATION") => {
            rejected_recipient(code, "Infobip cannot reach this number")
        }
        (5, _) => rejected_message(code, "Infobip does not accept the message"),
        _ => outcome_unknown(code, "Infobip responded with an unknown status"),
    }
}

/// Maps an error of the request as a whole to a failure.
fn failed(response: &Response) -> Failure {
    let (status, body) = (response.status.to_string(), response.value());
    let property = plain_text(&body["violations"][0]["property"]);
    match response.status {
        400 if property.ends_with(".to") => rejected_recipient(&status, "Infobip does not accept this number"),
        400 if property.ends_with("sender") => misconfigured(&status, "Infobip does not accept the sender"),
        _ => response.failure_by_status(&status),
    }
}

impl Reports for Infobip {
    type Options = Options;

    /// Reports to a URL of the message's own have no other proof.
    fn report_proof(_: &Options) -> Option<Proof> {
        Some(Proof::secret_url())
    }

    fn parse_report(_: &Options, request: &ReportRequest) -> Option<Report> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let result = &body["results"][0];
        let (status, code) = match result["status"]["groupId"].as_u64()? {
            3 => (DeliveryStatus::Delivered, String::new()),
            2 | 4 | 5 => (DeliveryStatus::Failed, plain_code(&result["status"]["name"])),
            _ => (DeliveryStatus::Pending, String::new()),
        };
        let (amount, currency) = (&result["price"]["pricePerMessage"], &result["price"]["currency"]);
        // The price is that of one segment.
        let price = (amount.is_number() && result["messageCount"].as_u64().unwrap_or(1) == 1)
            .then(|| Price { amount: plain_text(amount), currency: plain_text(currency) });
        Some(Report { price, ..report(status, code) })
    }
}

twofactor_provider::export!(Infobip);
twofactor_provider::export_reports!(Infobip);

#[cfg(test)]
mod tests;
