//! A server with passkeys, apps and recovery codes, over TLS at real host names, and the application that sends browsers to it.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::process::Command;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use twofactor::admin::{Administration, InstanceChange};
use twofactor::challenge::RateLimits;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::token::Role;
use twofactor::{Actor, Assignment, NewInstance, TwoFactor};
use twofactor_server::{PublicUrl, router_at};
use twofactor_tests::compiled;
use twofactor_tests::vendors::tls::TlsListener;

use crate::chromium::{BrowserSettings, Chromium, Tls};

/// The host of the pages, which is the RP ID.
const HOST: &str = "login.shop.test";

/// A certificate for all names of these tests, and the digest by which a browser trusts it.
pub(crate) struct Certificate {
    config: ServerConfig,
    digest: String,
}

impl Certificate {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let names = [HOST, "www.shop.test", "login.market.test", "evil.test"].map(str::to_owned).to_vec();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(vec![certificate.into()], private).unwrap();
        Self { config, digest: STANDARD.encode(digest) }
    }
}

pub(crate) struct FactorSite {
    pub(crate) engine: TwoFactor,
    pub(crate) clock: ManualClock,
    /// Where browsers find the pages: `https://login.shop.test` and a port.
    pub(crate) url: String,
    /// The same pages in another domain: `https://login.market.test` and a port.
    pub(crate) elsewhere: String,
    /// The application, to which browsers return: `https://www.shop.test` and a port.
    pub(crate) shop: String,
    /// The ids of the instances.
    pub(crate) passkeys: String,
    pub(crate) apps: String,
    pub(crate) recovery: String,
    api: String,
    application: String,
    client: reqwest::Client,
    certificate: Certificate,
    port: u16,
}

/// A page that a browser was sent to.
pub(crate) struct Begun {
    pub(crate) id: String,
    pub(crate) url: String,
}

