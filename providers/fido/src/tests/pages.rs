use serde_json::json;
use twofactor_factor::SignalKind;

use super::*;
use crate::testing::{Algorithm, base64url};

fn options(value: &Value) -> Options {
    serde_json::from_value(value.clone()).unwrap()
}

fn passwordless() -> Context {
    let mut context = testing::context();
    context.requirements.passwordless = true;
    context
}

#[test]
fn the_description_is_that_of_a_factor_without_secrets() {
    let manifest = testing::describe::<Fido>();
    assert_eq!((manifest.type_id.as_str(), manifest.never_sole), ("fido", false));
    assert!(!manifest.options_schema.contains("writeOnly"));
    assert_eq!(testing::configure::<Fido>(&json!({})), Ok(None));
}

#[test]
fn an_instance_needs_a_site() {
    let without_id = Site { rp_id: String::new(), ..testing::site() };
    let without_origins = Site { origins: vec![], ..testing::site() };
    for site in [without_id, without_origins] {
        let problems = Fido::configure(&Options::default(), &site).unwrap_err();
        assert_eq!((problems.len(), problems[0].pointer.as_str()), (1, ""));
    }
    for (value, pointer) in [
        (json!({"FidoTimeoutSeconds": 301}), "/FidoTimeoutSeconds"),
        (json!({"FidoHints": ["hybrid", "hybrid", "hybrid", "hybrid"]}), "/FidoHints"),
        (json!({"FidoHints": ["usb"]}), ""),
    ] {
        assert_eq!(testing::configure::<Fido>(&value).unwrap_err()[0].pointer, pointer);
    }
}

#[test]
fn a_second_factor_is_created_without_a_stored_passkey_and_a_passwordless_one_with() {
    let create = |context: &Context| Fido::begin_enrolment(&Options::default(), context, &[]).public;
    let second = create(&testing::context());
    assert_eq!(
        second["authenticatorSelection"],
        json!({
            "residentKey": "discouraged",
            "requireResidentKey": false,
            "userVerification": "preferred",
        })
    );
    assert_eq!(
        second["pubKeyCredParams"],
        json!([
            {"type": "public-key", "alg": -8},
            {"type": "public-key", "alg": -7},
            {"type": "public-key", "alg": -257},
        ])
    );
    assert_eq!(second["rp"], json!({"id": "example.com", "name": "Example"}));
    assert_eq!((&second["timeout"], &second["attestation"]), (&json!(300_000), &json!("none")));
    assert_eq!(
        create(&passwordless())["authenticatorSelection"],
        json!({
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        })
    );
    let mut attested = testing::context();
    attested.requirements.attested = true;
    assert_eq!(create(&attested)["attestation"], "direct");
}

/// A secret of the authenticator (`prf`) and storage on it (`largeBlob`) are of no use to a relying party that verifies alone, and a page
/// that gets them can leak them.
#[test]
fn no_extension_is_asked_for_but_whether_a_passkey_was_stored() {
    let state = Registration::new().verdict().unwrap().state;
    let mut attested = testing::context();
    attested.requirements.attested = true;
    for context in [testing::context(), passwordless(), attested] {
        let states = std::slice::from_ref(&state);
        let creation = Fido::begin_enrolment(&Options::default(), &context, states).public;
        assert_eq!(creation["extensions"], json!({"credProps": true}));
        let request = Fido::begin_challenge(&Options::default(), &context, states).public;
        assert_eq!(request.get("extensions"), None);
    }
}

#[test]
fn the_user_handle_is_the_hosts_and_names_nobody() {
    let public = Fido::begin_enrolment(&Options::default(), &testing::context(), &[]).public;
    assert_eq!(public["user"]["id"], base64url(&[7; 64]));
}

#[test]
fn challenges_are_32_random_bytes_and_never_the_same() {
    let challenge = |seed| {
        let context = Context { entropy: testing::entropy(seed), ..testing::context() };
        let enrolment = Fido::begin_enrolment(&Options::default(), &context, &[]);
        let authentication = Fido::begin_challenge(&Options::default(), &context, &[]);
        assert_eq!(enrolment.public["challenge"], base64url(&enrolment.pending.challenge));
        assert_eq!(authentication.public["challenge"], base64url(&authentication.challenge.challenge));
        [enrolment.pending.challenge, authentication.challenge.challenge]
    };
    let [first, second] = [challenge(1), challenge(2)].map(|pair| pair.map(|it| it.0));
    assert!(first.iter().chain(&second).all(|it| it.len() == 32));
    assert!(first.iter().all(|it| !second.contains(it)));
}

