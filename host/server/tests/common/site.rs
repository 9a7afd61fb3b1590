//! The sign-in page in this process, under a clock that is moved by hand, and a browser as far as HTTP goes.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use twofactor::admin::Administration;
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::instance::Policy;
use twofactor::sandbox::Outbox;
use twofactor::token::Role;
use twofactor::{Actor, Assignment, Builder, Network, NewInstance, TwoFactor};
use twofactor_server::{PublicUrl, router_at};
use twofactor_tests::compiled;
use twofactor_tests::ecall::Ecall;

pub(crate) const RETURN_URL: &str = "https://shop.example.com/signed-in?from=twofactor";

pub(crate) const PHONE: &str = "+41791234567";

/// A server whose emails and SMS stay here.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) engine: TwoFactor,
    pub(crate) clock: ManualClock,
    pub(crate) ecall: Ecall,
    pub(crate) outbox: Outbox,
    pub(crate) application: String,
    client: reqwest::Client,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_at(Timestamp::now()).await
    }

    /// Returns the same at another time.
    pub(crate) async fn start_at(now: Timestamp) -> Self {
        Self::set_up(now, |builder| builder.rate_limits(RateLimits::none())).await
    }

    pub(crate) async fn with(more: impl FnOnce(Builder) -> Builder) -> Self {
        Self::set_up(Timestamp::now(), more).await
    }

    async fn set_up(now: Timestamp, more: impl FnOnce(Builder) -> Builder) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (ecall, outbox, clock) = (Ecall::start().await, Outbox::new(), ManualClock::new(now));
        let network =
            Network::builder().override_endpoint("https://rest.ecall.ch", ecall.address()).outbox(&outbox).build();
        let builder = compiled::builder().network(network.unwrap()).clock(clock.clone()).policy(Policy::default());
        let engine = more(builder.bundled_providers()).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("shop", "Shop & Sons").await.unwrap();
        add_email(&admin, "Mail").await;
        add_sms(&admin, "SMS").await;
        let role = Role::Application { subscription: "shop".to_owned() };
        let (_, application) = admin.issue_token("shop", role, None).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let public = PublicUrl::parse(&url).unwrap();
        let router = router_at(engine.clone(), vec!["127.0.0.0/8".parse().unwrap()], Some(public));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let site = Self { url, engine, clock, ecall, outbox, application, client: reqwest::Client::new() };
        site.set(json!({"return_urls": [RETURN_URL]})).await;
        site
    }

    pub(crate) fn admin(&self) -> Administration {
        self.engine.administration(Actor::new("test"))
    }

    /// Sets the page.
    pub(crate) async fn set(&self, settings: Value) {
        self.admin().set_sign_in_page("shop", serde_json::from_value(settings).unwrap(), None).await.unwrap();
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> crate::common::Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.application);
        crate::common::Answer::of(if body.is_null() { request } else { request.body(body.to_string()) }).await
    }

    /// Begins a sign-in; what is in `more` replaces what is in it.
    pub(crate) async fn begin(&self, more: Value) -> Begun {
        let mut body = json!({"tenant": "main", "user": "alice", "recipient": {"phone": PHONE},
            "return_url": RETURN_URL, "state": "st&te"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let begun = self.call("POST", "/v1/sign-ins", body).await.expect(201);
        Begun { id: begun["id"].as_str().unwrap().to_owned(), url: begun["url"].as_str().unwrap().to_owned() }
    }

    /// Returns a browser at the field for a code that was sent by SMS.
    pub(crate) async fn at_code(&self) -> (Begun, Browser) {
        self.at_code_for(json!({})).await
    }

    /// Returns the same for a sign-in with other fields.
    pub(crate) async fn at_code_for(&self, more: Value) -> (Begun, Browser) {
        let begun = self.begin(more).await;
        let browser = Browser::at(&begun.url);
        let page = browser.get("").await;
        let started = browser.post("/start", &page.start()).await;
        assert_eq!(started.status, 303, "{}", started.html);
        (begun, browser)
    }

    /// How far a sign-in is, as the application is told.
    pub(crate) async fn report(&self, begun: &Begun) -> Value {
        self.call("GET", &format!("/v1/sign-ins/{}", begun.id), Value::Null).await.expect(200)
    }

    /// Redeems a handle, as the application does.
    pub(crate) async fn redeem(&self, begun: &Begun, handle: &str) -> crate::common::Answer {
        self.call("POST", &format!("/v1/sign-ins/{}/result", begun.id), json!({"handle": handle})).await
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }
}

pub(crate) async fn add_email(admin: &Administration, name: &str) -> String {
    let server = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "u", "Password": "p", "Timeout": 20000});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    add(admin, NewInstance::new("email", name, options)).await
}

