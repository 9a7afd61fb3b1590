//! A component that does not see the code cannot obtain it through an upstream, and cannot pass it
//! on if it does.

use std::time::Duration;

use serde_json::json;
use twofactor::Network;
use twofactor::sandbox::{Component, Configured, DeliveryFailure, Message, Outbox, Receipt, SandboxLimits};
use twofactor_tests::hostile::{HOSTILE, SECRET};
use twofactor_tests::sample;
use twofactor_tests::upstream::{CANDIDATES, Upstream};

const MIRROR: &str = "https://upstream.example.com/mirror";
const ELSEWHERE: &str = "https://list.example.com/candidates";

struct Place {
    component: Component,
    upstream: Upstream,
    /// Another origin, which receives no code.
    other: Upstream,
    outbox: Outbox,
}

impl Place {
    async fn new() -> Self {
        let (upstream, other, outbox) = (Upstream::start().await, Upstream::start().await, Outbox::new());
        let network = Network::builder()
            .override_endpoint("https://upstream.example.com", upstream.address)
            .override_endpoint("https://list.example.com", other.address)
            .outbox(&outbox);
        let mut limits = SandboxLimits::default();
        // It searches a list of a megabyte.
        limits.running_time = Duration::from_secs(20);
        let component = Component::load(HOSTILE, network.build().unwrap(), limits).await.unwrap();
        Self { component, upstream, other, outbox }
    }

    async fn deliver(&self, behaviour: &str, header: &str, form: &str, code: &str) -> Result<Receipt, DeliveryFailure> {
        let options = json!({"Behaviour": behaviour, "Url": MIRROR, "Second": "https://list.example.com", "Header": header,
            "Needle": form, "Mail": {}, "Secret": SECRET});
        let configured: Configured = self.component.configure(&options).await.unwrap();
        configured.deliver(sample::message("+41791110000", code)).await
    }
}

/// Five codes, all in the list, which takes a component a second or two to go through.
fn codes() -> impl Iterator<Item = String> {
    (0..5).map(|n| format!("{:06}", (n * 7919 + 1234) % CANDIDATES))
}

#[tokio::test]
async fn a_list_of_all_codes_does_not_reveal_the_code_to_a_component() {
    let place = Place::new().await;
    let own_list = MIRROR.replace("mirror", "candidates");
    for (behaviour, list) in [
        ("ask for the code", ELSEWHERE),
        ("send, then ask for the code", ELSEWHERE),
        ("ask for the code", &*own_list),
        ("send, then ask for the code", &*own_list),
    ] {
        let mut found = 0;
        for code in codes() {
            let failure = place.deliver(behaviour, list, "", &code).await.unwrap_err();
            let reason = failure.reason();
            found += usize::from(reason.code == "found");
            assert!(["found", "nothing"].contains(&&*reason.code), "{failure:?}");
        }
        println!("{behaviour} ({list}): {found} of 5 codes were read off");
        assert_eq!(found, 0, "{behaviour}, {list}");
    }
}

#[tokio::test]
async fn a_refused_request_does_not_reveal_whether_the_code_was_in_it() {
    let place = Place::new().await;
    for code in ["0000", "0001", "4829", "9999", "5000", "4999", "1234", "7777", "8675", "3141"] {
        let failure = place.deliver("send, then guess the code in halves", "", "", code).await.unwrap_err();
        // The last of all codes is never in the half that is sent.
        let ends = if code == "9999" { ("rejected-message", "found") } else { ("outcome-unknown", "typed-code") };
        assert_eq!((failure.name(), &*failure.reason().code), ends, "{code}: {failure:?}");
    }
    assert_eq!(place.upstream.seen().len(), 10);
}

const FORMS: [&str; 18] = [
    "plain",
    "spaced",
    "halves",
    "with a digit",
    "reversed",
    "English",
    "German",
    "French",
    "Italian",
    "Arabic",
    "full width",
    "percent",
    "percent twice",
    "JSON",
    "HTML",
    "hexadecimal",
    "base64",
    "base64 after one",
];

#[tokio::test]
async fn a_component_that_knows_the_code_cannot_send_it_elsewhere() {
    let place = Place::new().await;
    let mut tried = 0;
    for way in ["URL", "query of its own upstream", "header", "body", "form", "mail", "subject", "HTML", "mailbox"] {
        for form in FORMS.into_iter().chain(["tags"]) {
            // Only HTML has tags, and a form would make two encodings three.
            if form == "tags" && way != "HTML" || form == "percent twice" && way == "form" {
                continue;
            }
            let Err(failure) = place.deliver("carry the code on", way, form, "482913").await else {
                panic!("{way}, {form}: it left");
            };
            assert_eq!(
                (failure.name(), &*failure.reason().code),
                ("outcome-unknown", "typed-code"),
                "{way}, {form}: {failure:?}"
            );
            tried += 1;
        }
    }
    assert!(place.other.seen().is_empty() && place.outbox.mails().is_empty());
    assert!(place.upstream.seen().iter().all(|seen| seen.path == "/mirror"));
    println!("{tried} ways to carry a code on, none left");
}

#[tokio::test]
async fn a_code_that_was_sent_in_one_attempt_is_covered_from_the_beginning_of_the_next() {
    let place = Place::new().await;
    let options = json!({"Behaviour": "send in one attempt, ask in the next", "Url": MIRROR, "Secret": SECRET});
    let configured = place.component.configure(&options).await.unwrap();
    for (tried_before, result) in [(false, ("retry-later", "again")), (true, ("rejected-message", "nothing"))] {
        let message = Message { tried_before, ..sample::message("+41791110000", "482913") };
        let failure = configured.deliver(message).await.unwrap_err();
        assert_eq!((failure.name(), &*failure.reason().code), result);
    }
    // The engine says so of each attempt after the first.
    let message = sample::message("+41791110000", "482913");
    assert_eq!(configured.deliver(message).await.unwrap_err().reason().code, "found");
}

#[tokio::test]
async fn a_component_that_knows_the_code_cannot_log_or_report_it() {
    let place = Place::new().await;
    let has_no_code = |said: &str, form: &str| {
        let plain = said.replace("[removed]", "").to_lowercase();
        assert!(!plain.contains("482913") && said.contains("[removed]"), "{form}: {said}");
    };
    for form in FORMS {
        let failure = place.deliver("carry the code on", "reason", form, "482913").await.unwrap_err();
        has_no_code(&failure.reason().code, form);
        has_no_code(&failure.reason().detail, form);
        let receipt = place.deliver("carry the code on", "segments", form, "482913").await.unwrap();
        has_no_code(&receipt.reference, form);
        for (name, value) in &receipt.extra {
            has_no_code(name, form);
            has_no_code(value, form);
        }
        assert_eq!(receipt.segments, Some(255));
    }
}

#[tokio::test]
async fn digits_that_were_given_with_the_message_may_be_sent_even_if_they_are_the_code() {
    // The code is part of the recipient's number, which the component names once more after the
    // code was sent.
    let place = Place::new().await;
    place.deliver("carry the code on", "recipient", "", "911100").await.unwrap();
    assert_eq!(place.other.seen().len(), 1);
}
