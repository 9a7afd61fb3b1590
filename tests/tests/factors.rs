//! The components of factors alone, as the sandbox runs them: what they import, and that each enrols and verifies.

use serde_json::json;
use twofactor::sandbox::{AcceptedAnswer, EnrolledFactor, EnrolmentVerdict, FactorState, FactorVerdict, Reveal};
use twofactor_fido::testing::{Algorithm, Authenticator, ORIGIN};
use twofactor_tests::factors::{Place, factor, load};
use twofactor_totp::{Parameters, State};

const COMPONENTS: [(&str, &[u8]); 3] =
    [("fido", twofactor_bundle::FIDO), ("recovery", twofactor_bundle::RECOVERY), ("totp", twofactor_bundle::TOTP)];

#[tokio::test]
async fn no_factor_imports_anything() {
    for (name, component) in COMPONENTS {
        let loaded = load(component).await;
        // Which has types alone, and no function.
        assert_eq!(loaded.info().imports, ["twofactor:factor/types@0.1.0"], "{name}");
        assert_eq!(loaded.info().manifest.type_id, name);
        println!("{name}: {} KB, no imports", component.len() / 1024);
    }
}

fn enrolled(verdict: EnrolmentVerdict) -> EnrolledFactor {
    match verdict {
        EnrolmentVerdict::Enrolled(enrolled) => enrolled,
        other => panic!("not enrolled: {other:?}"),
    }
}

fn accepted(verdict: FactorVerdict) -> AcceptedAnswer {
    match verdict {
        FactorVerdict::Right(accepted) => accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Returns the code that an app with this state shows.
fn shown_code(state: &FactorState, now: i64) -> String {
    let state: State = serde_json::from_slice(&state.data).unwrap();
    let Parameters { period, .. } = state.parameters;
    state.parameters.code(&state.secret, u64::try_from(now).unwrap() / period)
}

#[tokio::test]
async fn an_app_is_enrolled_and_its_code_accepted_once() {
    let mut place = Place::default();
    let component = load(twofactor_bundle::TOTP).await;
    let configured = place.configure(&component, &json!({})).await;
    let totp = factor(&configured);
    let begun = totp.begin_enrolment(&place.context(), &[]).await.unwrap();
    let Some(Reveal::Otpauth { uri, secret }) = &begun.reveal else { panic!("a secret is revealed") };
    assert!(uri.contains(secret.as_str()), "the URI has the secret");
    let pending: serde_json::Value = serde_json::from_slice(&begun.pending).unwrap();
    let state = json!({"secret": pending["secret"], "parameters": pending["parameters"],
        "window": {"last_step": null, "drift": 0, "last_offset": 0}});
    let state = FactorState { format: 1, data: serde_json::to_vec(&state).unwrap() };
    let code = shown_code(&state, place.now);
    let state = enrolled(totp.finish_enrolment(&place.context(), &begun.pending, &code).await.unwrap()).state;

    let challenge = totp.begin_challenge(&place.context(), &[]).await.unwrap();
    let spent = totp.verify(&place.context(), std::slice::from_ref(&state), &challenge.pending, &code).await.unwrap();
    assert!(matches!(spent, FactorVerdict::Wrong));
    place.now += 30;
    let code = shown_code(&state, place.now);
    let used = accepted(totp.verify(&place.context(), &[state], &challenge.pending, &code).await.unwrap());
    let again = totp.verify(&place.context(), &[used.state], &challenge.pending, &code).await.unwrap();
    assert!(matches!(again, FactorVerdict::Wrong));
}

#[tokio::test]
async fn a_set_of_recovery_codes_is_used_up() {
    let place = Place::default();
    let component = load(twofactor_bundle::RECOVERY).await;
    let configured = place.configure(&component, &json!({})).await;
    let recovery = factor(&configured);
    let begun = recovery.begin_enrolment(&place.context(), &[]).await.unwrap();
    let Some(Reveal::Codes(codes)) = &begun.reveal else { panic!("codes are revealed") };
    let enrolled = enrolled(recovery.finish_enrolment(&place.context(), &begun.pending, "").await.unwrap());
    let mut state = enrolled.state;
    let challenge = recovery.begin_challenge(&place.context(), &[]).await.unwrap();
    for (code, left) in codes.iter().zip((0..10).rev()) {
        let typed = recovery.code_format().unwrap().canonical(code).unwrap();
        let factors = [state.clone()];
        let used = accepted(recovery.verify(&place.context(), &factors, &challenge.pending, &typed).await.unwrap());
        assert_eq!(used.facts.uses_left, Some(left));
        state = used.state;
    }
}

#[tokio::test]
async fn a_passkey_of_each_algorithm_is_enrolled_and_used() {
    let place = Place::default();
    let component = load(twofactor_bundle::FIDO).await;
    let configured = place.configure(&component, &json!({})).await;
    let fido = factor(&configured);
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm, "component");
        let begun = fido.begin_enrolment(&place.context(), &[]).await.unwrap();
        let answer = authenticator.create(&begun.public, ORIGIN).answer(&authenticator);
        let enrolled = enrolled(fido.finish_enrolment(&place.context(), &begun.pending, &answer).await.unwrap());
        assert_eq!(enrolled.unique_id, authenticator.id);

        let factors = [enrolled.state];
        let challenge = fido.begin_challenge(&place.context(), &factors).await.unwrap();
        let answer = authenticator.get(&challenge.public, ORIGIN).answer(&authenticator);
        assert_eq!(fido.identify(&answer).await.unwrap(), Some(authenticator.id.clone()));
        let used = accepted(fido.verify(&place.context(), &factors, &challenge.pending, &answer).await.unwrap());
        assert_eq!((used.index, used.facts.user_verified), (0, Some(true)), "{algorithm:?}");

        let other = Authenticator::new(algorithm, "another key");
        let forged = Authenticator { id: authenticator.id.clone(), ..other };
        let answer = forged.get(&challenge.public, ORIGIN).answer(&forged);
        let verdict = fido.verify(&place.context(), &factors, &challenge.pending, &answer).await.unwrap();
        // The key of RS256 is the same for all seeds.
        assert!(algorithm == Algorithm::Rs256 || matches!(verdict, FactorVerdict::Wrong));
    }
}

