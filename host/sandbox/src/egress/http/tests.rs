//! Tokens as vendors issue them, against a server on loopback that verifies what it gets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod digest;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::message::{Failed, HttpError, HttpRequest, HttpResponse};
use crate::egress::Network;
use crate::egress::authentication::{
    ClientAuthentication, Entries, HttpAuthentication, JwtAlgorithm, JwtKey, LoginFormat, OAuth2Client, OAuth2Grant,
    SignedJwt, TokenLogin, TokenPlace,
};
use crate::egress::failure::{UpstreamCause, UpstreamStep};
use crate::egress::policy::jwt::{VerificationKey, verify};
use crate::egress::policy::{Connection, Grants, Resolver, Secret};

const RSA: &str = include_str!("../policy/test_keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("../policy/test_keys/rsa-public.pem");
const EC: &str = include_str!("../policy/test_keys/ec.pem");
const EC_PUBLIC: &str = include_str!("../policy/test_keys/ec-public.pem");

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
struct Seen {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.into_owned())
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let mut start = lines.next()?.split(' ').map(str::to_owned);
        let (method, target) = (start.next()?, start.next()?);
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: Vec<_> = lines.filter_map(header).collect();
        let seen = Seen { method, target, headers, body: body.to_owned() };
        if seen.header("content-length").map_or(0, |length| length.parse().unwrap()) <= body.len() {
            return Some(seen);
        }
    }
}

/// A server that plays the origin and its token endpoint.
struct Server {
    network: Network,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// `token` answers what arrives at `login.example.com`, and `origin` what arrives at `api.example.com`.
    async fn start(
        token: impl Fn(&Seen) -> (u16, Value) + Send + 'static,
        origin: impl Fn(&Seen, usize) -> (u16, Value) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Network::builder()
            .override_endpoint("https://login.example.com", address)
            .override_endpoint("https://api.example.com", address);
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read(&mut stream).await else { continue };
                let is_token = request.header("host") == Some("login.example.com");
                let before =
                    log.lock().unwrap().iter().filter(|seen| seen.header("host") == request.header("host")).count();
                let (status, body) = if is_token { token(&request) } else { origin(&request, before) };
                log.lock().unwrap().push(request);
                let body = body.to_string();
                let answer =
                    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { network: network.build().unwrap(), seen }
    }

    fn grants(&self, authentication: HttpAuthentication) -> Grants {
        let connection = Connection::Http {
            origin: "https://api.example.com".to_owned(),
            authentication,
            settings: Default::default(),
        };
        Grants::new(vec![connection], Default::default(), self.network.rules()).unwrap()
    }

