//! The components that an operator names, with their vendors' own interfaces: a code travels over
//! TLS to a strict substitute of each and is accepted once.

use serde_json::{Value, json};
use twofactor::{Answer, NewChallenge, SignIn};
use twofactor_tests::vendors::ses::{self, Ses};
use twofactor_tests::vendors::slack::{self, Slack};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::twilio::{self, Twilio};
use twofactor_tests::vendors::webhook::{self, Receiver};
use twofactor_tests::vendors::{Bench, trusting};

const PHONE: &str = "+41791234567";
const EMAIL: &str = "alice@example.org";

fn with(mut options: Value, more: &Value) -> Value {
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

/// Returns the code of six digits in a text.
fn code(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).unwrap()
}

async fn on_ses(more: Value) -> (Ses, Bench) {
    let authority = Authority::default();
    let ses = Ses::start(&authority).await;
    let options = json!({"SesRegion": ses::KEY.region, "SesAccessKeyId": ses::KEY.id,
        "SesSecretAccessKey": ses::KEY.secret, "SesSenderAddress": ses::SENDER});
    let bench = Bench::new(ses.on(trusting(&authority)), "ses", with(options, &more)).await;
    (ses, bench)
}

#[tokio::test]
async fn a_code_travels_through_amazon_ses_under_a_signature_of_the_hosts() {
    for (more, name) in [
        (json!({}), None),
        (json!({"SesSenderName": "My \"Shop\", Inc."}), Some("My \"Shop\", Inc.")),
        (
            json!({"SesSenderName": "Zürcher Käsehändler & Söhne — 日本語のとても長い名前", "SesConfigurationSet": ses::SET}),
            Some("Zürcher Käsehändler & Söhne — 日本語のとても長い名前"),
        ),
    ] {
        let (ses, bench) = on_ses(more.clone()).await;
        assert_eq!(bench.a_code_travels(PHONE, EMAIL, || ses.text()).await, ["otp"]);
        let mail = ses.taken().remove(0);
        assert_eq!((&*mail.to, mail.name.as_deref(), &*mail.subject), (EMAIL, name, "Your code"), "{more}");
        assert_eq!(mail.set.as_deref(), more["SesConfigurationSet"].as_str());
        // The signed request contains the code: it was put in before. The key occurs nowhere.
        assert!(mail.html.contains(code(&mail.text)) && mail.request.contains(code(&mail.text)));
        assert!(!mail.request.contains(ses::KEY.secret));
    }
}

#[tokio::test]
async fn an_address_with_umlauts_reaches_amazon_ses_in_punycode() {
    let (ses, bench) = on_ses(json!({})).await;
    bench.a_code_travels(PHONE, "alice@bücher.example", || ses.text()).await;
    assert_eq!(ses.taken()[0].to, "alice@xn--bcher-kva.example");
    let report = bench.test(PHONE, "älice@example.org").await;
    assert_eq!(report.outcome, "rejected-recipient", "{}", report.detail);
    assert_eq!(ses.taken().len(), 1);
}

#[tokio::test]
async fn each_refusal_of_amazon_means_the_right_failure() {
    for (more, outcome, code) in [
        (json!({"SesSecretAccessKey": "wrong-secret"}), "misconfigured", "InvalidSignatureException"),
        (json!({"SesAccessKeyId": "AKIDEXAMPLE0000B"}), "misconfigured", "UnrecognizedClientException"),
        (json!({"SesSenderAddress": "other@example.com"}), "rejected-message", "MessageRejected"),
        (json!({"SesConfigurationSet": "other"}), "misconfigured", "NotFoundException"),
    ] {
        let (ses, bench) = on_ses(more.clone()).await;
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{more}: {}", report.detail);
        assert!(ses.taken().is_empty());
    }
}

async fn on_webhook(more: Value) -> (Receiver, Bench) {
    let authority = Authority::default();
    let receiver = Receiver::start(&authority).await;
    let options = json!({"WebhookUrl": webhook::URL, "WebhookSecret": webhook::SECRET});
    let bench = Bench::new(receiver.on(trusting(&authority)), "webhook", with(options, &more)).await;
    (receiver, bench)
}

#[tokio::test]
async fn a_code_travels_to_a_webhook_that_checks_its_signature() {
    let (receiver, bench) = on_webhook(json!({})).await;
    assert_eq!(bench.a_code_travels(PHONE, EMAIL, || receiver.text()).await, ["otp", "sms"]);
    let message = receiver.taken().remove(0);
    assert_eq!((&*message.to, &*message.locale, &*message.purpose), (PHONE, "en", "sign-in"));
    assert!((290..=300).contains(&message.valid_seconds), "{}", message.valid_seconds);
    // The signed request contains the code: it was put in before. The secret occurs nowhere.
    assert!(message.request.contains(code(&message.text)));
    assert!(!message.request.contains(webhook::SECRET.trim_start_matches("whsec_")));
}

#[tokio::test]
async fn a_webhook_with_another_secret_or_at_another_place_is_for_the_operator() {
    for (more, code) in [
        (json!({"WebhookSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSv"}), "401"),
        (json!({"WebhookUrl": "https://gateway.example.com/elsewhere"}), "404"),
    ] {
        let (receiver, bench) = on_webhook(more).await;
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", code), "{}", report.detail);
        assert!(receiver.taken().is_empty());
    }
}