/// The component's arithmetic is compiled with instructions that few programs use; the signatures are made natively.
#[tokio::test]
async fn signatures_of_many_keys_are_verified() {
    let place = Place::default();
    let component = load(twofactor_bundle::FIDO).await;
    let configured = place.configure(&component, &json!({})).await;
    let fido = factor(&configured);
    let begun = fido.begin_enrolment(&place.context(), &[]).await.unwrap();
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        for number in 0..32 {
            let authenticator = Authenticator::new(algorithm, &number.to_string());
            let answer = authenticator.create(&begun.public, ORIGIN).answer(&authenticator);
            let verdict = fido.finish_enrolment(&place.context(), &begun.pending, &answer).await.unwrap();
            let factors = [enrolled(verdict).state];
            let challenge = fido.begin_challenge(&place.context(), &factors).await.unwrap();
            let assertion = authenticator.get(&challenge.public, ORIGIN);
            let answer = assertion.answer(&authenticator);
            accepted(fido.verify(&place.context(), &factors, &challenge.pending, &answer).await.unwrap());

            let client_data = assertion.client_data.to_string();
            let change = |signature: &mut Vec<u8>| *signature.last_mut().unwrap() ^= 1;
            let forged = assertion.answer_with(&authenticator, client_data.as_bytes(), change);
            let verdict = fido.verify(&place.context(), &factors, &challenge.pending, &forged).await.unwrap();
            assert!(matches!(verdict, FactorVerdict::Wrong), "{algorithm:?} {number}");
        }
    }
}

/// The same input gives the same output.
#[tokio::test]
async fn a_begin_depends_only_on_its_input() {
    let place = Place::default();
    for (name, component) in COMPONENTS {
        let component = load(component).await;
        let configured = place.configure(&component, &json!({})).await;
        let begin = async |byte| {
            let fixed = factor(&configured).with_fixed_entropy(std::array::from_fn(|at| at as u8 ^ byte));
            fixed.begin_enrolment(&place.context(), &[]).await.unwrap().pending
        };
        assert_eq!(begin(0).await, begin(0).await, "{name}");
        assert_ne!(begin(0).await, begin(1).await, "{name}");
    }
}