    async fn send(&self, grants: &Grants) -> Result<HttpResponse, HttpError> {
        let request = HttpRequest {
            method: "POST".to_owned(),
            url: "https://api.example.com/send?a=1".to_owned(),
            headers: Vec::new(),
            body: b"{}".to_vec(),
        };
        self.network.send_http(grants, request).await
    }

    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn entries(all: &[(&str, &str)]) -> Entries {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rsa(header: &[(&str, &str)]) -> JwtKey {
    JwtKey { algorithm: JwtAlgorithm::Rs256, key: Secret::new(RSA), header: entries(header) }
}

fn client(authentication: ClientAuthentication, grant: OAuth2Grant) -> OAuth2Client {
    OAuth2Client {
        token_url: "https://login.example.com/token".to_owned(),
        client_id: "the client".to_owned(),
        authentication,
        grant,
        scope: String::new(),
        parameters: Vec::new(),
    }
}

/// Returns the header and claims of a token that was signed with the right key, now.
fn believed(token: &str, algorithm: JwtAlgorithm, public: &str) -> (Value, Value) {
    let key = VerificationKey::new(algorithm, public).unwrap();
    let claims = verify(token, algorithm, &key, SystemTime::now()).unwrap();
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    (serde_json::from_slice(&header).unwrap(), Value::Object(claims))
}

fn granted(token: &str) -> (u16, Value) {
    (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))
}

fn accepts(_: &Seen, _: usize) -> (u16, Value) {
    (200, json!({}))
}

#[tokio::test]
async fn google_gets_a_signed_assertion_and_one_is_enough_for_many_requests() {
    let server = Server::start(|_| granted("ya29.t0ken"), accepts).await;
    let claims =
        entries(&[("iss", "sms@project.iam.gserviceaccount.com"), ("scope", "https://www.googleapis.com/auth/x")]);
    let assertion = SignedJwt { key: rsa(&[("kid", "k1")]), claims, valid_seconds: 3600 };
    let mut google = client(ClientAuthentication::None, OAuth2Grant::JwtBearer(assertion));
    google.client_id.clear();
    let grants = server.grants(HttpAuthentication::OAuth2(Box::new(google)));
    for _ in 0..3 {
        assert_eq!(server.send(&grants).await.unwrap().status, 200);
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].field("grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(seen[0].field("client_id"), None);
    let (header, claims) = believed(&seen[0].field("assertion").unwrap(), JwtAlgorithm::Rs256, RSA_PUBLIC);
    assert_eq!((&header["kid"], &header["typ"]), (&json!("k1"), &json!("JWT")));
    assert_eq!(claims["aud"], "https://login.example.com/token");
    assert_eq!(claims["iss"], "sms@project.iam.gserviceaccount.com");
    for request in &seen[1..] {
        assert_eq!(request.header("authorization"), Some("Bearer ya29.t0ken"));
        assert_eq!(request.target, "/send?a=1");
    }
}

#[tokio::test]
async fn entra_gets_an_assertion_of_the_client_with_the_certificate_s_thumbprint() {
    let server = Server::start(|_| granted("t"), accepts).await;
    let key = rsa(&[("x5t#S256", "abc")]);
    let mut entra = client(ClientAuthentication::PrivateKeyJwt(key), OAuth2Grant::ClientCredentials);
    entra.scope = "https://graph.microsoft.com/.default".to_owned();
    server.send(&server.grants(HttpAuthentication::OAuth2(Box::new(entra)))).await.unwrap();
    let request = server.seen().remove(0);
    assert_eq!(request.field("grant_type").unwrap(), "client_credentials");
    assert_eq!(request.field("client_id").unwrap(), "the client");
    assert_eq!(request.field("scope").unwrap(), "https://graph.microsoft.com/.default");
    let kind = request.field("client_assertion_type").unwrap();
    assert_eq!(kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let (header, claims) = believed(&request.field("client_assertion").unwrap(), JwtAlgorithm::Rs256, RSA_PUBLIC);
    assert_eq!(header["x5t#S256"], "abc");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("the client"), &json!("the client")));
    assert_eq!(claims["aud"], "https://login.example.com/token");
}

#[tokio::test]
async fn a_client_authenticates_by_http_basic_with_its_secret_form_encoded() {
    let server = Server::start(|_| granted("t"), accepts).await;
    let authentication = ClientAuthentication::SecretInHeader(Secret::new("p+w&d"));
    let mut orange = client(authentication, OAuth2Grant::ClientCredentials);
    orange.parameters = entries(&[("audience", "https://api.example.com/")]);
    server.send(&server.grants(HttpAuthentication::OAuth2(Box::new(orange)))).await.unwrap();
    let request = server.seen().remove(0);
    let expected = format!("Basic {}", STANDARD.encode("the+client:p%2Bw%26d"));
    assert_eq!(request.header("authorization"), Some(&*expected));
    assert_eq!(request.body, "grant_type=client_credentials&audience=https%3A%2F%2Fapi.example.com%2F");
}

#[tokio::test]
async fn apns_and_vonage_get_a_token_that_the_host_signs() {
    let server = Server::start(|_| (500, json!({})), accepts).await;
    let key =
        JwtKey { algorithm: JwtAlgorithm::Es256, key: Secret::new(EC), header: entries(&[("kid", "ABC123DEFG")]) };
    let apns = SignedJwt { key, claims: entries(&[("iss", "DEF123GHIJ")]), valid_seconds: 3000 };
    let vonage = SignedJwt { key: rsa(&[]), claims: entries(&[("application_id", "a-b-c")]), valid_seconds: 900 };
    for (token, algorithm, public, claim, value) in [
        (apns, JwtAlgorithm::Es256, EC_PUBLIC, "iss", "DEF123GHIJ"),
        (vonage, JwtAlgorithm::Rs256, RSA_PUBLIC, "application_id", "a-b-c"),
    ] {
        let grants = server.grants(HttpAuthentication::Jwt(token));
        server.send(&grants).await.unwrap();
        server.send(&grants).await.unwrap();
        let seen = server.seen();
        let tokens: Vec<_> = seen.iter().map(|request| request.header("authorization").unwrap()).collect();
        assert_eq!(tokens[0], tokens[1], "a token is signed once");
        let (_, claims) = believed(tokens[0].strip_prefix("Bearer ").unwrap(), algorithm, public);
        assert_eq!(claims[claim], value);
    }
}

fn login(format: LoginFormat, token: &str, place: TokenPlace) -> TokenLogin {
    TokenLogin {
        url: "https://login.example.com/auth/token?lang=en".to_owned(),
        fields: vec![
            ("app_id".to_owned(), Secret::new("cli_1")),
            ("app_secret".to_owned(), Secret::new("s3cret of the app")),
        ],
        format,
        expected: entries(&[("/code", "0")]),
        token: token.to_owned(),
        valid_seconds: "/expire".to_owned(),
        default_valid_seconds: 7200,
        place,
    }
}

#[tokio::test]
async fn feishu_dingtalk_and_wecom_give_tokens_at_logins_of_their_own() {
    let token =
        |_: &Seen| (200, json!({"code": 0, "expire": 7200, "tenant_access_token": "t-g1", "accessToken": "t-g1"}));
    let server = Server::start(token, accepts).await;
    let header = TokenPlace::Header("x-acs-dingtalk-access-token".to_owned());
    let query = TokenPlace::Query("access_token".to_owned());
    for (format, pointer, place) in [
        (LoginFormat::Json, "/tenant_access_token", TokenPlace::Bearer),
        (LoginFormat::Form, "/accessToken", header.clone()),
        (LoginFormat::Query, "/accessToken", query.clone()),
    ] {
        let grants = server.grants(HttpAuthentication::Login(Box::new(login(format, pointer, place.clone()))));
        server.send(&grants).await.unwrap();
        server.send(&grants).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen.len(), 3, "one login is enough");
        let fields = "app_id=cli_1&app_secret=s3cret+of+the+app";
        match format {
            LoginFormat::Json => {
                let body: Value = serde_json::from_str(&seen[0].body).unwrap();
                assert_eq!(body, json!({"app_id": "cli_1", "app_secret": "s3cret of the app"}));
            }
            LoginFormat::Form => assert_eq!(seen[0].body, fields),
            LoginFormat::Query => {
                assert_eq!((&*seen[0].method, &*seen[0].body), ("GET", ""));
                assert_eq!(seen[0].target, format!("/auth/token?lang=en&{fields}"));
            }
        }
        match place {
            TokenPlace::Bearer => assert_eq!(seen[1].header("authorization"), Some("Bearer t-g1")),
            TokenPlace::Header(name) => assert_eq!(seen[1].header(&name), Some("t-g1")),
            TokenPlace::Query(_) => assert_eq!(seen[1].target, "/send?a=1&access_token=t-g1"),
        }
    }
    // Neither is left to the provider.
    let grants = server.grants(HttpAuthentication::Login(Box::new(login(LoginFormat::Json, "/accessToken", query))));
    let request =
        |url: &str, headers| HttpRequest { method: "GET".to_owned(), url: url.to_owned(), headers, body: Vec::new() };
    let own = request("https://api.example.com/?access_token=own", Vec::new());
    assert!(matches!(server.network.send_http(&grants, own).await, Err(HttpError::Denied(_))));
    let grants = server.grants(HttpAuthentication::Login(Box::new(login(LoginFormat::Json, "/accessToken", header))));
    let headers = vec![("X-Acs-Dingtalk-Access-Token".to_owned(), "own".to_owned())];
    let own = request("https://api.example.com/", headers);
    assert!(matches!(server.network.send_http(&grants, own).await, Err(HttpError::Denied(_))));
}

