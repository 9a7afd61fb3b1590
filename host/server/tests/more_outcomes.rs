//! Each outcome of an upstream of the providers that an operator names, as an application and as an administrator see it through the
//! REST API.
//!
//! The upstreams are ours: they answer as the vendors document, whatever they are sent.

use crate::{common, scripted};
use scripted::Class::{
    Blocked, Delivered, Misconfigured, OutcomeUnknown, RejectedMessage, RejectedRecipient, RetryLater,
};
use scripted::{Bench, Class, Scripted};
use serde_json::{Value, json};

async fn bench(folder: &std::path::Path, http: &Scripted, type_id: &str, options: Value) -> Bench {
    Bench::new(folder, &http.listen().await, "127.0.0.1:1", type_id, options).await
}

#[tokio::test]
async fn each_response_of_amazon_ses_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let options = json!({"SesRegion": "eu-central-1", "SesAccessKeyId": "AKIDEXAMPLE0000A",
        "SesSecretAccessKey": "secret", "SesSenderAddress": "codes@example.com"});
    let mut bench = bench(folder.path(), &http, "ses", options).await;
    let rows: &[(u16, &'static str, Class)] = &[
        (400, "AccountSuspendedException", Misconfigured),
        (400, "SendingPausedException", Misconfigured),
        (400, "MailFromDomainNotVerifiedException", Misconfigured),
        (404, "NotFoundException", Misconfigured),
        (403, "AccessDeniedException", Misconfigured),
        (403, "InvalidSignatureException", Misconfigured),
        (403, "UnrecognizedClientException", Misconfigured),
        (403, "SomethingNewException", Misconfigured),
        (400, "MessageRejected", RejectedMessage),
        (400, "BadRequestException", RejectedMessage),
        (400, "LimitExceededException", RetryLater(None)),
        (400, "ThrottlingException", RetryLater(None)),
        (500, "InternalServiceErrorException", OutcomeUnknown),
        (503, "ServiceUnavailableException", OutcomeUnknown),
    ];
    for (status, name, class) in rows {
        http.answers(*status, &[("x-amzn-errortype", name)], &json!({"message": "m"}));
        bench.shows(name, *class).await;
        http.answers(*status, &[], &json!({"__type": format!("com.amazonaws.sesv2#{name}"), "message": "m"}));
        bench.shows(&format!("{name} in the body"), *class).await;
    }
    http.answers(429, &[("retry-after", "7"), ("x-amzn-errortype", "TooManyRequestsException")], &json!({}));
    bench.shows("429", RetryLater(Some(7))).await;
    http.answers(302, &[("location", "https://elsewhere.example.com/")], &json!({}));
    bench.shows("302", Misconfigured).await;
    http.answers(200, &[], &json!({"other": 1}));
    bench.shows("200 without an id", OutcomeUnknown).await;
    http.answers(200, &[], &json!({"MessageId": "m1"}));
    bench.shows("200", Delivered).await;
}

