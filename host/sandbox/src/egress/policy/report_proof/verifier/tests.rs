#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::egress::policy::authentication::{Credentials, HmacHash, HmacKey, JwtKey, KeyEncoding, SignedJwt};
use crate::egress::policy::report_proof::ReportJwt;

const URL: &str = "https://auth.example.com/reports/s/i/c/0/p";
const NOW: u64 = 1_769_860_800;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn post<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> ReportRequest<'a> {
    ReportRequest { method: "POST", query: "", headers, body }
}

fn proved(proof: &ReportProof, with: &[(&'static str, &str)], body: &[u8]) -> Result<(), ReportProofError> {
    ReportVerifier::new(proof).unwrap().verify(URL, &post(&headers(with), body), at(NOW))
}

fn hmac(text: &str) -> ReportSignature {
    let key = HmacKey { hash: HmacHash::Sha256, key: Secret::new("key"), encoding: KeyEncoding::Text };
    ReportSignature {
        key: ReportKey::Hmac(key),
        text: text.to_owned(),
        header: "x-signature".to_owned(),
        prefix: "sha256=".to_owned(),
        base64: false,
        timestamp_header: String::new(),
    }
}

fn token(claim: &str, value: &str, body_hash_claim: &str) -> ReportProof {
    ReportProof::Jwt(ReportJwt {
        algorithm: JwtAlgorithm::Hs256,
        key: Secret::new("signature secret"),
        header: "x-signature-jwt".to_owned(),
        claims: vec![(claim.to_owned(), value.to_owned())],
        body_hash_claim: body_hash_claim.to_owned(),
    })
}

#[test]
fn a_url_that_nobody_can_guess_is_enough_where_an_upstream_offers_no_more() {
    let verifier = ReportVerifier::new(&ReportProof::SecretUrl).unwrap();
    let none = HeaderMap::new();
    for method in ["POST", "GET"] {
        let report = ReportRequest { method, query: "status=DELIVRD", headers: &none, body: b"" };
        assert_eq!(verifier.verify(URL, &report, at(NOW)), Ok(()));
    }
    let long = "a".repeat(QUERY_BYTES + 1);
    for (method, query) in [("PUT", ""), ("get", ""), ("GET", &*long)] {
        let report = ReportRequest { method, query, headers: &none, body: b"" };
        assert_eq!(verifier.verify(URL, &report, at(NOW)), Err(ReportProofError::Request));
    }
}

#[test]
fn a_password_and_a_secret_header_are_compared_as_a_whole() {
    let basic = ReportProof::Basic(Credentials { username: "u".to_owned(), password: Secret::new("p:w") });
    let with = |value: &str| proved(&basic, &[("authorization", value)], b"");
    assert_eq!(with(&format!("Basic {}", STANDARD.encode("u:p:w"))), Ok(()));
    assert_eq!(with(&format!("basic {}", STANDARD.encode("u:p:w"))), Ok(()));
    for pair in ["u:p:", "u:p:wx", "v:p:w", "", ":"] {
        assert_eq!(with(&format!("Basic {}", STANDARD.encode(pair))), Err(ReportProofError::Secret), "{pair}");
    }
    for other in ["", "Basic", "Basic !", "Bearer x"] {
        assert_eq!(with(other), Err(ReportProofError::Header("authorization".to_owned())), "{other}");
    }
    let header = ReportProof::Header { name: "X-Token".to_owned(), value: Secret::new("t0ken") };
    assert_eq!(proved(&header, &[("x-token", "t0ken")], b""), Ok(()));
    for other in ["", "t0ke", "t0kenx", "T0ken"] {
        assert_eq!(proved(&header, &[("x-token", other)], b""), Err(ReportProofError::Secret));
    }
    assert_eq!(proved(&header, &[], b""), Err(ReportProofError::Header("x-token".to_owned())));
}

/// The values were computed with `hmac` of Python.
#[test]
fn a_component_gets_the_parts_of_a_report_that_are_proved() {
    let headers = headers(&[]);
    let report = ReportRequest { query: "status=delivered", ..post(&headers, b"status=failed") };
    let secret = || Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let signed = |text: &str| ReportProof::Signature(hmac(text));
    for (proof, query, body) in [
        (ReportProof::SecretUrl, true, true),
        (ReportProof::Twilio(secret()), false, true),
        (ReportProof::Webhook(secret()), false, true),
        (signed("{url}"), false, false),
        (signed("{url}{body}"), false, true),
        (signed("{query}"), true, false),
        (signed("{url-with-query}"), true, false),
        (token("iss", "", "payload_hash"), false, true),
        (token("url_hash", "{url-with-query|sha256|hex}", ""), true, false),
        (token("url_hash", "{url-with-query|sha256|hex}", "payload_hash"), true, true),
        // Shows who sends, and nothing more.
        (token("iss", "Gateway", ""), true, true),
    ] {
        let proved = ReportVerifier::new(&proof).unwrap().proved(&report);
        assert_eq!((!proved.query.is_empty(), !proved.body.is_empty()), (query, body), "{proof:?}");
    }
}

#[test]
fn a_signature_is_verified_over_what_its_template_names() {
    let signed = "sha256=bd26cc6766775703d8ff9a655703258ac3c65423214902adfb06f158c6969780";
    let proof = ReportProof::Signature(hmac("{body}"));
    assert_eq!(proved(&proof, &[("x-signature", signed)], b"report"), Ok(()));
    assert_eq!(proved(&proof, &[("x-signature", signed)], b"reporT"), Err(ReportProofError::Signature));
    let malformed = Err(ReportProofError::Header("x-signature".to_owned()));
    for other in [&signed[7..], "sha256=zz", "sha1=00"] {
        assert_eq!(proved(&proof, &[("x-signature", other)], b"report"), malformed, "{other}");
    }
    assert_eq!(proved(&proof, &[("x-signature", "sha256=")], b"report"), Err(ReportProofError::Signature));

    let mut timed = hmac("{header.x-time}.{url}.{body}");
    timed.timestamp_header = "X-Time".to_owned();
    timed.base64 = true;
    timed.prefix = String::new();
    let timed = ReportProof::Signature(timed);
    let verified = |time: &str, now| {
        let verifier = ReportVerifier::new(&timed).unwrap();
        let headers = headers(&[("x-signature", "ltz/J3VV0xP0aje2fZ7s+ZIXTXK4+CUN8Ocnq5lhEkc="), ("x-time", time)]);
        verifier.verify(URL, &post(&headers, b"report"), at(now))
    };
    assert_eq!(verified("1769860800", NOW + 300), Ok(()));
    for now in [NOW + 301, NOW - 301] {
        assert_eq!(verified("1769860800", now), Err(ReportProofError::Time));
    }
    assert_eq!(verified("1769860801", NOW), Err(ReportProofError::Signature));
    assert_eq!(verified("soon", NOW), Err(ReportProofError::Header("x-time".to_owned())));
}

/// Plivo's version 2, with the example of its own libraries: the URL and a random number are signed.
#[test]
fn a_report_of_plivo_is_verified() {
    let key = HmacKey { hash: HmacHash::Sha256, key: Secret::new("my_auth_token"), encoding: KeyEncoding::Text };
    let signature = ReportSignature {
        key: ReportKey::Hmac(key),
        header: "x-plivo-signature-v2".to_owned(),
        prefix: String::new(),
        base64: true,
        ..hmac("{url}{header.x-plivo-signature-v2-nonce}")
    };
    let verifier = ReportVerifier::new(&ReportProof::Signature(signature)).unwrap();
    let verified = |nonce, url| {
        let with = [
            ("x-plivo-signature-v2", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="),
            ("x-plivo-signature-v2-nonce", nonce),
        ];
        verifier.verify(url, &post(&headers(&with), b""), at(NOW))
    };
    assert_eq!(verified("12345", "https://answer.url"), Ok(()));
    assert_eq!(verified("12346", "https://answer.url"), Err(ReportProofError::Signature));
    assert_eq!(verified("12345", "https://answer.urk"), Err(ReportProofError::Signature));
}

/// As Telnyx signs: Ed25519 over the time and the body.
#[test]
fn a_report_is_verified_with_a_public_key() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut signature = hmac("{header.telnyx-timestamp}|{body}");
    signature.key = ReportKey::Ed25519(STANDARD.encode(pair.public_key()));
    (signature.header, signature.prefix) = ("telnyx-signature-ed25519".to_owned(), String::new());
    (signature.base64, signature.timestamp_header) = (true, "telnyx-timestamp".to_owned());
    let proof = ReportProof::Signature(signature);
    let signed = STANDARD.encode(pair.sign(b"1769860800|{}"));
    let with = [("telnyx-signature-ed25519", &*signed), ("telnyx-timestamp", "1769860800")];
    assert_eq!(proved(&proof, &with, b"{}"), Ok(()));
    assert_eq!(proved(&proof, &with, b"[]"), Err(ReportProofError::Signature));
    assert_eq!(proof.secret().map(|_| ()), None);
}

/// As Vonage signs: a token by a shared secret, with the hash of the body.
#[test]
fn a_report_is_verified_by_a_token_with_the_hash_of_the_body() {
    let proof = ReportProof::Jwt(ReportJwt {
        algorithm: JwtAlgorithm::Hs256,
        key: Secret::new("signature secret"),
        header: "Authorization".to_owned(),
        claims: vec![("iss".to_owned(), "Vonage".to_owned())],
        body_hash_claim: "payload_hash".to_owned(),
    });
    let signed = |issuer: &str, body: &[u8], secret: &str| {
        let key = JwtKey { algorithm: JwtAlgorithm::Hs256, key: Secret::new(secret), header: Vec::new() };
        let claims = vec![("iss".to_owned(), issuer.to_owned())];
        let hash = hex::encode(Sha256::digest(body));
        let token = SignedJwt { key, claims, valid_seconds: 300 };
        jwt::sign(&token, &[("payload_hash", &hash)], at(NOW)).unwrap().expose().to_owned()
    };
    let with = |token: String, body| proved(&proof, &[("authorization", &token)], body);
    let right = || signed("Vonage", b"{}", "signature secret");
    assert_eq!(with(right(), b"{}"), Ok(()));
    assert_eq!(with(format!("Bearer {}", right()), b"{}"), Ok(()));
    assert_eq!(with(right(), b"[]"), Err(ReportProofError::Token("was made for another body")));
    for (issuer, secret, why) in [
        ("Other", "signature secret", "has other claims than the provider expects"),
        ("Vonage", "other", "was not signed with the key in the instance's options"),
    ] {
        assert_eq!(with(signed(issuer, b"{}", secret), b"{}"), Err(ReportProofError::Token(why)));
    }
}

/// As MessageBird signs: its reports arrive by GET, and the token contains the hash of the URL with its query.
#[test]
fn a_report_by_get_is_verified_by_a_token_with_the_hash_of_the_url() {
    let verifier = ReportVerifier::new(&token("url_hash", "{url-with-query|sha256|hex}", "")).unwrap();
    let signed = |url: &str| {
        let key = JwtKey { algorithm: JwtAlgorithm::Hs256, key: Secret::new("signature secret"), header: Vec::new() };
        let token = SignedJwt { key, claims: Vec::new(), valid_seconds: 60 };
        let hash = hex::encode(Sha256::digest(url));
        headers(&[("x-signature-jwt", jwt::sign(&token, &[("url_hash", &hash)], at(NOW)).unwrap().expose())])
    };
    let with = |headers: &HeaderMap, query: &str| {
        let report = ReportRequest { method: "GET", query, headers, body: b"" };
        verifier.verify(URL, &report, at(NOW))
    };
    let delivered = signed(&format!("{URL}?id=1&status=delivered"));
    let other: Result<(), ReportProofError> =
        Err(ReportProofError::Token("has other claims than the provider expects"));
    assert_eq!(with(&delivered, "id=1&status=delivered"), Ok(()));
    assert_eq!(with(&delivered, "id=1&status=delivery_failed"), other);
    assert_eq!(with(&delivered, ""), other);
    assert_eq!(with(&signed(URL), ""), Ok(()));
}

/// Vonage's own tokens have `iat` and no `exp`.
#[test]
fn a_token_that_does_not_say_when_it_expires_is_believed_for_five_minutes() {
    let proof = ReportProof::Jwt(ReportJwt {
        algorithm: JwtAlgorithm::Hs256,
        key: Secret::new("signature secret"),
        header: "Authorization".to_owned(),
        claims: vec![("iss".to_owned(), "Vonage".to_owned())],
        body_hash_claim: "payload_hash".to_owned(),
    });
    let token = |times: Value| {
        let mut claims = serde_json::json!({"iss": "Vonage", "payload_hash": hex::encode(Sha256::digest(b"{}"))});
        claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&serde_json::json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"signature secret");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
    };
    let verified = |times: Value, second| {
        let headers = headers(&[("authorization", &token(times))]);
        ReportVerifier::new(&proof).unwrap().verify(URL, &post(&headers, b"{}"), at(second))
    };
    let expired: Result<(), ReportProofError> = Err(ReportProofError::Token("has expired, or is not valid yet"));
    let issued = || serde_json::json!({"iat": NOW});
    for second in [NOW, NOW + 300, NOW + 359] {
        assert_eq!(verified(issued(), second), Ok(()), "{second}");
    }
    for second in [NOW - 61, NOW + 360, NOW + 3600] {
        assert_eq!(verified(issued(), second), expired, "{second}");
    }
    // With `exp`, that alone says it.
    let long = || serde_json::json!({"iat": NOW, "exp": NOW + 7200});
    assert_eq!(verified(long(), NOW + 3600), Ok(()));
    assert_eq!(verified(long(), NOW + 7260), expired);
    // Without a time nothing can be said of its age.
    assert_eq!(verified(serde_json::json!({}), NOW + 3600), Ok(()));
    assert_eq!(verified(serde_json::json!({"iat": "yesterday"}), NOW), expired);
}

#[test]
fn a_proof_that_proves_nothing_is_refused_with_what_is_wrong() {
    let header = |name: &str, value: &str| ReportProof::Header { name: name.to_owned(), value: Secret::new(value) };
    let password =
        |password: &str| ReportProof::Basic(Credentials { username: "u".to_owned(), password: Secret::new(password) });
    let mut untimed = hmac("{body}");
    untimed.timestamp_header = "x-time".to_owned();
    let mut public = hmac("{body}");
    public.key = ReportKey::Ed25519("AAAA".to_owned());
    for (proof, why) in [
        (header("x-token", ""), "empty"),
        (header("a b", "t"), "malformed"),
        (password(""), "empty"),
        (ReportProof::Twilio(Secret::new("")), "empty"),
        (ReportProof::Webhook(Secret::new("whsec_AAAA")), "24 to 64 bytes"),
        (ReportProof::Signature(hmac("{header.x-id}")), "would prove every report"),
        (ReportProof::Signature(hmac("{path}")), "unknown name `path`"),
        (token("url_hash", "{path}", ""), "unknown name `path`"),
        (token("url_hash", "{url-with-query|sha256}", ""), "is not text: end the value with `hex`"),
        (ReportProof::Signature(untimed), "must be among what is signed"),
        (ReportProof::Signature(public), "32 bytes"),
    ] {
        let error = ReportVerifier::new(&proof).map(|_| ()).unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

/// The example of Twilio's own libraries.
#[test]
fn a_report_of_twilio_is_checked_as_twilio_documents_it() {
    let proof = ReportProof::Twilio(Secret::new("12345"));
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
    let right = headers(&[("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]);
    let is_of = |url: &str, headers: &HeaderMap, body: &[u8]| {
        ReportVerifier::new(&proof).unwrap().verify(url, &post(headers, body), SystemTime::now()).is_ok()
    };
    assert!(is_of(url, &right, body));
    assert!(!is_of("https://mycompany.com/myapp.php?foo=1&bar=3", &right, body));
    assert!(!is_of(url, &right, &body[..body.len() - 1]));
    assert!(!is_of(url, &headers(&[]), body));
    // The order of the fields is no part of it, nor how often one stands there.
    assert!(is_of(url, &right, b"Digits=1234&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"));
    // Twilio may sign with the port.
    assert!(is_of(url, &headers(&[("x-twilio-signature", "kvajT1Ptam85bY51eRf/AJRuM3w=")]), body));
    assert!(is_of("https://mycompany.com:443/myapp.php?foo=1&bar=2", &right, body));
    // Different values of one field.
    let several = headers(&[("x-twilio-signature", "IK+Dwps556ElfBT0I3Rgjkr1wJU=")]);
    assert!(is_of(url, &several, b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"));
    for wrong in ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
        assert!(!is_of(url, &headers(&[("x-twilio-signature", wrong)]), body), "{wrong}");
    }
    let other = ReportVerifier::new(&ReportProof::Twilio(Secret::new("12346"))).unwrap();
    assert!(other.verify(url, &post(&right, body), SystemTime::now()).is_err());
}

#[test]
fn a_report_by_webhook_is_checked_by_signature_and_time() {
    let proof = ReportProof::Webhook(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let (verifier, body) = (ReportVerifier::new(&proof).unwrap(), br#"{"test": 2432232314}"#);
    let of = |id, time, signed: &str| {
        headers(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signed)])
    };
    let (id, time, right) =
        ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let is_of =
        |headers: &HeaderMap, body: &[u8], second| verifier.verify(URL, &post(headers, body), at(second)).is_ok();
    assert!(is_of(&of(id, time, right), body, 1_614_265_330));
    assert!(is_of(&of(id, time, &format!("v1,AAAA v1a,x {right}")), body, 1_614_265_330 + 300));
    for second in [1_614_265_330 - 301, 1_614_265_330 + 301] {
        assert!(!is_of(&of(id, time, right), body, second));
    }
    assert!(!is_of(&of(id, time, right), b"{}", 1_614_265_330));
    assert!(!is_of(&of("other", time, right), body, 1_614_265_330));
    assert!(!is_of(&of(id, "1614265331", right), body, 1_614_265_330));
    assert!(!is_of(&of(id, "-1", right), body, 1_614_265_330));
    assert!(!is_of(&headers(&[]), body, 1_614_265_330));
}