#[tokio::test]
async fn a_token_that_the_origin_refuses_is_renewed_once() {
    let count = Mutex::new(0);
    let token = move |_: &Seen| {
        *count.lock().unwrap() += 1;
        (200, json!({"code": 0, "expire": 7200, "token": format!("token-{}", count.lock().unwrap())}))
    };
    // The first token is refused, and all others after the third request.
    let server = Server::start(token, |_, before| (if before == 0 || before > 1 { 401 } else { 200 }, json!({}))).await;
    let place = TokenPlace::Query("t".to_owned());
    let grants = server.grants(HttpAuthentication::Login(Box::new(login(LoginFormat::Json, "/token", place))));
    assert_eq!(server.send(&grants).await.unwrap().status, 200);
    let targets = |seen: Vec<Seen>| seen.into_iter().map(|request| request.target).collect::<Vec<_>>();
    let login = "/auth/token?lang=en";
    assert_eq!(targets(server.seen()), [login, "/send?a=1&t=token-1", login, "/send?a=1&t=token-2"]);
    let server_again = Server::start(|_| granted("t"), |_, _| (401, json!({}))).await;
    let secret = ClientAuthentication::SecretInBody(Secret::new("s3cret"));
    let oauth2 = client(secret, OAuth2Grant::ClientCredentials);
    let grants = server_again.grants(HttpAuthentication::OAuth2(Box::new(oauth2)));
    assert_eq!(server_again.send(&grants).await.unwrap().status, 401);
    assert_eq!(server_again.seen().len(), 4);
    // Further requests cause no logins for a while.
    for _ in 0..3 {
        assert_eq!(server_again.send(&grants).await.unwrap().status, 401);
    }
    assert_eq!(server_again.seen().len(), 3);
}

