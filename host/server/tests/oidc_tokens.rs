//! An identity provider's token counts only if all of it is valid.

use crate::{identity, own_provider};
use identity::{Sent, leave};
use own_provider::{CODE, KEYS, Reply, World, changed, jwk, jwt, key, now};
use serde_json::{Value, json};

impl World {
    /// Returns what comes of a token.
    async fn brings(&self, token: impl FnOnce(&Sent) -> String) -> u16 {
        let mut visitor = self.site.visitor();
        let sent = leave(&mut visitor, "/admin").await;
        self.own.hands_out(&sent, &token(&sent));
        let page = visitor.get(&sent.back(&[("code", CODE)])).await;
        let session = visitor.cookies.contains_key("__Host-twofactor-session");
        assert_eq!(page.status == 303, session);
        if !session {
            page.shows("Login failed.").shows("Example login");
        }
        if session { 303 } else { 502 }
    }

    async fn brings_claims(&self, changes: Value) -> u16 {
        self.brings(|sent| self.own.sign(&changed(self.own.claims(sent), changes))).await
    }

    /// Checks the reasons in the log, one for each attempt; nothing that the provider sent is in
    /// them.
    #[track_caller]
    fn said(self, whys: &[&str]) {
        let log = String::from_utf8(self.site.server.into_log()).unwrap();
        let lines = log.lines().filter(|line| line.contains("identity provider failed"));
        for (n, (line, why)) in lines.clone().zip(whys).enumerate() {
            assert!(line.contains(why), "{n}: `{why}` is not in {line}");
        }
        assert_eq!(lines.count(), whys.len(), "{log}");
        for secret in ["anna", "eyJ", CODE, "tfe_"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}

#[tokio::test]
async fn a_token_with_another_signature_or_none_counts_for_nothing() {
    let world = World::new().await;
    let own = &world.own;
    let stranger = key();
    let es256 = json!({"alg": "ES256", "kid": "1"});
    assert_eq!(world.brings(|sent| jwt(&es256, &own.claims(sent), &stranger)).await, 502);
    // One claim changed after it was signed.
    let tampered = |sent: &Sent| {
        let (good, other) = (own.sign(&own.claims(sent)), own.sign(&changed(own.claims(sent), json!({"sub": "b"}))));
        let [good, other] = [good, other].map(|token| token.split('.').map(str::to_owned).collect::<Vec<_>>());
        format!("{}.{}.{}", good[0], other[1], good[2])
    };
    assert_eq!(world.brings(tampered).await, 502);
    let unsigned = |alg: &str, sent: &Sent| {
        let token = jwt(&json!({"alg": alg}), &own.claims(sent), &own.key);
        format!("{}.", token.rsplit_once('.').unwrap().0)
    };
    assert_eq!(world.brings(|sent| unsigned("none", sent)).await, 502);
    assert_eq!(world.brings(|sent| unsigned("ES256", sent)).await, 502);
    // Anybody who knows the public key, or the client's secret, could make this.
    assert_eq!(world.brings(|sent| jwt(&json!({"alg": "HS256"}), &own.claims(sent), &own.key)).await, 502);
    // Its own key, included in the token.
    let along = json!({"alg": "ES256", "jwk": jwk(&stranger, "1")});
    assert_eq!(world.brings(|sent| jwt(&along, &own.claims(sent), &stranger)).await, 502);
    assert_eq!(world.brings(|sent| jwt(&json!({"alg": "ES256", "kid": "2"}), &own.claims(sent), &own.key)).await, 502);
    let crit = json!({"alg": "ES256", "kid": "1", "crit": ["x"], "x": 1});
    assert_eq!(world.brings(|sent| jwt(&crit, &own.claims(sent), &own.key)).await, 502);
    assert_eq!(world.brings(|_| "no token".to_owned()).await, 502);
    assert_eq!(world.brings(|sent| own.sign(&own.claims(sent))).await, 303);
    let signature = "its signature is not valid";
    world.said(&[
        signature,
        signature,
        "its algorithm is not supported",
        signature,
        "it is not signed with an asymmetric algorithm",
        signature,
        "its key is not in the key set of the provider",
        "it has a critical header that is not supported",
        "it is malformed",
    ]);
}

#[tokio::test]
async fn a_key_that_is_for_something_else_signs_nothing() {
    let world = World::new().await;
    let own = &world.own;
    for (change, status) in [
        (json!({"use": "enc"}), 502),
        (json!({"alg": "ES384"}), 502),
        (json!({"crv": "P-384"}), 502),
        (json!({"kty": "RSA"}), 502),
        (json!({"use": null, "alg": "ES256"}), 303),
        // A token that names its key is by that one.
        (json!({"kid": null}), 502),
    ] {
        let keys = json!({"keys": [changed(jwk(&own.key, "1"), change.clone())]});
        own.reply(KEYS, Reply::Json(keys));
        assert_eq!(world.brings_claims(json!({})).await, status, "{change}");
    }
}

#[tokio::test]
async fn a_claim_that_may_be_left_out_may_be_null() {
    let world = World::new().await;
    let with_nulls = |sent: &Sent| {
        let mut claims = world.own.claims(sent);
        for name in ["azp", "nbf", "jti", "auth_time"] {
            claims[name] = Value::Null;
        }
        world.own.sign(&claims)
    };
    assert_eq!(world.brings(with_nulls).await, 303);
}

#[tokio::test]
async fn a_token_for_another_client_or_of_another_issuer_counts_for_nothing() {
    let world = World::new().await;
    let issuer = world.own.issuer.clone();
    for (changes, status) in [
        (json!({"aud": "another"}), 502),
        (json!({"aud": null}), 502),
        (json!({"aud": ["another", "one more"]}), 502),
        (json!({"aud": ["another", "twofactor"]}), 502),
        (json!({"aud": ["another", "twofactor"], "azp": "another"}), 502),
        (json!({"azp": "another"}), 502),
        (json!({"iss": "https://another.example"}), 502),
        (json!({"iss": format!("{issuer}/")}), 502),
        (json!({"iss": [issuer, "https://another.example"]}), 502),
        (json!({"iss": null}), 502),
        (json!({"sub": null}), 502),
        (json!({"sub": ""}), 502),
        (json!({"sub": "x".repeat(256)}), 502),
        (json!({"aud": ["another", "twofactor"], "azp": "twofactor"}), 303),
        (json!({"aud": ["twofactor"]}), 303),
    ] {
        assert_eq!(world.brings_claims(changes.clone()).await, status, "{changes}");
    }
    let (other, issuer, lacks, party) = (
        "it has another audience",
        "it has another issuer",
        "a required claim is missing",
        "it was issued to another client",
    );
    let nobody = "has no valid `sub` claim";
    world.said(&[other, lacks, other, party, party, party, issuer, issuer, issuer, lacks, lacks, nobody, nobody]);
}

#[tokio::test]
async fn a_token_counts_for_its_own_login_and_for_minutes() {
    let world = World::new().await;
    for (changes, status) in [
        (json!({"nonce": "another"}), 502),
        (json!({"nonce": null}), 502),
        (json!({"exp": now() - 120}), 502),
        (json!({"exp": null}), 502),
        (json!({"exp": "tomorrow"}), 502),
        (json!({"nbf": now() + 300}), 502),
        (json!({"iat": now() + 300}), 502),
        (json!({"iat": now() - 3600}), 502),
        (json!({"iat": null}), 502),
        (json!({"iat": now() - 300, "nbf": now() - 300}), 303),
        (json!({"iat": now() as f64 - 0.5, "exp": now() as f64 + 60.5}), 303),
        (json!({"iat": now() as f64 - 3600.5}), 502),
        (json!({"iat": 1e300}), 502),
        (json!({"iat": "now"}), 502),
    ] {
        assert_eq!(world.brings_claims(changes.clone()).await, status, "{changes}");
    }
    let (login, lacks, long_ago) =
        ("it belongs to another login", "a required claim is missing", "it was issued too long ago, or in the future");
    let not_said = "its `iat` claim is missing";
    world.said(&[
        login,
        login,
        "it has expired",
        lacks,
        lacks,
        "it is not valid yet",
        long_ago,
        long_ago,
        not_said,
        long_ago,
        not_said,
        not_said,
    ]);
}
