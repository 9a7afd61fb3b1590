use ciborium::cbor;

use crate::Refusal;
use crate::authenticator_data::AuthenticatorData;
use crate::testing::{Algorithm, Authenticator, Data, flag, to_cbor};

fn data(flags: u8, more: &[u8]) -> Data {
    Data { rp_id: "example.com".to_owned(), flags, sign_count: 258, credential: None, more: more.to_vec() }
}

fn is_malformed(bytes: &[u8]) -> bool {
    matches!(AuthenticatorData::parse(bytes), Err(Refusal::Malformed(_)))
}

#[test]
fn the_counter_is_read() {
    assert_eq!(AuthenticatorData::parse(&data(flag::UP, b"").bytes()).unwrap().sign_count, 258);
}

#[test]
fn every_shorter_form_is_refused() {
    let authenticator = Authenticator::new(Algorithm::Es256, "one");
    let key = to_cbor(&authenticator.public_key());
    let mut whole = data(flag::UP | flag::AT | flag::ED, &to_cbor(&cbor!({"a" => 1}).unwrap()));
    whole.credential = Some((authenticator.aaguid, authenticator.id.clone(), key));
    let bytes = whole.bytes();
    assert!(AuthenticatorData::parse(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(is_malformed(&bytes[..length]), "{length} bytes");
    }
}

#[test]
fn what_the_flags_announce_is_there_and_nothing_else() {
    assert!(is_malformed(&data(flag::UP, b"\x00").bytes()));
    assert!(is_malformed(&data(flag::UP, b"\xa0").bytes()));
    assert!(is_malformed(&data(flag::UP | flag::ED, b"").bytes()));
    assert!(is_malformed(&data(flag::UP | flag::ED, b"\x80").bytes()));
    assert!(is_malformed(&data(flag::UP | flag::ED, b"\xa0\xa0").bytes()));
    assert!(is_malformed(&data(flag::UP | flag::AT, b"").bytes()));
    assert!(AuthenticatorData::parse(&data(flag::UP | flag::ED, b"\xa0").bytes()).is_ok());
}
