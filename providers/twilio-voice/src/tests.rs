#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::testing::{HttpError, Upstream, configure, deliver, failure_name, message};
use twofactor_provider::{Failure, Message};

use super::{TwilioVoice, twiml};

const SID: &str = "AC0123456789abcdef0123456789abcdef";

fn options() -> Value {
    json!({"TwilioAccountSid": SID, "TwilioVoiceFromNumber": "+15005550006"})
}

fn call() -> Message {
    Message { code: "012345".to_owned(), ..message("+41791234567") }
}

#[test]
fn a_call_is_made_as_twilio_documents_it() {
    let upstream = Upstream::new().responds(201, &[], r#"{"sid":"CA1","status":"queued"}"#);
    assert_eq!(deliver::<TwilioVoice>(&options(), &call()).unwrap().reference, "CA1");
    let request = &upstream.requests()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, format!("https://api.twilio.com/2010-04-01/Accounts/{SID}/Calls.json"));
    let body = String::from_utf8(request.body.clone()).unwrap();
    assert!(body.starts_with("To=%2B41791234567&From=%2B15005550006&Twiml=%3C%3Fxml"), "{body}");
    assert!(body.ends_with("&TimeLimit=120"), "{body}");
}

#[test]
fn the_sentence_is_said_twice_in_its_language_digit_by_digit_without_the_line_for_browsers() {
    let text = "Shop & <Co>: 012345 ist Ihr Code.\n\n@shop.example.com #012345".to_owned();
    let said = twiml::script(&Message { text, locale: "de-CH".to_owned(), ..call() });
    assert_eq!(
        said,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Pause length=\"1\"/><Say language=\"de-DE\" loop=\"2\">\
         Shop &amp; &lt;Co&gt;: 0, 1, 2, 3, 4, 5 ist Ihr Code.</Say></Response>"
    );
    for (locale, language) in [("fr", "fr-FR"), ("it-CH", "it-IT"), ("en-GB", "en-US"), ("\"/><Hangup", "en-US")] {
        let said = twiml::script(&Message { locale: locale.to_owned(), ..call() });
        assert!(said.contains(&format!("<Say language=\"{language}\" loop")), "{said}");
    }
}

#[test]
fn nothing_in_a_text_becomes_an_instruction_or_breaks_the_script() {
    let text = "\u{0}\u{b}012345</Say><Dial>+1900</Dial>'\"&amp;\u{ffff}".to_owned();
    let said = twiml::script(&Message { text, ..call() });
    assert!(
        said.contains("0, 1, 2, 3, 4, 5&lt;/Say&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;&apos;&quot;&amp;amp; <"),
        "{said}"
    );
    assert!(!said.chars().any(char::is_control), "{said:?}");
}

#[test]
fn each_error_code_means_the_right_failure() {
    let rows: &[(&[u32], &str)] = &[
        (&[20003, 20403, 20404, 10001, 10002, 10005, 21210, 21212, 21213, 21203, 21215, 13227, 21219], "misconfigured"),
        (&[21201, 21211, 21214, 21217, 13223, 13224, 21200, 21205, 21218], "rejected"),
        (&[20429, 10004], "retry-later"),
        (&[30450, 60605, 21216], "blocked"),
    ];
    for (codes, expected) in rows {
        for code in *codes {
            let _upstream = Upstream::new().responds(400, &[], &json!({"code": code, "status": 400}).to_string());
            let failure = deliver::<TwilioVoice>(&options(), &call()).unwrap_err();
            assert_eq!(failure_name(&failure), *expected, "{code}");
        }
    }
}

#[test]
fn a_call_that_may_have_rung_has_an_unknown_outcome() {
    type Script = fn(Upstream) -> Upstream;
    let scripts: [Script; 3] = [
        |upstream| upstream.responds(500, &[], ""),
        |upstream| upstream.responds(201, &[], "<html>"),
        |upstream| upstream.fails(HttpError::OutcomeUnknown("time-out".to_owned())),
    ];
    for script in scripts {
        let upstream = script(Upstream::new());
        let failure = deliver::<TwilioVoice>(&options(), &call()).unwrap_err();
        assert_eq!((failure_name(&failure), upstream.requests().len()), ("outcome-unknown", 1));
    }
    let _upstream = Upstream::new().responds(429, &[("retry-after", "7")], r#"{"code":20429}"#);
    match deliver::<TwilioVoice>(&options(), &call()).unwrap_err() {
        Failure::RetryLater(retry) => assert_eq!(retry.after_seconds, Some(7)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_that_twilio_would_refuse_are_named() {
    for (name, value) in [
        ("TwilioAccountSid", "AC1"),
        ("TwilioVoiceFromNumber", "Shop"),
        ("TwilioVoiceFromNumber", "MG0123456789abcdef0123456789abcdef"),
        ("TwilioEdge", "example.com/"),
        ("TwilioApiKeySid", SID),
    ] {
        let mut options = options();
        options["TwilioAuthToken"] = "token".into();
        options[name] = value.into();
        assert_eq!(configure::<TwilioVoice>(&options).unwrap_err()[0].pointer, format!("/{name}"), "{value}");
    }
}