impl FactorSite {
    pub(crate) async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// Returns the same with other settings of the sign-in page.
    pub(crate) async fn with(settings: Value) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = Certificate::new();
        let pages = TlsListener::bind(certificate.config.clone()).await;
        let shop = TlsListener::bind(certificate.config.clone()).await;
        let elsewhere = TlsListener::bind(certificate.config.clone()).await;
        let port = pages.address().port();
        let url = format!("https://{HOST}:{port}");
        let elsewhere_url = format!("https://login.market.test:{}", elsewhere.address().port());
        let shop_url = format!("https://www.shop.test:{}", shop.address().port());
        let clock = ManualClock::new(Timestamp::now());
        let builder = compiled::builder().clock(clock.clone());
        let builder = builder.rate_limits(RateLimits::none()).public_url(&url);
        let factors = ["fido", "totp", "recovery"];
        let builder = factors.iter().fold(builder, |builder, factor| builder.bundled_provider(factor).unwrap());
        let engine = builder.build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("shop", "Shop & Sons").await.unwrap();
        let passkeys = add(&admin, "fido", "Passkeys").await;
        let apps = add(&admin, "totp", "Apps").await;
        let recovery = add(&admin, "recovery", "Recovery").await;
        let mut page = json!({"return_urls": [format!("{shop_url}/back")]});
        page.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        admin.set_sign_in_page("shop", serde_json::from_value(page).unwrap(), None).await.unwrap();
        let role = Role::Application { subscription: "shop".to_owned() };
        let (_, application) = admin.issue_token("shop", role, None).await.unwrap();
        let router = router_at(engine.clone(), Vec::new(), Some(PublicUrl::parse(&url).unwrap()));
        let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", plain.local_addr().unwrap());
        let both = router.clone();
        tokio::spawn(async move { axum::serve(plain, both).await });
        pages.serve(router);
        elsewhere.serve(router_at(engine.clone(), Vec::new(), Some(PublicUrl::parse(&elsewhere_url).unwrap())));
        let frame = url.clone();
        shop.serve(Router::new().route("/back", get(async || axum::response::Html("<h1>Back</h1>"))).route(
            "/frame/{*path}",
            get(async move |axum::extract::Path(path): axum::extract::Path<String>| {
                axum::response::Html(format!(
                    "<h1>Frame</h1><iframe src='{frame}/{path}' allow='publickey-credentials-get *'></iframe>"
                ))
            }),
        ));
        Self {
            engine,
            clock,
            url,
            elsewhere: elsewhere_url,
            shop: shop_url,
            passkeys,
            apps,
            recovery,
            api,
            application,
            client: reqwest::Client::new(),
            certificate,
            port,
        }
    }

    pub(crate) fn admin(&self) -> Administration {
        self.engine.administration(Actor::new("test"))
    }

    /// Returns a browser that finds this site.
    pub(crate) async fn browser(&self, settings: BrowserSettings) -> Chromium {
        self.browser_with(self.port, settings).await
    }

    /// Returns the same, but at the usual port of the RP ID it finds what listens on this one: there browsers ask for related origins.
    pub(crate) async fn browser_with(&self, usual_port: u16, settings: BrowserSettings) -> Chromium {
        let tls = Tls { digest: self.certificate.digest.clone(), usual_port: (HOST, usual_port) };
        Chromium::start(BrowserSettings { tls: Some(tls), ..settings }).await
    }

    /// Serves something else over TLS under all names of these tests. Returns its port.
    pub(crate) async fn serve(&self, router: Router) -> u16 {
        let listener = TlsListener::bind(self.certificate.config.clone()).await;
        let port = listener.address().port();
        listener.serve(router);
        port
    }

    /// Sets the policy of an instance.
    pub(crate) async fn set_policy(&self, two_factor: &str, policy: Value) {
        let change = InstanceChange { policy: Some(Some(policy)), ..InstanceChange::default() };
        self.admin().update_instance("shop", two_factor, change, None).await.unwrap();
    }

    /// Lets an origin show the pages in its frames.
    pub(crate) async fn set_top_origins(&self, top_origins: Value) {
        self.set_page("top_origins", top_origins).await;
    }

    /// Lets origins in other domains use passkeys of this site.
    pub(crate) async fn set_related_origins(&self, related_origins: Value) {
        self.set_page("related_origins", related_origins).await;
    }

    async fn set_page(&self, name: &str, value: Value) {
        let page = json!({"return_urls": [format!("{}/back", self.shop)], name: value});
        self.admin().set_sign_in_page("shop", serde_json::from_value(page).unwrap(), None).await.unwrap();
    }

    /// Returns a new temporary pass of a user.
    pub(crate) async fn pass(&self) -> String {
        let issued = self.admin().issue_pass("shop", "alice", None, "lost phone").await.unwrap();
        issued.pass.expose().to_owned()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> crate::common::Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.api));
        let request = request.bearer_auth(&self.application);
        crate::common::Answer::of(if body.is_null() { request } else { request.body(body.to_string()) }).await
    }

    /// Sends a browser to a page; what is in `more` replaces what is in the request.
    pub(crate) async fn begin(&self, more: Value) -> Begun {
        let mut body = json!({"tenant": "main", "user": "alice", "user_name": "alice@example.com", "first_factor": true,
            "return_url": format!("{}/back", self.shop), "state": "a state"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let begun = self.call("POST", "/v1/sign-ins", body).await.expect(201);
        Begun { id: begun["id"].as_str().unwrap().to_owned(), url: begun["url"].as_str().unwrap().to_owned() }
    }

    /// Opens the page of a user's own factors.
    pub(crate) async fn open_factors(&self, browser: &Chromium) {
        browser.open(&self.begin(json!({"page": "factors"})).await.url).await;
    }

    /// Opens a sign-in.
    pub(crate) async fn open_sign_in(&self, browser: &Chromium) -> Begun {
        let begun = self.begin(json!({})).await;
        browser.open(&begun.url).await;
        begun
    }

    /// Waits until the browser is back, and redeems the handle that it brings.
    pub(crate) async fn redeem(&self, browser: &Chromium, begun: &Begun) -> Value {
        browser.sees("h1", "Back").await;
        // Of the frame, if the browser is in one.
        let url = browser.run("return location.href", json!([])).await;
        let url = url::Url::parse(url.as_str().unwrap()).unwrap();
        let value =
            |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        assert_eq!(value("state").as_deref(), Some("a state"));
        let handle = value("handle").unwrap_or_else(|| panic!("no handle in {url}"));
        let path = format!("/v1/sign-ins/{}/result", begun.id);
        self.call("POST", &path, json!({"handle": handle})).await.expect(200)
    }

    /// Returns the code that oathtool makes for a secret at this site's time.
    pub(crate) fn totp(&self, secret: &str) -> String {
        let now = self.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let secret = secret.replace(' ', "");
        let output = Command::new("oathtool").args(["--totp", "--base32", &secret, "--now", &now]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

async fn add(admin: &Administration, type_id: &str, name: &str) -> String {
    let instance = admin.create_instance("shop", NewInstance::new(type_id, name, json!({}))).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("shop", &instance.id, vec![Assignment::tenant("main")]).await.unwrap();
    instance.id
}
