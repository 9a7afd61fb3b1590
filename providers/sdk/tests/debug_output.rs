//! `Debug` of what holds secrets.

use std::fmt::Debug;

use twofactor_provider::{
    Connection, HmacKey, JwtKey, OAuth2Client, Proof, ReportJwt, ReportSignature, RequestSignature, Secret, SignedJwt,
    SmtpSecurity, SmtpServer, TokenLogin,
};

const CANARY: &str = "s3cret-canary";

const ORIGIN: &str = "https://sms.example.com";

fn check(name: &str, shown: &dyn Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        assert!(text.starts_with(name), "{text}");
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[test]
fn debug_output_of_an_authentication_shows_no_secret() {
    let secret = Secret::from(CANARY);
    let token = || SignedJwt::new(JwtKey::es256(&secret).header("kid", "1"), 60).claim("iss", "me");
    let client = || OAuth2Client::new("https://login.example.com/token", "client");
    check("Secret", &secret);
    check("OAuth2Client", &client().secret_in_body(&secret));
    check("OAuth2Client", &client().secret_in_header(&secret).parameter("audience", CANARY));
    check("OAuth2Client", &client().private_key_jwt(JwtKey::rs256(&secret)));
    check("OAuth2Client", &client().jwt_bearer(token()));
    check("JwtKey", &JwtKey::hs256(&secret));
    check("SignedJwt", &token());
    check("TokenLogin", &TokenLogin::json("https://login.example.com", "/token").secret("password", &secret));
    check("HmacKey", &HmacKey::sha256(&secret));
    check("RequestSignature", &RequestSignature::new(HmacKey::sha1(&secret).hex(), "{body}"));
}

#[test]
fn debug_output_of_a_connection_shows_no_secret() {
    let secret = Secret::from(CANARY);
    let token = SignedJwt::new(JwtKey::hs256(&secret), 60);
    let client = OAuth2Client::new("https://login.example.com/token", "client").secret_in_body(&secret);
    let login = TokenLogin::form("https://login.example.com", "/token").secret("password", &secret);
    let signature = RequestSignature::new(HmacKey::sha512(&secret), "{body}");
    let server = SmtpServer {
        host: "mail.example.com".to_owned(),
        port: 587,
        security: SmtpSecurity::Starttls,
        credentials: Some(("user".to_owned(), secret.clone())),
        timeout_ms: 1000,
    };
    check("SmtpServer", &server);
    for connection in [
        Connection::basic(ORIGIN, "user", &secret),
        Connection::bearer(ORIGIN, &secret),
        Connection::header(ORIGIN, "x-api-key", &secret),
        Connection::oauth2(ORIGIN, client),
        Connection::jwt(ORIGIN, token),
        Connection::login(ORIGIN, login),
        Connection::signature(ORIGIN, signature),
        Connection::aws(ORIGIN, "key", &secret, "eu-central-1", "ses"),
        Connection::signed_webhook(ORIGIN, &secret),
        Connection::smtp(server),
    ] {
        check("Connection", &connection);
    }
    let shown = format!("{:?}", Connection::bearer(ORIGIN, &secret));
    assert_eq!(shown, r#"Connection { origin: "https://sms.example.com", authentication: Bearer(…), .. }"#);
}

#[test]
fn debug_output_of_the_proof_of_reports_shows_no_secret() {
    let secret = Secret::from(CANARY);
    let signature = ReportSignature::hmac(HmacKey::sha256(&secret), "{body}", "x-signature");
    let token = ReportJwt::hs256(&secret, "authorization");
    check("ReportSignature", &signature);
    check("ReportJwt", &token);
    for proof in [
        Proof::secret_url(),
        Proof::basic("user", &secret),
        Proof::header("x-secret", &secret),
        Proof::signature(signature),
        Proof::jwt(token),
        Proof::twilio(&secret),
        Proof::webhook(&secret),
    ] {
        check("Proof", &proof);
    }
}
