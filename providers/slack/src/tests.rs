#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{self, HttpError, Upstream, configure, deliver, message};
use twofactor_provider::{Failure, Message, RejectedPart};

use super::Slack;

const FOUND: &str = r#"{"ok":true,"user":{"id":"W012A3CDE","deleted":false}}"#;

fn class(failure: &Failure) -> &'static str {
    match failure {
        Failure::Rejected(rejection) if rejection.part == RejectedPart::Recipient => "recipient",
        Failure::Rejected(_) => "message",
        other => testing::failure_name(other),
    }
}

fn failure(upstream: Upstream) -> (Failure, usize) {
    let failure = deliver::<Slack>(&json!({}), &message("ann@example.org")).unwrap_err();
    (failure, upstream.requests().len())
}

fn refused(error: &str) -> String {
    json!({"ok": false, "error": error}).to_string()
}

#[test]
fn the_member_is_looked_up_and_receives_the_text_unchanged() {
    let upstream =
        Upstream::new().responds(200, &[], FOUND).responds(200, &[], r#"{"ok":true,"channel":"D1","ts":"1503.2"}"#);
    let text = "012345 is your code & <b>no</b> *markup*.";
    let receipt =
        deliver::<Slack>(&json!({}), &Message { text: text.to_owned(), ..message("ann+x@example.org") }).unwrap();
    assert_eq!(receipt.reference, "1503.2");
    let [question, post] = &upstream.requests()[..] else { panic!("two requests are made") };
    assert_eq!((&*question.method, &*question.url), ("POST", "https://slack.com/api/users.lookupByEmail"));
    assert_eq!(String::from_utf8_lossy(&question.body), "email=ann%2Bx%40example.org");
    assert_eq!((&*post.method, &*post.url), ("POST", "https://slack.com/api/chat.postMessage"));
    let shown = json!({"type": "rich_text_section", "elements": [{"type": "text", "text": text}]});
    assert_eq!(
        serde_json::from_slice::<Value>(&post.body).unwrap(),
        json!({"channel": "W012A3CDE", "text": "012345 is your code &amp; &lt;b&gt;no&lt;/b&gt; *markup*.",
            "blocks": [{"type": "rich_text", "elements": [shown]}],
            "mrkdwn": false, "unfurl_links": false, "unfurl_media": false})
    );
}

#[test]
fn each_error_of_the_lookup_means_the_right_failure_and_nothing_is_posted() {
    let rows: &[(&[&str], &str)] = &[
        (&["users_not_found"], "recipient"),
        (
            &[
                "missing_scope",
                "no_permission",
                "not_allowed_token_type",
                "not_authed",
                "invalid_auth",
                "token_revoked",
                "token_expired",
                "account_inactive",
                "access_denied",
                "accesslimited",
                "ekm_access_denied",
                "enterprise_is_restricted",
                "team_access_not_granted",
                "two_factor_setup_required",
                "method_deprecated",
                "deprecated_endpoint",
            ],
            "misconfigured",
        ),
        (
            &[
                "ratelimited",
                "service_unavailable",
                "request_timeout",
                "team_added_to_org",
                "org_login_required",
                "internal_error",
                "fatal_error",
                "something_new",
            ],
            "retry-later",
        ),
    ];
    for (errors, expected) in rows {
        for error in *errors {
            let (failure, requests) = failure(Upstream::new().responds(200, &[], &refused(error)));
            assert_eq!((class(&failure), requests), (*expected, 1), "{error}");
        }
    }
    let gone = r#"{"ok":true,"user":{"id":"W012A3CDE","deleted":true}}"#;
    let (failure, requests) = failure(Upstream::new().responds(200, &[], gone));
    assert_eq!((class(&failure), requests), ("recipient", 1));
}

#[test]
fn a_question_that_is_not_answered_may_be_asked_again() {
    type Script = fn(Upstream) -> Upstream;
    let scripts: [Script; 7] = [
        |upstream| upstream.fails(HttpError::OutcomeUnknown("time-out".to_owned())),
        |upstream| upstream.responds(500, &[], ""),
        |upstream| upstream.responds(503, &[], &refused("something_new")),
        |upstream| upstream.responds(200, &[], "<html>"),
        |upstream| upstream.responds(200, &[], r#"{"ok":true}"#),
        |upstream| upstream.responds(200, &[], &refused("to ann@example.org")),
        |upstream| upstream.responds(429, &[("retry-after", "7")], &refused("ratelimited")),
    ];
    for script in scripts {
        let (failure, requests) = failure(script(Upstream::new()));
        assert_eq!((class(&failure), requests), ("retry-later", 1), "{failure:?}");
        assert!(!format!("{failure:?}").contains("ann"));
    }
    let denied = Upstream::new().fails(HttpError::Denied("no".to_owned()));
    assert_eq!(class(&failure(denied).0), "misconfigured");
}

#[test]
fn each_error_of_the_message_means_the_right_failure() {
    let rows: &[(&[&str], &str)] = &[
        (&["channel_not_found", "user_not_found", "user_disabled"], "recipient"),
        (&["msg_too_long", "no_text", "invalid_blocks", "invalid_arguments", "invalid_post_type"], "message"),
        (
            &[
                "is_archived",
                "not_in_channel",
                "messages_tab_disabled",
                "cannot_dm_bot",
                "restricted_action",
                "restricted_action_read_only_channel",
                "missing_scope",
                "invalid_auth",
                "token_revoked",
                "ekm_access_denied",
            ],
            "misconfigured",
        ),
        (&["ratelimited", "rate_limited", "message_limit_exceeded", "request_timeout"], "retry-later"),
        (&["fatal_error", "internal_error", "something_new"], "outcome-unknown"),
    ];
    for (errors, expected) in rows {
        for error in *errors {
            let upstream = Upstream::new().responds(200, &[], FOUND).responds(200, &[], &refused(error));
            let (failure, requests) = failure(upstream);
            assert_eq!((class(&failure), requests), (*expected, 2), "{error}");
        }
    }
}

#[test]
fn a_status_of_the_message_alone_means_the_right_failure() {
    for (status, body, expected) in [
        (200, "<html>", "outcome-unknown"),
        (200, r#"{"ok":false,"error":"to ann@example.org"}"#, "outcome-unknown"),
        (302, "", "misconfigured"),
        (403, "", "misconfigured"),
        (429, "", "retry-later"),
        (500, r#"{"ok":false,"error":"ratelimited"}"#, "outcome-unknown"),
        (503, "", "outcome-unknown"),
    ] {
        let upstream = Upstream::new().responds(200, &[], FOUND).responds(status, &[("retry-after", "30")], body);
        let (failure, _) = failure(upstream);
        assert_eq!(class(&failure), expected, "{status} {body}");
        if let Failure::RetryLater(retry) = &failure {
            assert_eq!(retry.after_seconds, Some(30));
        }
    }
    let upstream = Upstream::new().responds(200, &[], FOUND).fails(HttpError::OutcomeUnknown("time-out".to_owned()));
    assert_eq!(class(&failure(upstream).0), "outcome-unknown");
}

#[test]
fn another_kind_of_token_is_named() {
    for (token, fits) in [
        ("xoxb-123456789012-abcdefABCDEF", true),
        ("xoxp-123456789012-abcdefABCDEF", false),
        ("xoxe.xoxb-1-abcdef", false),
        ("xoxb-", false),
        ("xoxb-1234567890 abc", false),
    ] {
        let result = configure::<Slack>(&json!({"SlackBotToken": token}));
        assert_eq!(result.is_ok(), fits, "{token}");
        if let Err(problems) = result {
            assert_eq!(problems[0].pointer, "/SlackBotToken");
        }
    }
}
