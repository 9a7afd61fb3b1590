//! A provider of the world `delivery-provider-wasi-http`, with nothing but generated bindings between it and the standard
//! interface. It is granted `https://upstream.example.com` with a secret.

// There is nothing to try outside of a component.
#![cfg(target_arch = "wasm32")]

use serde_json::Value;
use twofactor_provider::bindings::exports::twofactor::provider::configuration::Guest as Configuration;
use twofactor_provider::bindings::twofactor::provider::types::{
    Connection, Credentials, DeliveryFailure, HttpAuthentication, HttpConnection, HttpSetting, Manifest, Message,
    Problem, Reason, Receipt, RecipientKind, Retry,
};
use twofactor_provider::delivery_bindings::exports::twofactor::provider::delivery::Guest as Delivery;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};

struct Guest;

const SCHEMA: &str = r#"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "Behaviour": {"type": "string"},
        "Url": {"type": "string"},
        "Header": {"type": "string"},
        "Key": {"type": "string", "writeOnly": true, "x-twofactor-placement": ["body", "query"]},
        "Secret": {"type": "string", "writeOnly": true}
    },
    "required": ["Behaviour", "Secret"],
    "additionalProperties": false
}"#;

/// Somewhere it was not granted.
const ELSEWHERE: &str = "https://elsewhere.example.com/";

fn reason(code: &str, detail: &str) -> Reason {
    Reason { code: code.to_owned(), detail: detail.to_owned() }
}

fn denied(detail: &str) -> DeliveryFailure {
    DeliveryFailure::Misconfigured(reason("denied", detail))
}

fn failure(code: &ErrorCode) -> DeliveryFailure {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::HttpRequestUriInvalid => denied("the host refused the request"),
        ErrorCode::ConnectionRefused => {
            DeliveryFailure::RetryLater(Retry { after_seconds: None, reason: reason("not-sent", "no connection") })
        }
        _ => DeliveryFailure::OutcomeUnknown(reason("no-answer", "no whole answer")),
    }
}

/// One POST of a text; answers with the status.
fn send(url: &str, header: &str, text: &str) -> Result<u16, DeliveryFailure> {
    let answer = begin(url, header, text)?;
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(response.status()),
        Some(Ok(Err(code))) => Err(failure(&code)),
        _ => Err(DeliveryFailure::OutcomeUnknown(reason("no-answer", "the answer was taken before"))),
    }
}

/// Returns the same, without waiting for the answer.
fn begin(url: &str, header: &str, text: &str) -> Result<FutureIncomingResponse, DeliveryFailure> {
    let fields = Fields::new();
    if let Some((name, value)) = header.split_once(": ") {
        fields.append(name, value.as_bytes()).map_err(|_| denied("the header was refused"))?;
    }
    let request = OutgoingRequest::new(fields);
    let malformed = |()| denied("the URL was refused");
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    request.set_method(&Method::Post).map_err(malformed)?;
    request.set_scheme(Some(&scheme)).map_err(malformed)?;
    request.set_authority(Some(authority)).map_err(malformed)?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(malformed)?;
    let body = request.body().map_err(malformed)?;
    if let Ok(stream) = body.write() {
        // Where the host refuses the request, its body goes nowhere either.
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    }
    // What fails here was not begun.
    let answer = handle(request, None).map_err(|_| denied("the request was refused"))?;
    OutgoingBody::finish(body, None).map_err(|code| failure(&code))?;
    Ok(answer)
}

impl Configuration for Guest {
    fn describe() -> Manifest {
        Manifest {
            type_id: "wasi-http".to_owned(),
            name: "wasi:http".to_owned(),
            version: "1.0.0".to_owned(),
            channel: "sms".to_owned(),
            recipient: RecipientKind::PhoneNumber,
            options_schema: SCHEMA.to_owned(),
            needs_code: false,
            extra: Vec::new(),
        }
    }

    fn configure(options: String) -> Result<Vec<Connection>, Vec<Problem>> {
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let secret = options["Secret"].as_str().unwrap_or_default().to_owned();
        Ok(vec![Connection::Http(HttpConnection {
            origin: "https://upstream.example.com".to_owned(),
            authentication: HttpAuthentication::Basic(Credentials { username: "user".to_owned(), password: secret }),
            settings: vec![HttpSetting::PlaceSecret("/Key".to_owned())],
        })])
    }
}

impl Delivery for Guest {
    fn deliver(options: String, message: Message) -> Result<Receipt, DeliveryFailure> {
        let options: Value = serde_json::from_str(&options).unwrap_or_default();
        let text = |name: &str| options[name].as_str().unwrap_or_default().to_owned();
        let (url, header) = (text("Url"), text("Header"));
        let status = match &*text("Behaviour") {
            "call flood" => {
                for _ in 0..100 {
                    let _ = send(&url, &header, &message.text);
                }
                0
            }
            "send, be denied, trap" => {
                let _ = send(&url, &header, &message.text);
                let _ = send(ELSEWHERE, &header, "");
                std::process::abort()
            }
            "begin to send, trap" => {
                let _under_way = begin(&url, &header, &message.text);
                std::process::abort()
            }
            "place in the body" => send(&url, &header, &format!("{} {}", text("Key"), message.text))?,
            "place in the query" => send(&format!("{url}?key={}", text("Key")), &header, &message.text)?,
            "place in the path" => send(&format!("{url}/{}", text("Key")), &header, &message.text)?,
            "recipient in the URL" => send(&format!("{url}{}", message.recipient), &header, &message.text)?,
            "be denied, trap" => {
                let _ = send(ELSEWHERE, &header, "");
                std::process::abort()
            }
            _ => send(&url, &header, &message.text)?,
        };
        Ok(Receipt { reference: status.to_string(), segments: None, price: None, extra: Vec::new() })
    }
}

#[allow(unsafe_code, reason = "the exports of a component are generated")]
mod export {
    use super::Guest;
    use twofactor_provider::{bindings, delivery_bindings};

    bindings::export_bindings!(Guest with_types_in bindings);
    delivery_bindings::export_bindings!(Guest with_types_in delivery_bindings);
}
