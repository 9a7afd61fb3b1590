#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_provider::Failure;
use twofactor_provider::testing::{HttpError, Upstream, configure, deliver, failure_name, message};

use super::Twilio;

const SID: &str = "AC0123456789abcdef0123456789abcdef";

fn options() -> Value {
    json!({"TwilioAccountSid": SID, "TwilioSmsFromNumber": "+15005550006"})
}

#[test]
fn a_message_is_posted_as_twilio_documents_it() {
    let upstream =
        Upstream::new().responds(201, &[], r#"{"sid":"SM1","status":"queued","error_code":null,"num_segments":"1"}"#);
    let receipt = deliver::<Twilio>(&options(), &message("+41791234567")).unwrap();
    assert_eq!((receipt.reference.as_str(), receipt.segments), ("SM1", Some(1)));
    let request = &upstream.requests()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, format!("https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json"));
    let body = String::from_utf8(request.body.clone()).unwrap();
    assert_eq!(
        body,
        "To=%2B41791234567&From=%2B15005550006&Body=012345+is+your+code.&ValidityPeriod=300\
         &ContentRetention=discard&AddressRetention=obfuscate"
    );
}

#[test]
fn a_messaging_service_is_named_as_such() {
    let upstream = Upstream::new().responds(201, &[], r#"{"sid":"SM1"}"#);
    let options = json!({"TwilioAccountSid": SID, "TwilioSmsFromNumber": "MG0123456789abcdef0123456789abcdef"});
    deliver::<Twilio>(&options, &message("+41791234567")).unwrap();
    let body = String::from_utf8(upstream.requests()[0].body.clone()).unwrap();
    assert!(body.contains("&MessagingServiceSid=MG0123456789abcdef0123456789abcdef&"), "{body}");
}

#[test]
fn each_error_code_means_the_right_failure() {
    let rows: &[(&[u32], &str)] = &[
        (&[20003, 20403, 20404, 21212, 21601, 21603, 21606, 21608, 21659, 21660, 21661, 21408], "misconfigured"),
        (&[20422, 21701, 21703, 21705, 30002, 30032, 30034, 63038], "misconfigured"),
        (&[21211, 21604, 21610, 21612, 21614, 21617, 21635, 30004, 30005, 30006, 30007], "rejected"),
        (&[20429, 21611, 30001, 30003, 30008], "retry-later"),
        (&[30450, 60605], "blocked"),
    ];
    for (codes, expected) in rows {
        for code in *codes {
            let legacy = json!({"code": code, "message": "m", "status": 400}).to_string();
            let modern = json!({"type": "t", "title": "t", "status": 400, "code": code}).to_string();
            for body in [legacy, modern] {
                let _upstream = Upstream::new().responds(400, &[], &body);
                let failure = deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err();
                assert_eq!(failure_name(&failure), *expected, "{code}");
            }
            let accepted = json!({"sid": "SM1", "error_code": code}).to_string();
            let _upstream = Upstream::new().responds(201, &[], &accepted);
            let failure = deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err();
            // It was made a message: it may go out.
            let expected = if *expected == "retry-later" { "outcome-unknown" } else { expected };
            assert_eq!(failure_name(&failure), expected, "{code} in an accepted message");
        }
    }
}

#[test]
fn a_message_that_twilio_gave_up_is_no_delivery() {
    for (body, expected) in [
        (json!({"sid": "SM1", "status": "failed", "error_code": null}), "retry-later"),
        (json!({"sid": "SM1", "status": "failed"}), "retry-later"),
        (json!({"sid": "SM1", "status": "undelivered", "error_code": "30003"}), "retry-later"),
        (json!({"sid": "SM1", "status": "failed", "error_code": 21610}), "rejected"),
        (json!({"sid": "SM1", "status": "canceled", "error_code": 99999}), "retry-later"),
    ] {
        let _upstream = Upstream::new().responds(201, &[], &body.to_string());
        let failure = deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!(failure_name(&failure), expected, "{body}");
    }
}

#[test]
fn a_price_is_passed_on_if_there_is_one() {
    for (body, expected) in [
        (json!({"sid": "SM1", "price": "-0.00750", "price_unit": "USD"}), Some(("0.00750", "USD"))),
        (json!({"sid": "SM1", "price": null, "price_unit": "USD"}), None),
    ] {
        let _upstream = Upstream::new().responds(201, &[], &body.to_string());
        let price = deliver::<Twilio>(&options(), &message("+41791234567")).unwrap().price;
        assert_eq!(price.as_ref().map(|price| (&*price.amount, &*price.currency)), expected, "{body}");
    }
}

#[test]
fn fields_beside_the_sid_may_be_of_any_type() {
    for (body, segments) in [
        (json!({"sid": "SM1", "num_segments": 1}), Some(1)),
        (json!({"sid": "SM1", "num_segments": "2", "error_code": ""}), Some(2)),
        (json!({"sid": "SM1", "num_segments": {}, "error_code": [], "status": 7}), None),
        (json!({"sid": "SM1", "num_segments": 1.5, "error_code": 0}), None),
    ] {
        let _upstream = Upstream::new().responds(201, &[], &body.to_string());
        assert_eq!(deliver::<Twilio>(&options(), &message("+41791234567")).unwrap().segments, segments, "{body}");
    }
    let _upstream = Upstream::new().responds(201, &[], r#"{"sid":"SM1","error_code":"30003"}"#);
    assert_eq!(failure_name(&deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err()), "outcome-unknown");
    let _upstream = Upstream::new().responds(400, &[], r#"{"code":"21211"}"#);
    assert_eq!(failure_name(&deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err()), "rejected");
}

#[test]
fn a_429_may_be_retried_after_the_wait_it_names() {
    let _upstream = Upstream::new().responds(429, &[("retry-after", "7")], r#"{"code":20429}"#);
    match deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err() {
        Failure::RetryLater(retry) => assert_eq!(retry.after_seconds, Some(7)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_that_may_have_been_sent_has_an_unknown_outcome() {
    type Script = fn(Upstream) -> Upstream;
    let scripts: [Script; 4] = [
        |upstream| upstream.responds(500, &[], ""),
        |upstream| upstream.responds(503, &[], r#"{"code":20003}"#),
        |upstream| upstream.responds(201, &[], "<html>"),
        |upstream| upstream.fails(HttpError::OutcomeUnknown("time-out".to_owned())),
    ];
    for script in scripts {
        let _upstream = script(Upstream::new());
        let failure = deliver::<Twilio>(&options(), &message("+41791234567")).unwrap_err();
        assert_eq!(failure_name(&failure), "outcome-unknown");
    }
}

#[test]
fn a_short_code_may_be_the_sender() {
    let from = |from: &str| json!({"TwilioAccountSid": SID, "TwilioAuthToken": "t", "TwilioSmsFromNumber": from});
    assert!(configure::<Twilio>(&from("12345")).is_ok());
    for no in ["12", "1234567", "12345 "] {
        assert_eq!(configure::<Twilio>(&from(no)).unwrap_err()[0].pointer, "/TwilioSmsFromNumber", "{no}");
    }
}

#[test]
fn options_that_twilio_would_refuse_are_named() {
    let secret = json!("token");
    for (options, pointer) in [
        (
            json!({"TwilioAccountSid": "AC1", "TwilioAuthToken": secret, "TwilioSmsFromNumber": "+15005550006"}),
            "/TwilioAccountSid",
        ),
        (
            json!({"TwilioAccountSid": SID, "TwilioAuthToken": secret, "TwilioSmsFromNumber": "+1"}),
            "/TwilioSmsFromNumber",
        ),
        (
            json!({"TwilioAccountSid": SID, "TwilioAuthToken": secret, "TwilioSmsFromNumber": "a&b\r\n"}),
            "/TwilioSmsFromNumber",
        ),
        (
            json!({"TwilioAccountSid": SID, "TwilioAuthToken": secret, "TwilioSmsFromNumber": "+15005550006",
                "TwilioEdge": "example.com/"}),
            "/TwilioEdge",
        ),
        (
            json!({"TwilioAccountSid": SID, "TwilioAuthToken": secret, "TwilioSmsFromNumber": "+15005550006",
                "TwilioApiKeySid": SID}),
            "/TwilioApiKeySid",
        ),
    ] {
        assert_eq!(configure::<Twilio>(&options).unwrap_err()[0].pointer, pointer);
    }
}

#[test]
fn the_region_and_the_edge_make_the_origin() {
    for (extra, host) in [
        (json!({}), "api.twilio.com"),
        (json!({"TwilioRegion": "ie1"}), "api.ie1.twilio.com"),
        (json!({"TwilioEdge": "dublin"}), "api.dublin.us1.twilio.com"),
        (json!({"TwilioEdge": "dublin", "TwilioRegion": "ie1"}), "api.dublin.ie1.twilio.com"),
    ] {
        let mut options = options();
        options["TwilioAuthToken"] = "t".into();
        options.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let connections = configure::<Twilio>(&options).unwrap();
        assert!(format!("{connections:?}").contains(&format!("\"https://{host}\"")), "{host}");
    }
}
