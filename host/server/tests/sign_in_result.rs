//! The signed result, as another service checks it to which an application passes it on, with a JWT library that is not the one that
//! signs.

use crate::site;
use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jwt_compact::alg::Ed25519;
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmExt as _, TimeOptions, Token, UntrustedToken};
use serde::Deserialize;
use serde_json::{Value, json};
use site::{Begun, Site};
use twofactor::keyring::Keyring;

/// A service that trusts results.
#[derive(Clone)]
struct Service {
    /// The URL of TwoFactor.
    twofactor: String,
    /// The subscription whose results it accepts.
    subscription: String,
}

/// The claims of a result.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
}

impl Service {
    /// Checks a result: signed by TwoFactor, for this application, for this very sign-in, and not over.
    async fn check(&self, result: &str, sign_in: &str, user: &str) -> anyhow::Result<()> {
        let keys = reqwest::get(format!("{}/.well-known/jwks.json", self.twofactor)).await?.bytes().await?;
        let keys: Value = serde_json::from_slice(&keys)?;
        let token = UntrustedToken::new(result)?;
        let named = |key: &&Value| key["kid"].as_str() == token.header().key_id.as_deref();
        let key = keys["keys"].as_array().and_then(|keys| keys.iter().find(named)).context("an unknown key")?;
        let key = JsonWebKey::deserialize(key)?;
        let key = <Ed25519 as Algorithm>::VerifyingKey::try_from(&key)?;
        ensure!(token.header().token_type.as_deref() == Some("sign-in-result+jwt"), "another kind of token");
        let token: Token<Claims> = Ed25519.validator(&key).validate(&token)?;
        let claims = token.claims();
        ensure!(claims.expiration.is_some(), "it never ends");
        claims.validate_expiration(&TimeOptions::default())?;
        let Claims { iss, aud, sub, jti } = &claims.custom;
        ensure!(*iss == self.twofactor, "made elsewhere");
        ensure!(*aud == self.subscription, "made for another application");
        ensure!(jti == sign_in && sub == user, "made for another sign-in");
        Ok(())
    }
}

fn shop(site: &Site, subscription: &str) -> Service {
    Service { twofactor: site.url.clone(), subscription: subscription.to_owned() }
}

async fn result(site: &Site) -> (Begun, String) {
    let (begun, browser) = site.at_code().await;
    let handle = browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
    let redeemed = site.redeem(&begun, &handle).await.expect(200);
    let result = redeemed["result"].as_str().unwrap().to_owned();
    (begun, result)
}

fn part(result: &str, n: usize) -> Value {
    serde_json::from_slice(&BASE64.decode(result.split('.').nth(n).unwrap()).unwrap()).unwrap()
}

/// Returns the result with one part replaced.
fn with(result: &str, n: usize, value: &Value) -> String {
    let mut parts: Vec<String> = result.split('.').map(str::to_owned).collect();
    parts[n] = BASE64.encode(value.to_string());
    parts.join(".")
}

async fn refused(shop: &Service, result: &str, sign_in: &str, user: &str) -> String {
    shop.check(result, sign_in, user).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_result_is_accepted_for_its_application_sign_in_and_user_only() {
    let site = Site::start().await;
    let (begun, result) = result(&site).await;
    let own = shop(&site, "shop");
    assert!(own.check(&result, &begun.id, "alice").await.is_ok());
    let other = site.begin(json!({})).await;
    assert_eq!(refused(&own, &result, &other.id, "alice").await, "made for another sign-in");
    assert_eq!(refused(&own, &result, &begun.id, "bob").await, "made for another sign-in");
    let another = shop(&site, "another");
    assert_eq!(refused(&another, &result, &begun.id, "alice").await, "made for another application");
    let mut elsewhere = own.clone();
    elsewhere.twofactor = site.url.replace("127.0.0.1", "localhost");
    assert_eq!(refused(&elsewhere, &result, &begun.id, "alice").await, "made elsewhere");
}

#[tokio::test]
async fn what_a_code_is_for_is_in_the_status_in_the_result_and_under_its_signature() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code_for(json!({"purpose": "payment"})).await;
    assert_eq!(site.report(&begun).await["purpose"], "payment");
    let handle = browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
    let redeemed = site.redeem(&begun, &handle).await.expect(200);
    assert_eq!(redeemed["purpose"], "payment");
    assert_eq!(part(redeemed["result"].as_str().unwrap(), 1)["purpose"], "payment");
}