pub(crate) async fn add_sms(admin: &Administration, name: &str) -> String {
    let options = json!({"ECallAccountName": "a", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Shop"});
    add(admin, NewInstance::new("ecall", name, options)).await
}

async fn add(admin: &Administration, instance: NewInstance) -> String {
    let instance = admin.create_instance("shop", instance).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("shop", &instance.id, vec![Assignment::tenant("main")]).await.unwrap();
    instance.id
}

/// A sign-in that was begun.
pub(crate) struct Begun {
    pub(crate) id: String,
    pub(crate) url: String,
}

/// It follows no redirect, keeps cookies, and says of its forms what browsers say.
pub(crate) struct Browser {
    base: String,
    client: reqwest::Client,
    pub(crate) cookie: Arc<Mutex<Option<String>>>,
    pub(crate) headers: HeaderMap,
}

impl Browser {
    /// Someone with this link.
    pub(crate) fn at(link: &str) -> Self {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base: link.to_owned(), client, cookie: Arc::default(), headers: HeaderMap::new() }
    }

    /// Another tab of the same browser.
    pub(crate) fn tab(&self, link: &str) -> Self {
        Self { cookie: self.cookie.clone(), ..Self::at(link) }
    }

    /// With another header; it takes the place of what would be said of a form.
    pub(crate) fn saying(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) async fn get(&self, rest: &str) -> Page {
        self.send(self.client.get(format!("{}{rest}", self.base)), "none").await
    }

    pub(crate) async fn head(&self) -> Page {
        self.send(self.client.head(&self.base), "none").await
    }

    /// Sends a form. Whatever failed is said on the page that the browser is led to.
    pub(crate) async fn post(&self, rest: &str, form: &[(&str, &str)]) -> Page {
        let answered = self.post_alone(rest, form).await;
        match answered.header("location").split_once('?') {
            Some((_, query)) if answered.status == 303 && query.contains("why=") => {
                self.get(&format!("?{query}")).await
            }
            _ => answered,
        }
    }

    /// Sends a form; what it is answered with.
    pub(crate) async fn post_alone(&self, rest: &str, form: &[(&str, &str)]) -> Page {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(format!("{}{rest}", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded").header("origin", "null");
        self.send(request.body(form), "same-origin").await
    }

    pub(crate) async fn answer(&self, code: &str) -> Page {
        self.post("/answer", &[("code", code)]).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, site: &str) -> Page {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-site", site.parse().unwrap());
        if let Some(cookie) = &*self.cookie.lock().unwrap() {
            headers.insert("cookie", cookie.parse().unwrap());
        }
        headers.extend(self.headers.clone());
        // An empty value stands for a browser that does not say it.
        let silent: Vec<_> =
            headers.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.clone()).collect();
        for name in silent {
            headers.remove(name);
        }
        let response = request.headers(headers).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut jar = self.cookie.lock().unwrap();
            let before = jar.take().unwrap_or_default();
            let others = before.split("; ").filter(|one| one.split('=').next() != Some(name) && !one.is_empty());
            let kept: Vec<&str> = others.chain((!value.is_empty()).then_some(pair)).collect();
            *jar = (!kept.is_empty()).then(|| kept.join("; "));
        }
        Page { status, headers, html: response.text().await.unwrap() }
    }
}

/// What a browser was answered.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    #[track_caller]
    pub(crate) fn says(&self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{}", self.html);
        assert!(self.html.contains(text), "`{text}` is not in {}", self.html);
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns where it leads.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.html);
        self.header("location")
    }

    /// Returns a parameter of where it leads.
    #[track_caller]
    pub(crate) fn brings(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).unwrap();
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// Returns the values of a field, as they stand in the markup.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let inputs = self.html.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap());
        let named = inputs.filter(|input| input.contains(&format!("name=\"{name}\"")));
        named.map(|input| input.split("value=\"").nth(1).unwrap().split('"').next().unwrap()).collect()
    }

    /// Returns the form that starts the first way.
    #[track_caller]
    pub(crate) fn start(&self) -> [(&str, &str); 2] {
        let (ways, steps) = (self.values("two_factor"), self.values("step"));
        assert!(!ways.is_empty() && steps.len() == 1, "{}", self.html);
        [("two_factor", ways[0]), ("step", steps[0])]
    }
}
