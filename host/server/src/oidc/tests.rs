//! What is said in the configuration, and what the token endpoint is sent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;
use twofactor::accounts::{AuthorizationRequest, Client};
use twofactor::token::Role;
use twofactor::{Network, TwoFactor};

use super::discovery::Metadata;
use super::*;

const ROLE: &str = "[[roles]]\nclaim = \"groups\"\nvalue = \"a\"\nrole = \"system_admin\"\n";

fn text(more: &str) -> String {
    let has = |key: &str| more.contains(key);
    let issuer = if has("issuer") { "" } else { "issuer = \"https://login.example.com\"\n" };
    let client = if has("client_id") { "" } else { "client_id = \"two:factor\"\n" };
    format!("{issuer}{client}{more}")
}

fn built_at(base: &str, more: &str) -> Result<Oidc, String> {
    let config: OidcConfig = toml::from_str(&text(more)).map_err(|error| error.to_string())?;
    config.build(&Network::builder().build().unwrap(), base).map_err(|error| format!("{error:#}"))
}

fn built(more: &str) -> Result<Oidc, String> {
    built_at("https://admin.example.com/two", more)
}

#[test]
fn issuer_client_and_a_role_are_enough() {
    let oidc = built(ROLE).unwrap();
    assert_eq!((oidc.name(), &*oidc.scopes), ("login.example.com", "openid email profile"));
    assert_eq!(oidc.redirect_uri, "https://admin.example.com/two/admin/login/oidc/back");
    assert!(oidc.client_secret.is_none() && !oidc.second_factor);
    built(&format!("issuer = \"http://127.0.0.1:9000/realm/\"\n{ROLE}")).unwrap();
}

#[test]
fn a_wrong_setting_is_named_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, gone) = (folder.path().join("empty"), folder.path().join("gone"));
    std::fs::write(&empty, "\n").unwrap();
    let subscriptions = "subscriptions = [\"a\"]\n";
    for (more, names) in [
        (format!("issuer = \"http://login.example.com\"\n{ROLE}"), "accounts.oidc.issuer"),
        (format!("issuer = \"https://me@login.example.com\"\n{ROLE}"), "accounts.oidc.issuer"),
        (format!("issuer = \"https://login.example.com?a=b\"\n{ROLE}"), "accounts.oidc.issuer"),
        (format!("issuer = \"login\"\n{ROLE}"), "accounts.oidc.issuer"),
        (format!("client_id = \"\"\n{ROLE}"), "accounts.oidc.client_id"),
        (format!("client_secret_file = {empty:?}\n{ROLE}"), "is empty"),
        (format!("client_secret_file = {gone:?}\n{ROLE}"), "accounts.oidc.client_secret_file"),
        (format!("client_secret = \"here\"\n{ROLE}"), "client_secret"),
        (format!("scopes = [\"email\"]\n{ROLE}"), "accounts.oidc.scopes"),
        ("roles = []\n".to_owned(), "accounts.oidc.roles"),
        (String::new(), "roles"),
        (format!("{ROLE}{subscriptions}"), "`accounts.oidc.roles`, entry 1: `subscriptions`"),
        (ROLE.replace("system_admin", "subscription_admin"), "`subscriptions` must name at least one"),
        (format!("{ROLE}subscriptions = []\n"), "`accounts.oidc.roles`, entry 1: `subscriptions`"),
        (
            format!("{}subscriptions = []\n", ROLE.replace("system_admin", "subscription_admin")),
            "`subscriptions` must name at least one",
        ),
        (
            format!("{}subscriptions = []\n", ROLE.replace("system_admin", "auditor")),
            "`subscriptions` must name at least one",
        ),
        (ROLE.replace("system_admin", "application"), "application"),
        (ROLE.replace("\"groups\"", "\"\""), "`claim` and `value`"),
        (format!("{ROLE}clam = \"x\"\n"), "clam"),
    ] {
        let error = built(&more).err().unwrap_or_default();
        assert!(error.contains(names), "`{names}` is not in `{error}`, for {more}");
    }
    let error = built_at("http://admin.example.com", ROLE).err().unwrap();
    assert!(error.contains("public_url"), "{error}");
}

#[test]
fn an_auditor_reads_what_is_named_or_the_whole_installation() {
    let auditor = ROLE.replace("system_admin", "auditor");
    let role = |more: &str| built(&format!("{auditor}{more}")).unwrap().rules.remove(0).role;
    assert_eq!(role(""), Role::Auditor { subscriptions: None });
    assert_eq!(role("subscriptions = [\"a\"]\n"), Role::Auditor { subscriptions: Some(vec!["a".to_owned()]) });
}

#[test]
fn a_provider_over_tls_names_no_endpoint_without_it() {
    let named = |issuer: &str, endpoint: &str| {
        let at = format!("{issuer}/x");
        let says = json!({"issuer": issuer, "authorization_endpoint": at, "token_endpoint": endpoint, "jwks_uri": at});
        serde_json::from_value::<Metadata>(says).unwrap().check(issuer).is_ok()
    };
    let (over_tls, here) = ("https://login.example.com", "http://127.0.0.1:9000");
    assert!(named(over_tls, "https://tokens.example.com/") && named(here, here));
    assert!(!named(over_tls, here) && !named(here, "http://login.example.com"));
}

async fn request() -> AuthorizationRequest {
    let engine = TwoFactor::builder().build().await.unwrap();
    engine.accounts().start_authorization("/admin", &Client::default()).await.unwrap()
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "1+ 1\n").unwrap();
    let (request, secret) = (request().await, format!("client_secret_file = {file:?}\n{ROLE}"));
    let granted = |more: &str, methods: &[&str]| {
        let at = "https://login.example.com/x";
        let says = json!({"issuer": at, "authorization_endpoint": at, "token_endpoint": at, "jwks_uri": at,
            "token_endpoint_auth_methods_supported": methods});
        let metadata: Metadata = serde_json::from_value(says).unwrap();
        built(more).unwrap().grant(&metadata, &request, "a&b")
    };
    let basic = format!("Basic {}", STANDARD.encode("two%3Afactor:1%2B+1"));
    for methods in [&[][..], &["client_secret_post", "client_secret_basic"]] {
        let (form, authorization) = granted(&secret, methods);
        assert!(form.contains("&code=a%26b&") && !form.contains("client_"), "{form}");
        assert_eq!(authorization.as_ref(), Some(&basic));
    }
    let (form, authorization) = granted(&secret, &["client_secret_post"]);
    assert!(form.ends_with("&client_id=two%3Afactor&client_secret=1%2B+1") && authorization.is_none(), "{form}");
    let (form, authorization) = granted(ROLE, &["none"]);
    assert!(form.ends_with("&client_id=two%3Afactor") && authorization.is_none(), "{form}");
}

#[test]
fn an_address_that_the_provider_has_not_verified_gives_no_role() {
    let rule = Rule { claim: "email".to_owned(), value: "boss@example.com".to_owned(), role: Role::SystemAdmin };
    for (verified, fits) in [
        (json!(false), false),
        (json!("false"), false),
        (json!(null), false),
        (json!(1), false),
        (json!(true), true),
        (json!("true"), true),
    ] {
        let claims = json!({"email": "boss@example.com", "email_verified": verified});
        assert_eq!(rule.fits(claims.as_object().unwrap()), fits, "{verified}");
    }
    // Not every provider says it.
    assert!(rule.fits(json!({"email": "boss@example.com"}).as_object().unwrap()));
}