#[tokio::test]
async fn a_result_says_who_signed_in_how_and_what_for_and_is_valid_for_two_minutes() {
    let site = Site::start().await;
    let (begun, result) = result(&site).await;
    let head = part(&result, 0);
    assert_eq!((&head["alg"], &head["typ"]), (&json!("EdDSA"), &json!("sign-in-result+jwt")));
    let claims = part(&result, 1);
    assert_eq!(claims["iss"], site.url);
    assert_eq!((&claims["aud"], &claims["sub"]), (&json!("shop"), &json!("alice")));
    assert_eq!((&claims["jti"], &claims["amr"]), (&json!(begun.id), &json!(["otp", "sms"])));
    assert_eq!((&claims["tenant"], &claims["purpose"]), (&json!("main"), &json!("sign-in")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    assert!(claims.get("client_application").is_none());
}

#[tokio::test]
async fn a_result_that_has_expired_is_refused() {
    let site = Site::start_at(jiff::Timestamp::now() - std::time::Duration::from_secs(300)).await;
    let (begun, result) = result(&site).await;
    assert!(refused(&shop(&site, "shop"), &result, &begun.id, "alice").await.contains("expired"));
}

#[tokio::test]
async fn a_result_that_was_tampered_with_is_refused() {
    let site = Site::start().await;
    let (begun, result) = result(&site).await;
    let own = shop(&site, "shop");
    let (head, claims) = (part(&result, 0), part(&result, 1));
    let changed = |value: &Value, name: &str, to: Value| {
        let mut value = value.clone();
        value[name] = to;
        value
    };
    let mut tampered = vec![
        with(&result, 1, &changed(&claims, "sub", json!("mallory"))),
        with(&result, 1, &changed(&claims, "exp", json!(4_000_000_000_u64))),
        with(&result, 0, &changed(&head, "alg", json!("none"))),
        with(&result, 0, &changed(&head, "alg", json!("HS256"))),
        with(&result, 0, &changed(&head, "kid", json!("00000000"))),
        with(&result, 0, &changed(&head, "typ", json!("JWT"))),
        result.rsplit_once('.').unwrap().0.to_owned() + ".",
        result.rsplit_once('.').unwrap().0.to_owned(),
        String::new(),
    ];
    let signature = BASE64.decode(result.rsplit_once('.').unwrap().1).unwrap();
    for n in [0, 31, 32, 63] {
        let mut signature = signature.clone();
        signature[n] ^= 1;
        tampered.push(format!("{}.{}", result.rsplit_once('.').unwrap().0, BASE64.encode(signature)));
    }
    // Signed with another installation's key, under the name of ours.
    let other = Site::with(|builder| builder.keyring(Keyring::generate().unwrap())).await;
    let (_, foreign) = self::result(&other).await;
    tampered.push(with(&foreign, 0, &head));
    tampered.push(foreign);
    for text in tampered {
        assert!(own.check(&text, &begun.id, "alice").await.is_err(), "{text}");
        assert!(own.check(&text, &begun.id, "mallory").await.is_err(), "{text}");
    }
    assert!(own.check(&result, &begun.id, "alice").await.is_ok());
}

#[tokio::test]
async fn the_key_set_holds_public_parts_only_and_the_keys_before_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let site = Site::with(|builder| builder.keyring(Keyring::open_or_create(&file).unwrap())).await;
    let keys = async || site.call("GET", "/.well-known/jwks.json", Value::Null).await;
    let set = keys().await;
    assert_eq!(set.headers["content-type"], "application/jwk-set+json");
    let set = set.expect(200);
    let first = set["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = first.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
    let secret = std::fs::read_to_string(&file).unwrap();
    assert!(!secret.contains(&hex::encode(BASE64.decode(first["x"].as_str().unwrap()).unwrap())));

    let (begun, before) = result(&site).await;
    Keyring::rotate(&file).unwrap();
    let set = keys().await.expect(200);
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
    assert_eq!(set["keys"][1]["kid"], first["kid"]);
    let own = shop(&site, "shop");
    assert!(own.check(&before, &begun.id, "alice").await.is_ok());
    // A node that runs since before signs with a key that two rotations took out for the others: not for itself.
    Keyring::rotate(&file).unwrap();
    let set = keys().await.expect(200);
    assert_eq!(set["keys"].as_array().unwrap().len(), 3);
    let (begun, later) = result(&site).await;
    assert!(own.check(&later, &begun.id, "alice").await.is_ok());
}
