//! An instance, and all instances of a type together, use no more in a day than they may: messages, parts that are billed, bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twofactor::admin::Administration;
use twofactor::challenge::RateLimits;
use twofactor::instance::Quota;
use twofactor::sandbox::{NetworkBuilder, SandboxLimits};
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::certificates::Authority;
use twofactor_tests::gateway::Say::{AcceptedIn, Broken, CutAfter, Later, Long, Silence, Taken};
use twofactor_tests::gateway::{Place, Twilio};
use twofactor_tests::mail;
use twofactor_tests::smtp_server::{Protection, SmtpServer, Step, say};
use twofactor_tests::wrong::component;

#[tokio::test]
async fn an_instance_sends_so_many_messages_in_a_day_and_then_another_does() {
    let place = Place::new(json!({"messages_per_day": 2}), &[Taken]).await;
    place.start().await.unwrap();
    place.start().await.unwrap();
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 2));
    let other = place.add("2", json!({"messages_per_day": 1})).await;
    assert_eq!(place.start().await.unwrap().two_factor, other);
    assert_eq!(place.waits().await, Some(3600));
    place.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(place.start().await.unwrap().two_factor, place.instance);
    // Each process counts what it sends itself.
    assert_eq!(place.twilio.asked(), 4);
}

#[tokio::test]
async fn billed_segments_are_counted_as_the_upstream_reports_them() {
    let place = Place::new(json!({"segments_per_day": 5}), &[AcceptedIn(3), Later, AcceptedIn(0), Broken, Taken]).await;
    place.start().await.unwrap();
    // The second was accepted at its second attempt: the first was not billed. Twilio reports none
    // for a messaging service at first.
    place.start().await.unwrap();
    // It may have been sent.
    place.start().await.unwrap_err();
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 4));
    place.clock.advance(Duration::from_secs(24 * 3600 + 1));
    place.start().await.unwrap();

    // Whatever it reports, one message cannot use up the day.
    let place = Place::new(json!({"segments_per_day": 300}), &[AcceptedIn(u32::MAX)]).await;
    place.start().await.unwrap();
    place.start().await.unwrap();
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 2));
}

#[tokio::test]
async fn bytes_to_and_from_the_upstream_are_counted() {
    let place = Place::new(json!({}), &[Taken]).await;
    place.start().await.unwrap();
    let of_one = place.twilio.bodies.lock().unwrap()[0].len() + place.twilio.answered.load(Ordering::Relaxed);
    for (quota, messages) in [(2 * of_one, 2), (2 * of_one + 1, 3)] {
        let place = Place::new(json!({"bytes_per_day": quota}), &[Taken]).await;
        for _ in 0..messages {
            place.start().await.unwrap();
        }
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), messages));
    }
}

#[tokio::test]
async fn a_quota_that_cannot_be_counted_is_refused_by_name() {
    let quota = Quota { bytes_per_day: u32::MAX, ..Quota::default() };
    let limits = RateLimits { types: [("twilio".to_owned(), quota)].into(), ..RateLimits::none() };
    let error = TwoFactor::builder().rate_limits(limits).build().await.err().unwrap();
    assert!(error.to_string().contains("`twilio`: `bytes_per_day` must be 0 to 4000000000"), "{error}");
}

#[tokio::test]
async fn a_message_that_another_limit_stops_uses_nothing_of_the_days_messages() {
    let limits = RateLimits { recipient_per_hour: 1, ..RateLimits::none() };
    let place = Place::with(limits, json!({"messages_per_day": 2}), &[Taken]).await;
    let challenge = place.start().await.unwrap();
    place.clock.advance(Duration::from_secs(30));
    for _ in 0..3 {
        assert!(place.engine.resend("s", &challenge.id).await.unwrap_err().is_rate_limited());
    }
    let other = NewChallenge::new(SignIn::new("s").tenant("t").user("bob")).phone("+41791234568");
    place.engine.start(other).await.unwrap();
    assert_eq!(place.twilio.asked(), 2);
}

#[tokio::test]
async fn all_instances_of_a_type_have_a_quota_together() {
    for (quota, messages) in [
        (Quota { messages_per_day: 3, ..Quota::default() }, 3),
        (Quota { segments_per_day: 3, ..Quota::default() }, 2),
        (Quota { bytes_per_day: 1, ..Quota::default() }, 1),
    ] {
        let limits = RateLimits { types: [("twilio".to_owned(), quota)].into(), ..RateLimits::none() };
        let place = Place::with(limits, json!({"messages_per_day": 1}), &[AcceptedIn(2)]).await;
        place.add("2", json!({})).await;
        for _ in 0..messages {
            place.start().await.unwrap();
        }
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), messages));
    }
}