#[test]
fn what_is_registered_is_excluded_and_transports_are_returned() {
    let state = Registration::new().verdict().unwrap().state;
    let elsewhere = State { rp_id: "example.org".to_owned(), ..state.clone() };
    let descriptors = json!([{"type": "public-key", "id": state.id, "transports": ["hybrid", "internal"]}]);
    let states = [state, elsewhere];
    let creation = Fido::begin_enrolment(&Options::default(), &testing::context(), &states).public;
    assert_eq!(creation["excludeCredentials"], descriptors);
    let request = Fido::begin_challenge(&Options::default(), &testing::context(), &states).public;
    assert_eq!(request["allowCredentials"], descriptors);
    assert_eq!((&request["rpId"], &request["userVerification"]), (&json!("example.com"), &json!("preferred")));
}

#[test]
fn a_passwordless_request_names_no_credential_and_requires_user_verification() {
    let begun = Fido::begin_challenge(&Options::default(), &passwordless(), &[]);
    assert_eq!(begun.public["allowCredentials"], json!([]));
    assert_eq!(begun.public["userVerification"], "required");
    assert!(begun.challenge.user_verification);
}

#[test]
fn a_passkey_that_does_not_meet_a_requirement_is_not_asked_for() {
    let state = Registration::new().verdict().unwrap().state;
    let mut context = testing::context();
    context.requirements.device_bound = true;
    let copyable = State { backup_eligible: true, id: vec![1; 16].into(), ..state.clone() };
    let request = Fido::begin_challenge(&Options::default(), &context, &[copyable, state.clone()]).public;
    assert_eq!(request["allowCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(request["allowCredentials"][0]["id"], json!(state.id));
}

#[test]
fn a_passkey_of_another_relying_party_is_neither_asked_for_nor_accepted() {
    let state = Registration::new().verdict().unwrap().state;
    let other = State { rp_id: "other.example".to_owned(), id: vec![1; 16].into(), ..state.clone() };
    let states = [other, state.clone()];
    let begun = Fido::begin_challenge(&Options::default(), &testing::context(), &states);
    assert_eq!(begun.public["allowCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(begun.challenge.allowed, [state::shortened(&state.id)]);
    let signals = Fido::signals(&testing::context(), &states, None);
    assert_eq!(signals[0].argument["allAcceptedCredentialIds"], json!([state.id]));
}

#[test]
fn hints_set_the_attachment_for_older_browsers() {
    for (hints, attachment) in [
        (json!([]), None),
        (json!(["security-key"]), Some("cross-platform")),
        (json!(["hybrid", "security-key"]), Some("cross-platform")),
        (json!(["client-device"]), Some("platform")),
        (json!(["client-device", "hybrid"]), None),
    ] {
        let options = options(&json!({"FidoHints": hints}));
        let public = Fido::begin_enrolment(&options, &testing::context(), &[]).public;
        assert_eq!(public["authenticatorSelection"].get("authenticatorAttachment").and_then(Value::as_str), attachment);
        assert_eq!(public["hints"], hints);
    }
}

#[test]
fn the_largest_lists_fit_into_what_the_host_takes() {
    let state = Registration::new().verdict().unwrap().state;
    let states: Vec<State> = (0..20).map(|at| State { id: vec![at; 1023].into(), ..state.clone() }).collect();
    let begun = Fido::begin_challenge(&Options::default(), &testing::context(), &states);
    assert!(begun.public.to_string().len() < 65536);
    assert!(serde_json::to_vec(&begun.challenge).unwrap().len() < 8192);
}

#[test]
fn after_a_removal_the_browser_is_notified_of_what_is_left() {
    let removed = Registration::new().verdict().unwrap().state;
    let authenticator = Authenticator::new(Algorithm::EdDsa, "left");
    let left = Registration::begin(authenticator, testing::context()).verdict().unwrap().state;
    let signals = Fido::signals(&testing::context(), std::slice::from_ref(&left), Some(&removed));
    let kinds: Vec<SignalKind> = signals.iter().map(|signal| signal.kind).collect();
    assert_eq!(
        kinds,
        [SignalKind::UnknownCredential, SignalKind::AllAcceptedCredentials, SignalKind::CurrentUserDetails]
    );
    assert_eq!(signals[0].argument, json!({"rpId": "example.com", "credentialId": removed.id}));
    let handle = base64url(&[7; 64]);
    assert_eq!(
        signals[1].argument,
        json!({"rpId": "example.com", "userId": handle, "allAcceptedCredentialIds": [left.id]})
    );
}

#[test]
fn nobody_who_is_not_signed_in_is_told_what_a_user_has() {
    let mut context = testing::context();
    context.user.handle = vec![];
    let removed = Registration::new().verdict().unwrap().state;
    let signals = Fido::signals(&context, std::slice::from_ref(&removed), Some(&removed));
    assert_eq!(signals.len(), 1);
    assert_eq!(signals[0].kind, SignalKind::UnknownCredential);
}
