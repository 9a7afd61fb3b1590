//! Factor components that are right, and hostile ones: whatever they return, no answer is taken for right, and the host goes on.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};
use twofactor::Network;
use twofactor::sandbox::{
    Component, Configured, ConfiguredFactor, EnrolmentVerdict, FactorContext, FactorState, FactorUser, FactorVerdict,
    Reason, Recording, Requirements, Reveal, SandboxLimits, Site, StateError, UnmetRequirement, UserVerification,
};
use twofactor_tests::wrong_factor::component;

fn site() -> Site {
    Site { rp_id: "example.com".to_owned(), name: "Example".to_owned(), ..Site::default() }
}

fn user() -> FactorUser {
    let text = str::to_owned;
    FactorUser { handle: vec![7; 64], name: text("ann@example.com"), display_name: text("Ann Canary") }
}

fn context<'a>(site: &'a Site, user: &'a FactorUser, step: i64) -> FactorContext<'a> {
    let now = Timestamp::from_second(1_800_000_000 + 30 * step).unwrap();
    FactorContext { now, site, user, requirements: Requirements::default(), trusted: &[] }
}

async fn load(kind: &str, fault: &str, recording: &Recording) -> Result<Component, String> {
    let network = Network::builder().recording(recording).build().unwrap();
    let mut limits = SandboxLimits::default();
    limits.calls_in_flight = 8;
    Component::load(&component(kind, fault), network, limits).await.map_err(|error| error.to_string())
}

async fn configured(kind: &str, fault: &str, recording: &Recording) -> Configured {
    let component = load(kind, fault, recording).await.unwrap();
    component.configure_at(&json!({}), &site()).await.unwrap_or_else(|problems| panic!("{fault}: {problems:?}"))
}