#[tokio::test]
async fn each_response_of_a_webhook_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let options = json!({"WebhookUrl": "https://gateway.example.com/codes",
        "WebhookSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
    let mut bench = bench(folder.path(), &http, "webhook", options).await;
    for (status, retry_after, class) in [
        (400, None, RejectedMessage),
        (422, None, RejectedMessage),
        (401, None, Misconfigured),
        (403, None, Misconfigured),
        (404, None, Misconfigured),
        (405, None, Misconfigured),
        (410, None, Misconfigured),
        (302, None, Misconfigured),
        (408, None, OutcomeUnknown),
        (429, None, RetryLater(None)),
        (429, Some("7"), RetryLater(Some(7))),
        (503, Some("9"), RetryLater(Some(9))),
        (503, None, OutcomeUnknown),
        (500, Some("9"), OutcomeUnknown),
        (504, None, OutcomeUnknown),
        (202, None, Delivered),
        (200, None, Delivered),
    ] {
        let headers: Vec<(&str, &str)> = retry_after.map(|seconds| ("retry-after", seconds)).into_iter().collect();
        http.answers(status, &headers, &json!({}));
        bench.shows(&format!("{status} {retry_after:?}"), class).await;
    }
}

#[tokio::test]
async fn each_response_of_slack_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let options = json!({"SlackBotToken": "xoxb-0123456789-abcdef"});
    let mut bench = bench(folder.path(), &http, "slack", options).await;
    let rows: &[(&[&str], Class)] = &[
        (&["channel_not_found", "user_disabled"], RejectedRecipient),
        (&["msg_too_long", "no_text", "invalid_blocks", "invalid_arguments"], RejectedMessage),
        (
            &["invalid_auth", "missing_scope", "token_revoked", "messages_tab_disabled", "restricted_action"],
            Misconfigured,
        ),
        (&["ratelimited", "request_timeout", "team_added_to_org"], RetryLater(None)),
        (&["fatal_error", "internal_error", "something_new"], OutcomeUnknown),
    ];
    for (errors, class) in rows {
        for error in *errors {
            http.answers(200, &[], &json!({"ok": false, "error": error}));
            bench.shows(error, *class).await;
        }
    }
    http.answers(429, &[("retry-after", "30")], &json!({"ok": false, "error": "ratelimited"}));
    bench.shows("429", RetryLater(Some(30))).await;
    http.answers(503, &[], &json!({}));
    bench.shows("503", OutcomeUnknown).await;
    http.answers(200, &[], &json!({"ok": true, "channel": "D1", "ts": "1503435956.000247"}));
    bench.shows("200", Delivered).await;

    // By the question nothing is sent, whatever becomes of it.
    let rows: &[(u16, Value, Class)] = &[
        (200, json!({"ok": false, "error": "users_not_found"}), RejectedRecipient),
        (200, json!({"ok": true, "user": {"id": "W1", "deleted": true}}), RejectedRecipient),
        (200, json!({"ok": false, "error": "invalid_auth"}), Misconfigured),
        (200, json!({"ok": false, "error": "fatal_error"}), RetryLater(None)),
        (200, json!({"ok": true}), RetryLater(None)),
        (500, json!({}), RetryLater(None)),
    ];
    for (status, body, class) in rows {
        http.answers_the_question(*status, &[], body);
        bench.shows(&format!("{status} {body}"), *class).await;
    }
    http.answers_the_question(429, &[("retry-after", "8")], &json!({"ok": false, "error": "ratelimited"}));
    bench.shows("429 to the question", RetryLater(Some(8))).await;
}

#[tokio::test]
async fn each_response_of_twilio_to_a_call_means_the_right_failure() {
    let (folder, http) = (tempfile::tempdir().unwrap(), Scripted::default());
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioVoiceFromNumber": "+15005550006"});
    let mut bench = bench(folder.path(), &http, "twilio-voice", options).await;
    let rows: &[(&[u32], Class)] = &[
        (&[20003, 20404, 10001, 10005, 21210, 21212, 21213, 21215, 21219], Misconfigured),
        (&[21201, 21211, 21214, 21217, 13224], RejectedRecipient),
        (&[21200, 21205], RejectedMessage),
        (&[20429, 10004], RetryLater(None)),
        (&[21216, 60605], Blocked),
    ];
    for (codes, class) in rows {
        for code in *codes {
            http.answers(400, &[], &json!({"code": code, "message": "m", "status": 400}));
            bench.shows(&format!("{code}"), *class).await;
        }
    }
    http.answers(429, &[("retry-after", "7")], &json!({"code": 20429}));
    bench.shows("429", RetryLater(Some(7))).await;
    http.answers(500, &[], &json!({}));
    bench.shows("500", OutcomeUnknown).await;
    http.answers(201, &[], &json!({"sid": "CA1", "status": "queued"}));
    bench.shows("201", Delivered).await;
}

#[test]
fn a_server_says_which_providers_there_are_if_one_is_named_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twofactor.toml");
    let store = folder.path().join("twofactor.db");
    std::fs::write(&file, format!("[store]\npath = {store:?}\n[providers]\nload = [\"ses\", \"sns\"]\n")).unwrap();
    let output = common::run(&["serve", "--config", file.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for part in
        ["`providers.load`", "`sns`", "`email`", "`ses`", "`slack`", "`twilio-verify`", "`twilio-voice`", "`webhook`"]
    {
        assert!(said.contains(part), "{said}");
    }
}