async fn on_slack(token: &str) -> (Slack, Bench) {
    let authority = Authority::default();
    let slack = Slack::start(&authority).await;
    let bench = Bench::new(slack.on(trusting(&authority)), "slack", json!({"SlackBotToken": token})).await;
    (slack, bench)
}

#[tokio::test]
async fn a_code_travels_through_slack_to_the_member_with_the_address() {
    let (slack, bench) = on_slack(slack::TOKEN).await;
    assert_eq!(bench.a_code_travels(PHONE, "Alice@Example.org", || slack.text()).await, ["otp"]);
    let message = slack.taken().remove(0);
    assert_eq!((&*message.channel, slack.taken().len(), slack.questions()), (slack::MEMBERS[0].1, 1, 1));
    assert_eq!(message.shown, message.notified);
}

#[tokio::test]
async fn each_refusal_of_slack_means_the_right_failure_and_nothing_is_posted() {
    for (token, email, outcome, code) in [
        (slack::TOKEN, "bob@example.org", "rejected-recipient", "users_not_found"),
        (slack::TOKEN, slack::MEMBERS[1].0, "rejected-recipient", "deleted"),
        ("xoxb-000000000009-abcdefABCDEF", EMAIL, "misconfigured", "invalid_auth"),
        (slack::READER, EMAIL, "misconfigured", "missing_scope"),
    ] {
        let (slack, bench) = on_slack(token).await;
        let report = bench.test(PHONE, email).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{}", report.detail);
        assert!(slack.taken().is_empty());
    }
}

async fn on_twilio_voice(more: Value) -> (Twilio, Bench) {
    let authority = Authority::default();
    let twilio = Twilio::start(&authority).await;
    let options = json!({"TwilioAccountSid": twilio::ACCOUNT, "TwilioAuthToken": twilio::TOKEN,
        "TwilioVoiceFromNumber": twilio::FROM});
    let bench = Bench::new(twilio.on(trusting(&authority)), "twilio-voice", with(options, &more)).await;
    (twilio, bench)
}

/// Returns what is heard first in the newest call, with its digits side by side.
fn heard(twilio: &Twilio) -> String {
    let said = twilio.calls().last().unwrap().said[0].2.clone();
    let digits: Vec<&str> = said.split(", ").collect();
    assert_eq!(digits.len(), 6, "{said}");
    digits.concat()
}

#[tokio::test]
async fn a_code_is_read_out_digit_by_digit_twice_in_the_language_of_the_sign_in() {
    for (more, host) in [
        (json!({}), "api.twilio.com"),
        (json!({"TwilioEdge": "dublin", "TwilioRegion": "ie1"}), "api.dublin.ie1.twilio.com"),
        (json!({"TwilioApiKeySid": twilio::KEY, "TwilioAuthToken": twilio::KEY_SECRET}), "api.twilio.com"),
    ] {
        let (twilio, bench) = on_twilio_voice(more).await;
        assert_eq!(bench.a_code_travels(PHONE, EMAIL, || heard(&twilio)).await, ["otp", "tel"], "{host}");
        let call = twilio.calls().remove(0);
        assert_eq!((&*call.to, &*call.from, call.said.len()), (PHONE, twilio::FROM, 1));
        assert_eq!((&*call.said[0].0, call.said[0].1), ("en-US", 2));
    }
    let (twilio, bench) = on_twilio_voice(json!({})).await;
    for (n, (locale, language)) in
        [("de-CH", "de-DE"), ("fr", "fr-FR"), ("it", "it-IT"), ("xx", "en-US")].into_iter().enumerate()
    {
        let sign_in = SignIn::new("s").tenant("t").user(format!("u{n}"));
        let start = NewChallenge::new(sign_in).phone(format!("+4179123450{n}")).locale(locale);
        let challenge = bench.engine.start(start).await.unwrap();
        assert_eq!(twilio.calls()[n].said[0].0, language);
        let heard = heard(&twilio);
        bench.engine.verify("s", Answer::new(&challenge.id, code(&heard))).await.unwrap();
    }
}

#[tokio::test]
async fn twilios_magic_numbers_for_calls_mean_the_right_failures() {
    let credentials = json!({"TwilioAccountSid": twilio::TEST_ACCOUNT, "TwilioAuthToken": twilio::TEST_TOKEN});
    let (twilio, bench) = on_twilio_voice(credentials.clone()).await;
    for (to, outcome, code) in [
        ("+12025550001", "rejected-recipient", "21217"),
        ("+12025550002", "rejected-recipient", "21214"),
        ("+12025550003", "misconfigured", "21215"),
        ("+12025550004", "blocked", "21216"),
    ] {
        let report = bench.test(to, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{to}: {}", report.detail);
    }
    assert!(twilio.calls().is_empty());
    assert_eq!(bench.test(PHONE, EMAIL).await.outcome, "delivered");
    for (from, code) in [("+15005550001", "21212"), ("+41791112233", "21210")] {
        let (_twilio, bench) =
            on_twilio_voice(with(credentials.clone(), &json!({"TwilioVoiceFromNumber": from}))).await;
        let report = bench.test(PHONE, EMAIL).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", code), "{from}: {}", report.detail);
    }
    let (_twilio, bench) = on_twilio_voice(json!({"TwilioAuthToken": "wrong"})).await;
    assert_eq!(bench.test(PHONE, EMAIL).await.code, "20003");
}
