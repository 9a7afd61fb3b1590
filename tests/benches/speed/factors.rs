//! Factors: a passkey's signature in a component against the same natively, a code of an authenticator app, a recovery code.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};
use twofactor::sandbox::{ConfiguredFactor, EnrolmentVerdict, FactorState, FactorVerdict, Reveal};
use twofactor_fido::testing::{Algorithm, Authenticator, ORIGIN};
use twofactor_tests::factors::{Place, factor, load};

use crate::row;

const CALLS: u32 = 500;
const ROUNDS: usize = 9;

pub(crate) fn rows() {
    let one_thread = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    one_thread.block_on(async {
        es256().await;
        totp().await;
        recovery().await;
    });
    for (name, component) in
        [("totp", twofactor_bundle::TOTP), ("fido", twofactor_bundle::FIDO), ("recovery", twofactor_bundle::RECOVERY)]
    {
        println!("       the component `{name}` has {} KB", component.len() / 1024);
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn es256() {
    let place = Place::default();
    let component = load(twofactor_bundle::FIDO).await;
    let configured = place.configure(&component, &json!({})).await;
    let fido = factor(&configured);
    let authenticator = Authenticator::new(Algorithm::Es256, "speed");
    let begun = fido.begin_enrolment(&place.context(), &[]).await.unwrap();
    let answer = authenticator.create(&begun.public, ORIGIN).answer(&authenticator);
    let verdict = fido.finish_enrolment(&place.context(), &begun.pending, &answer).await.unwrap();
    let EnrolmentVerdict::Enrolled(enrolled) = verdict else { panic!("not enrolled: {verdict:?}") };
    let factors = [enrolled.state];
    let challenge = fido.begin_challenge(&place.context(), &factors).await.unwrap();
    let answer = authenticator.get(&challenge.public, ORIGIN).answer(&authenticator);

    let parsed: Value = serde_json::from_str(&answer).unwrap();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(parsed["response"][name].as_str().unwrap()).unwrap();
    let hash = ring::digest::digest(&ring::digest::SHA256, &member("clientDataJSON"));
    let signed = [member("authenticatorData"), hash.as_ref().to_vec()].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, authenticator.point());
    let signature = member("signature");

    let (mut here, mut natively) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..CALLS {
            let verdict = fido.verify(&place.context(), &factors, &challenge.pending, &answer).await.unwrap();
            assert!(matches!(verdict, FactorVerdict::Right(_)));
        }
        here.push(begin.elapsed() / CALLS);
        let begin = Instant::now();
        for _ in 0..CALLS {
            key.verify(&signed, &signature).unwrap();
        }
        natively.push(begin.elapsed() / CALLS);
    }
    let (here, natively) = (median(here), median(natively));
    let ratio = here.as_secs_f64() / natively.as_secs_f64();
    row(
        "an assertion with ES256 in a fresh component, against ring's verification alone",
        format!("{:.2}   ({:.0} µs against {:.0} µs)", ratio, here.as_secs_f64() * 1e6, natively.as_secs_f64() * 1e6),
        "≤ 4",
        ratio <= 4.0,
    );
}

async fn totp() {
    let place = Place::default();
    let component = load(twofactor_bundle::TOTP).await;
    let configured = place.configure(&component, &json!({})).await;
    let totp = factor(&configured);
    let state = json!({
        "secret": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA",
        "parameters": {"algorithm": "SHA1", "digits": 6, "period": 30},
        "window": {"last_step": null, "drift": 0, "last_offset": 0},
    });
    let parsed: twofactor_totp::State = serde_json::from_value(state.clone()).unwrap();
    let code = parsed.parameters.code(&parsed.secret, u64::try_from(place.now).unwrap() / 30);
    let factors = [FactorState { format: 1, data: serde_json::to_vec(&state).unwrap() }];
    let challenge = totp.begin_challenge(&place.context(), &factors).await.unwrap();
    let took = typed(totp, &place, &factors, &challenge.pending, &code).await;
    row(
        "a code of an authenticator app, with a fresh instance, one thread",
        format!("{:.1} µs", took.as_secs_f64() * 1e6),
        "≤ 50 µs",
        took <= Duration::from_micros(50),
    );
}

async fn recovery() {
    let place = Place::default();
    let component = load(twofactor_bundle::RECOVERY).await;
    let configured = place.configure(&component, &json!({})).await;
    let recovery = factor(&configured);
    let begun = recovery.begin_enrolment(&place.context(), &[]).await.unwrap();
    let Some(Reveal::Codes(codes)) = &begun.reveal else { panic!("no codes") };
    let verdict = recovery.finish_enrolment(&place.context(), &begun.pending, "").await.unwrap();
    let EnrolmentVerdict::Enrolled(enrolled) = verdict else { panic!("not enrolled: {verdict:?}") };
    let factors = [enrolled.state];
    let challenge = recovery.begin_challenge(&place.context(), &factors).await.unwrap();
    let took = typed(recovery, &place, &factors, &challenge.pending, &codes[0]).await;
    println!("       a recovery code, with a fresh instance, one thread: {:.1} µs", took.as_secs_f64() * 1e6);
}

/// Returns how long it takes to verify the right code.
async fn typed(
    factor: &ConfiguredFactor,
    place: &Place,
    factors: &[FactorState],
    pending: &[u8],
    code: &str,
) -> Duration {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..CALLS {
            let verdict = factor.verify(&place.context(), factors, pending, code).await.unwrap();
            assert!(matches!(verdict, FactorVerdict::Right(_)));
        }
        rounds.push(begin.elapsed() / CALLS);
    }
    median(rounds)
}