#[tokio::test]
async fn bytes_of_an_answer_that_is_too_long_or_breaks_off_are_counted_as_far_as_they_came() {
    for say in [Long(3 << 20), CutAfter(600_000)] {
        let place = Place::new(json!({"bytes_per_day": 500_000, "retries": 0}), &[say]).await;
        place.start().await.unwrap_err();
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 1));
    }
}

/// Returns an upstream on loopback that accepts everything, and how many bytes it received and
/// sent, without requests for tokens.
async fn taking() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, bytes) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = bytes.clone();
    let router = Router::new().fallback(async move |uri: Uri, body: String| {
        let (status, said) = match uri.path().rsplit('/').next().unwrap() {
            "token" => (200, json!({"access_token": "t", "token_type": "Bearer", "expires_in": 3599}).to_string()),
            "sendMail" => (202, String::new()),
            "Verifications" => {
                (201, json!({"sid": "VE0123456789abcdef0123456789abcdef", "status": "pending"}).to_string())
            }
            "VerificationCheck" => (200, json!({"status": "pending", "valid": false}).to_string()),
            other => panic!("{other}"),
        };
        if !uri.path().ends_with("/token") && !uri.path().ends_with("Check") {
            counted.fetch_add(body.len() + said.len(), Ordering::Relaxed);
        }
        (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/json")], said)
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, bytes)
}

/// Returns an engine with an instance of each type, in this order.
async fn engine(network: NetworkBuilder, limits: SandboxLimits, instances: &[(&str, Value, Value)]) -> TwoFactor {
    let builder = TwoFactor::builder().network(network.build().unwrap()).limits(limits);
    let mut builder = builder.rate_limits(RateLimits::none());
    for (type_id, ..) in instances {
        builder = builder.bundled_provider(type_id).unwrap();
    }
    let engine = builder.build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    for (type_id, options, policy) in instances {
        let new = NewInstance { policy: Some(policy.clone()), ..NewInstance::new(*type_id, *type_id, options.clone()) };
        let instance = admin.create_instance("s", new).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    }
    engine
}

fn start() -> NewChallenge {
    NewChallenge::new(SignIn::new("s").tenant("t").user("u")).phone("+41791234567").email("u@example.com")
}

/// Fails because the day's quota is used.
async fn is_used_up(engine: &TwoFactor) -> bool {
    let error = engine.start(start()).await.err();
    error.and_then(|error| error.retry_after()).is_some_and(|wait| wait.as_secs() == 3600)
}

#[tokio::test]
async fn bytes_of_a_call_that_is_ended_are_counted() {
    let (twilio, mut limits) = (Twilio::start(&[Silence]).await, SandboxLimits::default());
    limits.deliver_time = Duration::from_secs(1);
    let network = Network::builder().override_endpoint("https://api.twilio.com", twilio.address);
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    let engine = engine(network, limits, &[("twilio", options, json!({"bytes_per_day": 1}))]).await;
    assert!(engine.start(start()).await.unwrap_err().is_delivery_failed());
    assert!(is_used_up(&engine).await);
    assert_eq!(twilio.asked(), 1);
}

#[tokio::test]
async fn bytes_of_verifying_an_answer_are_counted() {
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioVerifyServiceSid": "VA0123456789abcdef0123456789abcdef"});
    let with = async |quota: usize| {
        let (address, bytes) = taking().await;
        let network = Network::builder().override_endpoint("https://verify.twilio.com", address);
        let instance = ("twilio-verify", options.clone(), json!({"bytes_per_day": quota}));
        (engine(network, SandboxLimits::default(), &[instance]).await, bytes)
    };
    let (unbounded, bytes) = with(0).await;
    unbounded.start(start()).await.unwrap();
    let (engine, _) = with(bytes.load(Ordering::Relaxed) + 20).await;
    let challenge = engine.start(start()).await.unwrap();
    assert!(engine.verify("s", Answer::new(&challenge.id, "482913")).await.unwrap_err().is_code_rejected());
    assert!(is_used_up(&engine).await);
}

#[tokio::test]
async fn bytes_of_a_request_for_an_access_token_are_counted() {
    let server = json!({"MailType": "M365", "ClientId": "66666666-7777-8888-9999-000000000000", "ClientSecret": "x",
        "TenantId": "11111111-2222-3333-4444-555555555555", "UserId": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let with = async |quota: usize| {
        let (address, bytes) = taking().await;
        let network = Network::builder()
            .override_endpoint("https://graph.microsoft.com", address)
            .override_endpoint("https://login.microsoftonline.com", address);
        let instance = ("email", options.clone(), json!({"bytes_per_day": quota}));
        (engine(network, SandboxLimits::default(), &[instance]).await, bytes)
    };
    let (unbounded, bytes) = with(0).await;
    unbounded.start(start()).await.unwrap();
    let (engine, _) = with(bytes.load(Ordering::Relaxed) + 20).await;
    engine.start(start()).await.unwrap();
    assert!(is_used_up(&engine).await);
}

/// Returns a mail server, and an engine with as many bytes for the day as one email and a half have.
async fn on_mail() -> (SmtpServer, TwoFactor) {
    let authority = Authority::default();
    let smtp = SmtpServer::start(Protection::ImplicitTls, &authority.issue("smtp.example.com")).await;
    let with = async |quota: usize| {
        let network = mail::trusting(&authority).resolve("smtp.example.com", smtp.address);
        let options = mail::options(mail::server("smtp.example.com", 465));
        engine(network, SandboxLimits::default(), &[("email", options, json!({"bytes_per_day": quota}))]).await
    };
    with(0).await.start(start()).await.unwrap();
    let of_one = smtp.last().messages[0].len();
    let engine = with(of_one * 3 / 2).await;
    (smtp, engine)
}

#[tokio::test]
async fn bytes_of_an_email_are_counted() {
    let (_smtp, engine) = on_mail().await;
    engine.start(start()).await.unwrap();
    engine.start(start()).await.unwrap();
    assert!(is_used_up(&engine).await);
}

#[tokio::test]
async fn an_email_that_was_refused_before_its_text_uses_no_bytes() {
    let (smtp, engine) = on_mail().await;
    smtp.plays([(Step::Recipient, say("550 5.1.1 no such mailbox\r\n"))]);
    for _ in 0..3 {
        assert!(engine.start(start()).await.unwrap_err().is_recipient_rejected());
    }
    smtp.plays([]);
    engine.start(start()).await.unwrap();
}

#[tokio::test]
async fn the_quota_of_a_type_is_that_of_all_subscriptions_and_of_no_other_type() {
    let one = Quota { messages_per_day: 1, ..Quota::default() };
    let types = ["twilio", "wrong"].map(|type_id| (type_id.to_owned(), one));
    let limits = RateLimits { types: types.into(), ..RateLimits::none() };
    let place = Place::with(limits, json!({}), &[Taken]).await;
    let admin = add_other(&place).await;
    place.start().await.unwrap();
    let error = place.engine.start(in_other()).await.unwrap_err();
    assert_eq!((error.retry_after().map(|wait| wait.as_secs()), place.twilio.asked()), (Some(3600), 1));

    // An instance of another type takes over.
    place.engine.administration(Actor::new("test")).add_provider(component("none")).await.unwrap();
    let options = json!({"Sender": "Shop", "Key": "x"});
    let another = admin.create_instance("other", NewInstance::new("wrong", "y", options)).await.unwrap();
    admin.set_assignments("other", &another.id, vec![Assignment::tenant("t")]).await.unwrap();
    assert_eq!(place.engine.start(in_other()).await.unwrap().two_factor, another.id);
}

/// Adds a subscription with an instance of Twilio.
async fn add_other(place: &Place) -> Administration {
    let admin = place.engine.administration(Actor::new("test"));
    admin.create_subscription("other", "Other").await.unwrap();
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    let instance = admin.create_instance("other", NewInstance::new("twilio", "x", options)).await.unwrap();
    admin.set_assignments("other", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    admin
}

/// Returns a sign-in in the other subscription.
fn in_other() -> NewChallenge {
    NewChallenge::new(SignIn::new("other").tenant("t").user("bob")).phone("+41791234568")
}

#[tokio::test]
async fn one_subscription_of_several_uses_up_only_its_part_of_the_quota_of_a_type() {
    let of_messages = Quota { messages_per_day: 4, ..Quota::default() };
    let of_segments = Quota { segments_per_day: 8, ..Quota::default() };
    for quota in [of_messages, of_segments] {
        let types = [("twilio".to_owned(), quota)].into();
        let limits = RateLimits { types, subscription_share_percent: 20, ..RateLimits::none() };
        let place = Place::with(limits, json!({}), &[AcceptedIn(2)]).await;
        add_other(&place).await;
        // One of two, the half: an equal part is more than a fifth.
        for _ in 0..2 {
            place.start().await.unwrap();
        }
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 2));
        for _ in 0..2 {
            place.engine.start(in_other()).await.unwrap();
        }
        assert!(place.engine.start(in_other()).await.unwrap_err().is_delivery_failed());
        assert_eq!(place.twilio.asked(), 4);
    }
}
