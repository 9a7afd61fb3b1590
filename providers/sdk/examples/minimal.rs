//! A provider that posts codes to a gateway, with its test. To build the component:
//! `cargo build --release --package twofactor-provider --example minimal --target wasm32-wasip2`

use twofactor_provider::{
    Connection, Delivery, Http, Message, Metadata, Problem, Provider, Recipient, Secret, accepted, problem,
};

/// Sends text messages through a gateway.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Options {
    /// The gateway's host name, such as `sms.example.com`.
    #[serde(rename = "GatewayHost")]
    host: String,
    /// The API key. The host sends it; this code sees it in `configure` only.
    #[serde(rename = "GatewayKey")]
    key: Secret,
}

struct Gateway;

impl Provider for Gateway {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "gateway",
        name: "Gateway",
        version: "1.0.0",
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        if options.host.contains('/') {
            return Err(vec![problem("/GatewayHost", "must be a host name, without `https://` and without a path")]);
        }
        Ok(vec![Connection::bearer(format!("https://{}", options.host), &options.key)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let body = serde_json::json!({"to": message.recipient, "text": message.text});
        let response = Http::post(format!("https://{}/messages", options.host)).json(&body).send()?;
        match response.status {
            200..300 => Ok(accepted("")),
            status => Err(response.failure_by_status(&status.to_string())),
        }
    }
}

twofactor_provider::export!(Gateway);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use twofactor_provider::Failure;
    use twofactor_provider::testing::{self, Upstream};

    use super::*;

    #[test]
    fn a_message_is_posted_and_a_refusal_reported() {
        // As in the sandbox, the key is not among the options.
        let options = json!({"GatewayHost": "sms.example.com"});
        let upstream = Upstream::new().responds(202, &[], "").responds(429, &[], "");
        assert!(testing::deliver::<Gateway>(&options, &testing::message("+41791234567")).is_ok());
        let failed = testing::deliver::<Gateway>(&options, &testing::message("+41791234567"));
        assert!(matches!(failed, Err(Failure::RetryLater(_))), "{failed:?}");
        let requests = upstream.requests();
        assert_eq!(requests[0].url, "https://sms.example.com/messages");
        let body: Value = serde_json::from_slice(&requests[0].body).unwrap_or_default();
        assert_eq!(body["to"], "+41791234567");
    }
}
