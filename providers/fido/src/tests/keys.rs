//! R20: the key's type and curve are those of its algorithm, and a point is on its curve.

use ciborium::{Value as Cbor, cbor};
use twofactor_factor::UnmetRequirement;

use crate::Refusal;
use crate::key::PublicKey;
use crate::testing::{Algorithm, Authenticator, to_cbor};

fn parse(key: &Cbor) -> Result<PublicKey, Refusal> {
    PublicKey::parse(&to_cbor(key))
}

fn public_key(algorithm: Algorithm) -> Cbor {
    Authenticator::new(algorithm, "one").public_key()
}

/// Returns a key with the value of a label changed.
fn with(algorithm: Algorithm, label: i64, change: impl Fn(&mut Cbor)) -> Cbor {
    let mut key = public_key(algorithm);
    let entries = key.as_map_mut().unwrap();
    let (_, value) = entries.iter_mut().find(|(key, _)| *key == Cbor::from(label)).unwrap();
    change(value);
    key
}

const INVALID: Refusal = Refusal::Wrong("the public key is not valid");
const UNFIT: Refusal = Refusal::Wrong("the public key's type or curve does not fit its algorithm");

#[test]
fn type_and_curve_fit_the_algorithm() {
    for algorithm in Algorithm::OFFERED {
        assert_eq!(parse(&public_key(algorithm)).unwrap().algorithm(), algorithm);
        for other in [0, 1, 2, 3, 4] {
            let key = with(algorithm, 1, |kty| *kty = other.into());
            let fits = key == public_key(algorithm);
            assert_eq!(parse(&key).is_ok(), fits, "{algorithm:?} with type {other}");
        }
    }
    // P-384, Ed448, and a curve that is missing.
    assert_eq!(parse(&with(Algorithm::Es256, -1, |crv| *crv = 2.into())), Err(UNFIT));
    assert_eq!(parse(&with(Algorithm::EdDsa, -1, |crv| *crv = 7.into())), Err(UNFIT));
    assert_eq!(parse(&with(Algorithm::Es256, -1, |crv| *crv = Cbor::Null)), Err(UNFIT));
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    let key = with(Algorithm::Es256, -3, |y| y.as_bytes_mut().unwrap()[31] ^= 1);
    assert_eq!(parse(&key), Err(INVALID));
    let zero = with(Algorithm::Es256, -2, |x| x.as_bytes_mut().unwrap().fill(0));
    assert_eq!(parse(&zero), Err(INVALID));
}

#[test]
fn a_compressed_point_is_refused() {
    assert_eq!(parse(&with(Algorithm::Es256, -3, |y| *y = Cbor::Bool(true))), Err(INVALID));
    assert_eq!(parse(&with(Algorithm::Es256, -2, |x| x.as_bytes_mut().unwrap().truncate(31))), Err(INVALID));
}

#[test]
fn a_weak_point_of_ed25519_is_refused() {
    let mut identity = vec![0; 32];
    identity[0] = 1;
    for weak in [identity, vec![0; 32]] {
        assert_eq!(parse(&with(Algorithm::EdDsa, -2, |x| *x = Cbor::Bytes(weak.clone()))), Err(INVALID));
    }
}

#[test]
fn an_rsa_key_that_is_weak_or_costly_is_refused() {
    for n in [vec![0xff; 128], vec![0xff; 255], vec![0xff; 513], vec![0xff; 8192], vec![]] {
        assert_eq!(parse(&with(Algorithm::Rs256, -1, |value| *value = Cbor::Bytes(n.clone()))), Err(INVALID));
    }
    for e in [vec![], vec![0], vec![1], vec![2], vec![1, 0, 0], vec![0xff; 9]] {
        assert_eq!(parse(&with(Algorithm::Rs256, -2, |value| *value = Cbor::Bytes(e.clone()))), Err(INVALID), "{e:?}");
    }
}

#[test]
fn another_algorithm_and_other_forms_are_refused() {
    assert_eq!(parse(&cbor!({1 => 2, 3 => -35}).unwrap()), Err(Refusal::Unmet(UnmetRequirement::Algorithm)));
    assert!(matches!(parse(&cbor!({1 => 2}).unwrap()), Err(Refusal::Malformed(_))));
    assert!(matches!(parse(&cbor!([1, 2]).unwrap()), Err(Refusal::Malformed(_))));
    let twice = Cbor::Map(vec![(3.into(), (-7).into()), (3.into(), (-8).into())]);
    assert!(matches!(parse(&twice), Err(Refusal::Malformed(_))));
    let mut bytes = to_cbor(&public_key(Algorithm::Es256));
    bytes.push(0);
    assert!(matches!(PublicKey::parse(&bytes), Err(Refusal::Malformed(_))));
}
