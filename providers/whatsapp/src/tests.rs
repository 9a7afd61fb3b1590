#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::Message;
use twofactor_provider::testing::{Upstream, configure, deliver, failure_name, message};

use super::WhatsApp;

fn options() -> Value {
    json!({"WhatsAppPhoneNumberId": "106540352242922", "WhatsAppTemplateName": "sign_in_code",
        "WhatsAppTemplateLanguages": ["en_US", "de", "pt_BR"]})
}

fn with_code(locale: &str) -> Message {
    Message { code: "QXZJKV".to_owned(), locale: locale.to_owned(), ..message("+41791234567") }
}

#[test]
fn the_code_is_sent_by_itself_as_whatsapp_documents_it() {
    let upstream = Upstream::new().responds(
        200,
        &[],
        r#"{"messaging_product":"whatsapp","contacts":[{"input":"+41791234567","wa_id":"41791234567"}],
            "messages":[{"id":"wamid.HBgL","message_status":"accepted"}]}"#,
    );
    let receipt = deliver::<WhatsApp>(&options(), &with_code("de-CH")).unwrap();
    assert_eq!(receipt.reference, "wamid.HBgL");
    let request = &upstream.requests()[0];
    assert_eq!(request.url, "https://graph.facebook.com/v23.0/106540352242922/messages");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let code = json!([{"type": "text", "text": "QXZJKV"}]);
    assert_eq!(
        body,
        json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+41791234567", "type": "template",
            "template": {"name": "sign_in_code", "language": {"code": "de"}, "components": [
                {"type": "body", "parameters": code},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": code}]}})
    );
}

#[test]
fn the_template_is_in_the_language_of_the_message_or_the_first() {
    for (locale, expected) in
        [("en-US", "en_US"), ("en-GB", "en_US"), ("de", "de"), ("pt", "pt_BR"), ("fr-CH", "en_US"), ("", "en_US")]
    {
        let upstream = Upstream::new().responds(200, &[], r#"{"messages":[{"id":"w"}]}"#);
        deliver::<WhatsApp>(&options(), &with_code(locale)).unwrap();
        let body: Value = serde_json::from_slice(&upstream.requests()[0].body).unwrap();
        assert_eq!(body["template"]["language"]["code"], expected, "{locale}");
    }
}

#[test]
fn each_code_has_its_class() {
    let rows: &[(u16, &[u32], &str)] = &[
        (401, &[190, 0], "misconfigured"),
        (403, &[10, 200], "misconfigured"),
        (404, &[132_001], "misconfigured"),
        (400, &[132_000, 132_015, 33, 133_010, 131_042], "misconfigured"),
        (400, &[131_026, 131_021, 131_030], "rejected"),
        (400, &[100, 131_008], "rejected"),
        (400, &[130_429, 131_056, 80_007], "retry-later"),
        (429, &[130_429, 1], "retry-later"),
        (400, &[131_048], "blocked"),
        (403, &[368], "blocked"),
        (500, &[131_000, 1, 999_999], "outcome-unknown"),
    ];
    for (status, codes, expected) in rows {
        for code in *codes {
            let body =
                json!({"error": {"message": "(#) m", "type": "OAuthException", "code": code, "fbtrace_id": "A"}});
            let _upstream = Upstream::new().responds(*status, &[], &body.to_string());
            let failure = deliver::<WhatsApp>(&options(), &with_code("en")).unwrap_err();
            assert_eq!(failure_name(&failure), *expected, "{status} {code}");
        }
    }
    let no_such_number = r#"{"error": {"type": "GraphMethodException", "code": 100, "error_subcode": 33}}"#;
    let _upstream = Upstream::new().responds(400, &[], no_such_number);
    assert_eq!(failure_name(&deliver::<WhatsApp>(&options(), &with_code("en")).unwrap_err()), "misconfigured");
    let paused = r#"{"messages":[{"id":"w","message_status":"paused"}]}"#;
    let _upstream = Upstream::new().responds(200, &[], paused);
    assert_eq!(failure_name(&deliver::<WhatsApp>(&options(), &with_code("en")).unwrap_err()), "misconfigured");
}

#[test]
fn the_id_of_the_number_is_not_the_number() {
    for (id, is_valid) in [("106540352242922", true), ("+41791234567", false), ("1/../x", false)] {
        let mut options = options();
        (options["WhatsAppPhoneNumberId"], options["WhatsAppAccessToken"]) = (id.into(), "EAA".into());
        assert_eq!(configure::<WhatsApp>(&options).is_ok(), is_valid, "{id}");
    }
}