#[tokio::test]
async fn what_an_upstream_repeats_of_a_login_is_covered_and_its_refusal_quotes_nothing() {
    let token = |_: &Seen| (200, json!({"code": 0, "expire": 7200, "token": "the-t0ken"}));
    let repeat = |_: &Seen, _| (200, json!({"you": "s3cret of the app", "sent": "the-t0ken", "ok": true}));
    let server = Server::start(token, repeat).await;
    let place = TokenPlace::Bearer;
    let grants = server.grants(HttpAuthentication::Login(Box::new(login(LoginFormat::Json, "/token", place))));
    let answer = String::from_utf8(server.send(&grants).await.unwrap().body).unwrap();
    assert!(!answer.contains("s3cret") && !answer.contains("t0ken") && answer.contains("\"ok\":true"), "{answer}");

    let refuse = |_: &Seen| (200, json!({"code": 10014, "msg": "app secret s3cret of the app is invalid"}));
    let server = Server::start(refuse, accepts).await;
    let grants =
        server.grants(HttpAuthentication::Login(Box::new(login(LoginFormat::Json, "/token", TokenPlace::Bearer))));
    let Err(HttpError::LoginRefused(why)) = server.send(&grants).await else { panic!("it is refused") };
    assert_eq!(why.text, "https://login.example.com refused the login (/code is 10014, not 0)");
}

/// Waits for name servers that never answer.
struct Silence;

#[async_trait::async_trait]
impl Resolver for Silence {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_request_to_a_name_that_is_not_resolved_in_time_was_certainly_not_sent() {
    let network = Network::builder().resolver(Silence).timeout(Duration::from_secs(3)).build().unwrap();
    let server = Server { network, seen: Arc::default() };
    let error = server.send(&server.grants(HttpAuthentication::None)).await.unwrap_err();
    let HttpError::NotSent(Failed { upstream, .. }) = error else { panic!("{error:?}") };
    assert_eq!((upstream.step, upstream.cause), (UpstreamStep::NameResolution, UpstreamCause::TimedOut));
}