/// The code of an app at a step, computed as RFC 6238 says.
fn code(secret: &str, step: i64) -> String {
    let bits: String =
        secret.bytes().map(|b| format!("{:05b}", if b < b'A' { b - b'2' + 26 } else { b - b'A' })).collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let digest = hmac::sign(&key, &(1_800_000_000 / 30 + step).to_be_bytes());
    let digest = digest.as_ref();
    let at = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Enrols an app, and returns its secret and its state.
async fn enrolled(factor: &ConfiguredFactor) -> (String, FactorState) {
    let (site, user) = (site(), user());
    let begun = factor.begin_enrolment(&context(&site, &user, 0), &[]).await.unwrap();
    let Some(Reveal::Otpauth { secret, .. }) = &begun.reveal else { panic!("{begun:?}") };
    let verdict = factor.finish_enrolment(&context(&site, &user, 0), &begun.pending, &code(secret, 0)).await.unwrap();
    let EnrolmentVerdict::Enrolled(enrolled) = verdict else { panic!("{verdict:?}") };
    (secret.clone(), enrolled.state)
}

async fn verified(factor: &ConfiguredFactor, states: &[FactorState], answer: &str) -> Result<FactorVerdict, Reason> {
    let (site, user) = (site(), user());
    factor.verify(&context(&site, &user, 5), states, &[], answer).await
}

#[tokio::test]
async fn a_component_that_behaves_enrols_and_verifies() {
    let configured = configured("app", "none", &Recording::new()).await;
    assert!(configured.connections().is_empty() && configured.endpoints().is_empty());
    let factor = configured.factor().unwrap();
    let (secret, state) = enrolled(factor).await;
    let typed = code(&secret, 5);
    let FactorVerdict::Right(accepted) =
        verified(factor, std::slice::from_ref(&state), &format!(" {} {}", &typed[..3], &typed[3..])).await.unwrap()
    else {
        panic!("it was not accepted")
    };
    assert_eq!((accepted.index, accepted.state.format), (0, 2));
    assert!(matches!(verified(factor, std::slice::from_ref(&accepted.state), &typed).await, Ok(FactorVerdict::Wrong)));
    // What cannot be a code does not reach the component.
    for answer in ["", "12345", "1234567", "12345a", "{}"] {
        assert!(
            matches!(verified(factor, std::slice::from_ref(&state), answer).await, Ok(FactorVerdict::Malformed)),
            "{answer}"
        );
    }
    // Every call has its own random numbers.
    assert_ne!(enrolled(factor).await.0, secret);
    let fixed = factor.with_fixed_entropy([9; 256]);
    assert_eq!(enrolled(&fixed).await.0, enrolled(&fixed).await.0);
}

#[tokio::test]
async fn a_factor_component_delivers_nothing_and_a_provider_judges_nothing() {
    let component = load("app", "none", &Recording::new()).await.unwrap();
    let info = component.info();
    let names = |all: &[twofactor::sandbox::Capability]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((info.manifest.recipient, names(&info.capabilities)), (None, vec!["factor".to_owned()]));
    let imports_types_only = info.imports.iter().all(|name| name.starts_with("twofactor:factor/types@"));
    assert!(imports_types_only, "{:?}", info.imports);
    let manifest = serde_json::to_value(info).unwrap();
    assert_eq!(manifest["factor"]["challenge"], "typed-code");
    assert_eq!(manifest.get("recipient"), None);

    let network = Network::builder().build().unwrap();
    let provider = twofactor_tests::wrong::component("none");
    let provider = Component::load(&provider, network, SandboxLimits::default()).await.unwrap();
    let configured =
        provider.configure_at(&json!({"Sender": "Shop", "Key": "k3y-of-the-upstream"}), &site()).await.unwrap();
    assert!(configured.factor().is_none() && provider.info().manifest.factor.is_none());
}

#[tokio::test]
async fn a_component_that_breaks_the_contract_is_not_loaded_or_not_configured() {
    let none = Recording::new();
    for (fault, why) in [
        ("a secret option", "its option `Key` is a secret"),
        ("enrolled by get", "must not be finished by `webauthn-get`"),
        ("for nobody", "max-per-user must be 1 to 100"),
        ("loops in describe", "running time"),
        ("traps in describe", "trap"),
    ] {
        let refused = load("app", fault, &none).await.map(drop).unwrap_err();
        assert!(refused.contains(why), "{fault}: {refused}");
    }
    for (fault, why) in [
        ("no code-format", "returned no code-format"),
        ("codes of 65", "is not 4 to 64"),
        ("loops in configure", "running time"),
        ("traps in configure", "trap"),
    ] {
        let component = load("app", fault, &none).await.unwrap();
        let problems = component.configure_at(&json!({}), &site()).await.map(drop).unwrap_err();
        assert!(problems[0].detail.contains(why), "{fault}: {problems:?}");
    }
    let component = load("app", "none", &none).await.unwrap();
    let problems = component.configure_at(&json!({"Issuer": "a:b"}), &site()).await.map(drop).unwrap_err();
    assert_eq!(&*problems[0].pointer, "/Issuer");
}

#[tokio::test]
async fn an_enrolment_that_breaks_the_contract_fails() {
    let (site, user) = (site(), user());
    for (kind, fault, why) in [
        ("app", "public is a text", "not a JSON object"),
        ("app", "public is not JSON", "not a JSON object"),
        ("app", "a giant public", "limit"),
        ("app", "a giant pending", "8192"),
        ("app", "an https URI", "otpauth://"),
        ("app", "the secret in public", "revealed once"),
        ("paper", "reveals nothing", "reveals nothing"),
        ("app", "loops in begin", "running time"),
        ("app", "traps in begin", "trap"),
        ("app", "recurses in begin", "stack"),
        ("app", "grows in begin", "limit"),
    ] {
        let configured = configured(kind, fault, &Recording::new()).await;
        let begun = configured.factor().unwrap().begin_enrolment(&context(&site, &user, 0), &[]).await;
        let reason = begun.map(drop).unwrap_err().to_string();
        assert!(reason.contains(why), "{fault}: {reason}");
    }
}

#[tokio::test]
async fn nonsense_is_never_right() {
    for (fault, why) in [
        ("an index beyond", "index"),
        ("a giant state", "limit"),
        ("a large state", "8192"),
        ("the same state", "accepted again"),
        ("a later format", "format"),
        ("a short AAGUID", "16 bytes"),
        ("suspects nobody", "index"),
        ("a giant detail", "limit"),
        ("loops in verify", "running time"),
        ("traps in verify", "trap"),
        ("recurses in verify", "stack"),
        ("grows in verify", "limit"),
    ] {
        let configured = configured("app", fault, &Recording::new()).await;
        let factor = configured.factor().unwrap();
        let (secret, state) = enrolled(factor).await;
        // A right code for those that judge before they misbehave, a wrong one for those that do so in place of a judgement.
        let begin = Instant::now();
        let verdict =
            verified(factor, &[state], &if fault == "a giant detail" { "000000".to_owned() } else { code(&secret, 5) })
                .await;
        let reason = verdict.map(|verdict| panic!("{fault}: {verdict:?}")).unwrap_err().to_string();
        assert!(reason.contains(why), "{fault}: {reason}");
        assert!(begin.elapsed() < Duration::from_secs(5), "{fault}: {:?}", begin.elapsed());
        assert!(!reason.contains(&secret), "{reason}");
    }
}

#[tokio::test]
async fn signals_that_break_the_contract_fail() {
    let (site, user) = (site(), user());
    for (fault, why) in [("a signal is a text", "JSON object"), ("a thousand signals", "more than 16")] {
        let configured = configured("app", fault, &Recording::new()).await;
        let told = configured.factor().unwrap().signals(&context(&site, &user, 0), &[], None).await;
        assert!(told.unwrap_err().to_string().contains(why), "{fault}");
    }
}

#[tokio::test]
async fn a_requirement_that_the_component_overlooks_is_not_lowered() {
    let configured = configured("app", "none", &Recording::new()).await;
    let factor = configured.factor().unwrap();
    let (secret, state) = enrolled(factor).await;
    let (site, user) = (site(), user());
    for (requirements, unmet) in [
        (
            Requirements { user_verification: UserVerification::Required, ..Requirements::default() },
            UnmetRequirement::UserVerification,
        ),
        (Requirements { device_bound: true, ..Requirements::default() }, UnmetRequirement::DeviceBound),
        (Requirements { attested: true, ..Requirements::default() }, UnmetRequirement::Attested),
    ] {
        let demanding = |step| FactorContext { requirements, ..context(&site, &user, step) };
        let verdict = factor.verify(&demanding(5), std::slice::from_ref(&state), &[], &code(&secret, 5)).await.unwrap();
        assert!(matches!(verdict, FactorVerdict::Wrong), "{requirements:?}: {verdict:?}");
        let begun = factor.begin_enrolment(&demanding(0), &[]).await.unwrap();
        let Some(Reveal::Otpauth { secret, .. }) = &begun.reveal else { panic!("{begun:?}") };
        let verdict = factor.finish_enrolment(&demanding(0), &begun.pending, &code(secret, 0)).await.unwrap();
        assert!(matches!(verdict, EnrolmentVerdict::Unmet(what) if what == unmet), "{requirements:?}: {verdict:?}");
    }
}

#[tokio::test]
async fn states_of_earlier_formats_are_upgraded_and_later_or_damaged_ones_refused() {
    let right = configured("app", "none", &Recording::new()).await;
    let factor = right.factor().unwrap();
    let (secret, state) = enrolled(factor).await;
    // Format 1 had no counter of uses: 4 bytes.
    let earlier = FactorState { format: 1, data: state.data[..state.data.len() - 4].to_vec() };
    assert!(matches!(
        verified(factor, std::slice::from_ref(&earlier), &code(&secret, 5)).await,
        Ok(FactorVerdict::Right(_))
    ));
    assert_eq!(factor.upgrade(&earlier).await.unwrap().unwrap(), state);
    let later = FactorState { format: 3, data: state.data.clone() };
    assert_eq!(factor.upgrade(&later).await.unwrap(), Err(StateError::LaterFormat));
    let damaged = FactorState { format: 1, data: vec![1, 2, 3] };
    for (unusable, why) in [(&later, "later-format"), (&damaged, "damaged-state")] {
        let (site, user) = (site(), user());
        let begun = factor.begin_challenge(&context(&site, &user, 0), std::slice::from_ref(unusable)).await;
        assert_eq!(begun.map(drop).unwrap_err().code, why);
        let verdict = verified(factor, &[state.clone(), unusable.clone()], &code(&secret, 5)).await;
        assert_eq!(verdict.map(drop).unwrap_err().code, why);
    }
    let wrong = configured("app", "upgrades to the old format", &Recording::new()).await;
    let verdict = verified(wrong.factor().unwrap(), &[earlier], &code(&secret, 5)).await;
    assert!(verdict.unwrap_err().to_string().contains("format"));
}

#[tokio::test]
async fn the_log_says_why_and_repeats_neither_the_answer_nor_the_user() {
    let recording = Recording::new();
    let configured = configured("app", "repeats the answer", &recording).await;
    let factor = configured.factor().unwrap();
    let (_, state) = enrolled(factor).await;
    assert!(matches!(verified(factor, &[state], "482 913").await, Ok(FactorVerdict::Wrong)));
    let lines = recording.lines().join("\n");
    assert!(lines.contains("wrong: [removed] is wrong"), "{lines}");
    assert!(!lines.contains("482913"), "{lines}");
}

#[tokio::test]
async fn a_state_is_stored_and_never_shown() {
    let state = FactorState { format: 2, data: b"canary-of-the-state".to_vec() };
    let stored = serde_json::to_value(&state).unwrap();
    assert_eq!(stored, json!({"format": 2, "data": "Y2FuYXJ5LW9mLXRoZS1zdGF0ZQ=="}));
    assert_eq!(serde_json::from_value::<FactorState>(stored).unwrap(), state);
    assert_eq!(format!("{state:?} {:?}", user()), "FactorState { format: 2, .. } FactorUser { .. }");
    assert!(serde_json::from_value::<FactorState>(json!({"format": 2, "data": "?"})).is_err());
    let _: Value = serde_json::to_value(site()).unwrap();
}
