//! No secret, code, recipient or token leaks: the real binary logs everything it can, upstreams and
//! a hostile provider repeat what they receive, and then all output and all files are searched.
//! While a message is being delivered, the memory of the guest is searched too.

use std::path::Path;

use crate::{canary, common};
use canary::{ACCESS_TOKEN, Canaries, MailServer, Quote, Scene, Upstream, Watch, Watched};
use serde_json::{Value, json};
use twofactor_tests::hostile::{HOSTILE, WASI_HTTP};

const TWILIO_TOKEN: &str = "CanaryTwilio/Auth+Token=7 %&\"q";
const ECALL_PASSWORD: &str = "CanaryEcallPassw0rd";
const SMTP_PASSWORD: &str = "Canary-Smtp p&ss:w0rd";
const M365_SECRET: &str = "canary~M365.Secret-0a1b";
const BASE_TOKEN: &str = "CanaryBaseTwilioToken77";
const MISSPELT: &str = "CanaryOfAMisspeltOption";
const MISTYPED: &str = "CanaryOfAnOptionOfAnotherType";
const HOSTILE_SECRET: &str = "CanaryOfTheHostileGuest";
const UNSAVED: &str = "CanaryOfOptionsNotSaved";

const PHONES: [&str; 3] = ["+41 79 555 01 01", "0041795550102", "+41-79-(555)-01.03"];
const EMAILS: [&str; 2] = ["Canary.Person+Tag@Mailbox-Canary.EXAMPLE.org", " canary.other@example.org "];
const USER: &str = "canary-of-a-user";

/// A number that appears in a response that everybody may see: the search must find it.
const SENDER: &str = "+15005550006";

/// The data that upstreams repeat, one after the other.
const QUOTES: [Quote; 6] =
    [Quote::Everything, Quote::Authorization, Quote::Secret, Quote::Recipient, Quote::Digits, Quote::Code];

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

fn config(folder: &Path, http: &str, mail: &str) -> std::path::PathBuf {
    let file = folder.join("twofactor.toml");
    let (many, store) = (u32::MAX, folder.join("twofactor.db"));
    common::share_compiled(&store);
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[policy]\ncode_length = 10\nresend_interval_seconds = 5\npause_after = 0\n\
         [rate_limits]\nprefix_per_hour = {many}\nrecipient_per_hour = {many}\nrecipient_total_per_hour = {many}\n\
         user_per_hour = {many}\n[network]\ntimeout_seconds = 5\n[network.overrides]\n\
         \"https://api.twilio.com\" = {http:?}\n\"https://rest.ecall.ch\" = {http:?}\n\
         \"https://graph.microsoft.com\" = {http:?}\n\"https://login.microsoftonline.com\" = {http:?}\n\
         \"https://upstream.example.com\" = {http:?}\n\"smtp://mail.example.com:465\" = {mail:?}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Returns the options of an instance of each type.
fn types() -> [(&'static str, Value); 6] {
    let smtp = json!({"MailType": "SMTP", "Host": "mail.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "mailer", "Password": SMTP_PASSWORD, "Timeout": 5000});
    let m365 =
        json!({"MailType": "M365", "ClientId": "c", "ClientSecret": M365_SECRET, "TenantId": "t", "UserId": "u"});
    [
        (
            "twilio",
            json!({"TwilioAccountSid": ACCOUNT, "TwilioAuthToken": TWILIO_TOKEN, "TwilioSmsFromNumber": SENDER}),
        ),
        (
            "ecall",
            json!({"ECallAccountName": "a", "ECallAccountPassword": ECALL_PASSWORD, "ECallAccountFromNumber": "Shop"}),
        ),
        ("email", json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": smtp})),
        ("email", json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": m365.to_string()})),
        ("hostile", json!({"Behaviour": "echo", "Url": "https://upstream.example.com/echo", "Secret": HOSTILE_SECRET})),
        (
            "wasi-http",
            json!({"Behaviour": "recipient in the URL", "Url": "https://upstream.example.com/to/", "Secret": HOSTILE_SECRET}),
        ),
    ]
}

/// A running server.
struct Run {
    server: Watched,
    admin: String,
    application: String,
    canaries: Canaries,
    next: usize,
}

impl Run {
    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.server.call(method, path, &self.admin, body).await.json
    }

    /// Adds an instance, reads it back, and assigns it to a tenant of its own.
    async fn instance(&self, n: usize, type_id: &str, options: Value) -> String {
        let new = json!({"type": type_id, "name": "x", "options": options});
        let created = self.server.call("POST", "/v1/subscriptions/s/two-factors", &self.admin, new).await.expect(201);
        assert_eq!(created["valid"], true, "{created}");
        let path = format!("/v1/subscriptions/s/two-factors/{}", created["id"].as_str().unwrap());
        let tenant = json!([{"kind": "tenant", "id": format!("t{n}")}]);
        self.call("PUT", &format!("{path}/assignments"), tenant).await;
        // It is sent back as it was read, masks included.
        let read = self.call("GET", &path, Value::Null).await;
        let kept = self.server.call("PATCH", &path, &self.admin, json!({"options": read["options"]})).await.expect(200);
        assert_eq!(kept["valid"], true, "{kept}");
        path
    }

    /// Sends a test message, and starts a challenge that is answered if it was delivered.
    async fn try_out(&mut self, n: usize, path: &str) -> Value {
        self.next += 1;
        let (phone, email) = (PHONES[self.next % PHONES.len()], EMAILS[self.next % EMAILS.len()]);
        let recipient = json!({"phone": phone, "email": email});
        self.call("POST", &format!("{path}/test"), json!({"recipient": recipient})).await;
        let body = json!({"tenant": format!("t{n}"), "user": USER, "recipient": recipient});
        let key = [("idempotency-key", &*format!("key-{}", self.next))];
        let bytes = body.to_string().into_bytes();
        let first = self.server.send("POST", "/v1/challenges", &self.application, &key, bytes.clone()).await;
        let second = self.server.send("POST", "/v1/challenges", &self.application, &key, bytes).await;
        assert!(first.status != 201 || second.json == first.json);
        first.json
    }

    /// A guest looks for its secret and for the code in its own memory.
    async fn guest_searches(&self, path: &str) {
        let recipient = json!({"phone": PHONES[0]});
        let test = async |options: Value| {
            self.call("POST", &format!("{path}/test"), json!({"recipient": recipient, "options": options})).await
        };
        let url = "https://upstream.example.com/mirror";
        for _ in 0..20 {
            let options = json!({"Behaviour": "search for the code", "Url": url, "Secret": HOSTILE_SECRET});
            let report = test(options).await;
            let (before, after) =
                report["code"].as_str().unwrap().split_once(" then ").unwrap_or_else(|| panic!("{report}"));
            assert!(before == "0" && after != "0", "{report}");
        }
        let backwards: String = HOSTILE_SECRET.chars().rev().collect();
        let report = test(json!({"Behaviour": "search", "Needle": backwards, "Secret": HOSTILE_SECRET})).await;
        assert_eq!(report["code"], "found 0", "{report}");
    }

    /// Answers a challenge.
    async fn answer(&self, challenge: &Value, code: &str) -> u16 {
        let path = format!("/v1/challenges/{}/verify", challenge["id"].as_str().unwrap());
        self.server.call("POST", &path, &self.application, json!({"code": code})).await.status
    }

    /// Sends malformed requests: nothing of them may be repeated.
    async fn malformed(&self, path: &str) {
        let all = "/v1/subscriptions/s/two-factors";
        for body in [
            json!({"type": "twilio", "name": "x", "options": {"TwilioAuthTokn": MISSPELT}}),
            json!({"type": "twilio", "name": "x", "options": {"TwilioAuthToken": {"it": MISTYPED}}}),
            json!({"type": "twilio", "name": "x", "options": {"TwilioAuthToken": [MISTYPED]}}),
            json!({"type": "twilio", "name": "x", "options": MISTYPED}),
            json!({"type": "twilio", "name": "x", "options": {}, "TwilioAuthToken": MISTYPED}),
            json!({"type": "email", "name": "x", "options": {"MailServerConfig": MISTYPED}}),
            json!({"type": "email", "name": "x", "options": {"MailServerConfig": {"MailType": "SMPT", "Password": MISTYPED}}}),
            json!({"type": "hostile", "name": "x", "options": {"Behaviour": "configure: tell", "Secret": HOSTILE_SECRET}}),
            json!({"type": "hostile", "name": "x", "options": {"Behaviour": "configure: trap", "Secret": HOSTILE_SECRET}}),
        ] {
            self.call("POST", all, body).await;
        }
        let options = json!({"TwilioAccountSid": MISTYPED, "TwilioAuthToken": UNSAVED, "TwilioSmsFromNumber": SENDER});
        let recipient = json!({"phone": PHONES[0]});
        self.call("POST", &format!("{path}/test"), json!({"recipient": recipient, "options": options})).await;
        self.call("PUT", "/v1/base-settings/twilio", json!({"TwilioAuthTokn": MISSPELT})).await;
        self.call("PUT", "/v1/base-settings/twilio", json!({"TwilioAuthToken": BASE_TOKEN})).await;
        self.call("GET", "/v1/base-settings/twilio", Value::Null).await;
        let digits: u64 = 41_795_550_101;
        for body in [
            json!({"tenant": "t0", "user": USER, "recipient": {"phone": digits}}),
            json!({"tenant": "t0", "user": USER, "recipient": {"phone": format!("{}x", PHONES[1])}}),
            json!({"tenant": "t0", "user": USER, "recipient": {"mail": EMAILS[0]}}),
            json!({"tenant": "t0", "user": USER, "recipient": EMAILS[0]}),
            json!({"tenant": "t0", "user": [USER], "recipient": {"email": EMAILS[0]}}),
            json!({"tenant": "t0", "user": USER, "recipient": {"email": EMAILS[0]}}),
        ] {
            self.server.call("POST", "/v1/challenges", &self.application, body).await;
        }
        let query = format!("/v1/two-factors?tenant=t0&user={USER}");
        self.server.call("GET", &query, &self.application, Value::Null).await.expect(200);
        self.server.call("GET", &format!("{query}&other={USER}"), &self.application, Value::Null).await;
        self.server.call("GET", "/v1/tokens", &self.admin[1..], Value::Null).await;
        let cut = br#"{"type":"twilio","name":"x","options":{"TwilioAuthToken":"CanaryOfAnOptionOfAnotherType"#;
        self.server.send("POST", all, &self.admin, &[], cut.to_vec()).await;
    }
}

/// Runs everything that happens to an installation. Returns its output and files, and what must not
/// be in them.
async fn run(folder: &Path, form: &str, quotes: &[Quote], deliveries: usize) -> (Vec<(String, Vec<u8>)>, Canaries) {
    let watch = Watch::default();
    let (http, http_address) = Upstream::start(&watch).await;
    let (mail, mail_address) = MailServer::start(&watch).await;
    let file = config(folder, &http_address, &mail_address);
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    let admin = said["token"].as_str().unwrap().to_owned();
    let server = Watched::serve(&file, form);
    server.call("POST", "/v1/subscriptions", &admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let body = json!({"name": "a", "role": "application", "subscriptions": ["s"]});
    let application = server.issue(&admin, body).await;
    let wasm = [("content-type", "application/wasm")];
    for component in [HOSTILE, WASI_HTTP] {
        server.send("POST", "/v1/providers", &admin, &wasm, component.to_vec()).await.expect(201);
    }
    let mut run = Run { server, admin, application, canaries: canaries(), next: 0 };
    run.canaries.add("administrator's token", &run.admin.clone());
    run.canaries.add("application's token", &run.application.clone());
    let mut withheld = secrets();
    withheld.add("administrator's token", &run.admin);
    withheld.add("application's token", &run.application);
    if deliveries > 0 {
        watch.begin(run.server.process(), &withheld);
    }

    let mut paths = Vec::new();
    for (n, (type_id, options)) in types().into_iter().enumerate() {
        paths.push(run.instance(n, type_id, options).await);
    }
    run.malformed(&paths[0]).await;

    // Delivered: answered right, wrong, and too often.
    for (n, path) in paths.iter().enumerate().take(4) {
        http.plays(Scene::Taken, Quote::Everything);
        let challenge = run.try_out(n, path).await;
        let codes = if n == 2 { mail.codes() } else { http.codes() };
        let code = codes.last().unwrap();
        assert_eq!(run.answer(&challenge, &common::wrong(code)).await, 422);
        assert_eq!(run.answer(&challenge, code).await, 200, "{n}");
        assert_eq!(run.answer(&challenge, code).await, 410);
        let challenge = run.try_out(n, path).await;
        for _ in 0..5 {
            assert_eq!(run.answer(&challenge, "0000000000").await, 422);
        }
        assert_eq!(run.answer(&challenge, "0000000000").await, 410);
        let challenge = run.try_out(n, path).await;
        let path = format!("/v1/challenges/{}", challenge["id"].as_str().unwrap());
        run.server.call("DELETE", &path, &run.application, Value::Null).await.expect(204);
    }
    let waiting = run.try_out(0, &paths[0]).await;

    // Failed deliveries, for every reason, with all data repeated.
    let scenes = [
        Scene::Taken,
        Scene::Refused(400, 21610),
        Scene::Refused(401, 20003),
        Scene::Refused(429, 20429),
        Scene::Refused(503, 30450),
        Scene::Refused(200, 30450),
        Scene::Moved,
        Scene::NoJson(201),
        Scene::NoJson(418),
        Scene::NoHttp,
        Scene::NoHeader,
        Scene::Short,
        Scene::Cut,
    ];
    for scene in scenes {
        for quote in quotes {
            http.plays(scene, *quote);
            for n in [0, 1, 3, 4] {
                run.try_out(n, &paths[n]).await;
            }
        }
    }
    for scene in [Scene::NoToken(400), Scene::NoToken(401), Scene::NoToken(500), Scene::OddToken] {
        http.plays(scene, Quote::Everything);
        run.try_out(3, &paths[3]).await;
    }
    for stage in ["AUTH", "MAIL", "RCPT", "DATA", "dot"] {
        for reply in ["450 4.3.0", "550 5.1.1", "235", "999 what", "", "55"] {
            mail.refuses(stage, reply);
            run.try_out(2, &paths[2]).await;
        }
    }
    for behaviour in ["tell", "trap", "loop"] {
        let options = json!({"Behaviour": behaviour, "Secret": HOSTILE_SECRET});
        run.call("PATCH", &paths[4], json!({"options": options})).await;
        run.try_out(4, &paths[4]).await;
    }

    // What a language's own client receives goes through a library that logs it at TRACE.
    http.plays(Scene::Taken, Quote::Everything);
    let challenge = run.try_out(5, &paths[5]).await;
    assert!(challenge["id"].is_string(), "{challenge}");

    // Long enough ago by now, or nearly so.
    http.plays(Scene::Taken, Quote::Everything);
    let path = format!("/v1/challenges/{}/resend", waiting["id"].as_str().unwrap());
    while run.server.call("POST", &path, &run.application, Value::Null).await.status != 200 {}
    assert_eq!(run.answer(&waiting, http.codes().last().unwrap()).await, 200);

    mail.refuses("nowhere", "");
    let mut n = 0;
    while watch.seen().0 < deliveries {
        let challenge = run.try_out(n, &paths[n]).await;
        let codes = if n == 2 { mail.codes() } else { http.codes() };
        assert_eq!(run.answer(&challenge, codes.last().unwrap()).await, 200, "{n}");
        n = (n + 1) % 4;
    }
    let (looks, bytes, found) = watch.seen();
    println!("{looks} deliveries: {bytes} bytes of guests' memories looked at, found {}", found.len());
    assert!(found.is_empty(), "{:#?}", &found[..found.len().min(20)]);
    run.guest_searches(&paths[4]).await;

    for path in ["/v1/audit", "/v1/tokens", "/v1/providers", "/v1/subscriptions", "/v1/subscriptions/s/two-factors"] {
        run.server.call("GET", path, &run.admin, Value::Null).await.expect(200);
    }
    for path in ["/metrics", "/openapi.json", "/healthz", "/readyz"] {
        assert_eq!(run.server.call("GET", path, "", Value::Null).await.status, 200);
    }
    for code in http.codes().into_iter().chain(mail.codes()) {
        run.canaries.add("code", &code);
    }
    assert!(http.codes().len() + mail.codes().len() > 100 * quotes.len());
    // Each run has a configuration and keys of its own; neither contains canaries.
    let left = run.server.end(folder, &["twofactor.toml", "twofactor.db.keys"]);
    (left, run.canaries)
}

/// Returns what no guest has in its memory while it delivers.
fn secrets() -> Canaries {
    let mut canaries = Canaries::default();
    for (name, secret) in [
        ("TwilioAuthToken", TWILIO_TOKEN),
        ("ECallAccountPassword", ECALL_PASSWORD),
        ("Password", SMTP_PASSWORD),
        ("ClientSecret", M365_SECRET),
        ("base settings", BASE_TOKEN),
        ("a misspelt option", MISSPELT),
        ("an option of another type", MISTYPED),
        ("the hostile guest's secret", HOSTILE_SECRET),
        ("options not saved", UNSAVED),
        ("access token", ACCESS_TOKEN),
    ] {
        canaries.add(name, secret);
    }
    canaries
}

fn canaries() -> Canaries {
    let mut canaries = secrets();
    canaries.add("user", USER);
    for email in EMAILS {
        canaries.add_email(email.trim());
    }
    for phone in PHONES {
        canaries.add_phone(phone);
    }
    canaries
}

fn nothing_is_found(left: &[(String, Vec<u8>)], canaries: &Canaries) {
    let (search, mut found) = (canaries.search(), Vec::new());
    for (place, bytes) in left {
        // The person that a right answer proves is what the application asked for.
        let proves = place.starts_with("the answer to POST") && place.ends_with("/verify");
        let all = search.found_in(bytes).into_iter();
        found.extend(all.filter(|one| !(proves && one.starts_with("user"))).map(|one| format!("{place}: {one}")));
    }
    assert!(found.is_empty(), "{} times:\n{}", found.len(), found[..found.len().min(40)].join("\n"));
}

#[tokio::test]
async fn no_canary_leaks_while_everything_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (left, canaries) = run(folder.path(), "text", &QUOTES, 1000).await;
    let place = |name: &str| {
        let (_, bytes) = left.iter().find(|(place, _)| place == name).unwrap_or_else(|| panic!("no {name}"));
        String::from_utf8_lossy(bytes)
    };
    // Everything was searched: the log is as verbose as possible, and the files contain what they
    // should.
    let log = place("the log");
    assert!(log.contains("TRACE") && log.contains("not delivered") && log.contains("[removed]"));
    assert!(!log.contains("panicked"), "{log}");
    assert!(place("the file twofactor.db-wal").len() > 100_000);
    assert!(place("the file twofactor.db").starts_with("SQLite format 3"));
    assert!(left.iter().any(|(place, bytes)| place.starts_with("the file ") && bytes.len() > 300_000));
    assert!(place("the answer to GET /metrics").contains("twofactor_deliveries_total"));
    assert!(place("the answer to GET /v1/audit").contains("instance.test"));
    nothing_is_found(&left, &canaries);

    // The search finds what is there.
    let mut there = Canaries::default();
    there.add("sender", SENDER);
    let there = there.search();
    assert!(left.iter().any(|(place, bytes)| place.contains("two-factors") && !there.found_in(bytes).is_empty()));
}

#[tokio::test]
async fn no_canary_leaks_into_a_json_log() {
    let folder = tempfile::tempdir().unwrap();
    let (left, canaries) = run(folder.path(), "json", &QUOTES[..1], 0).await;
    let (_, log) = left.iter().find(|(place, _)| place == "the log").unwrap();
    let lines: Vec<&[u8]> = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert!(lines.iter().all(|line| serde_json::from_slice::<Value>(line).is_ok()));
    nothing_is_found(&left, &canaries);
}

#[test]
fn the_search_finds_a_canary_in_every_form() {
    let canaries = canaries().search();
    assert_eq!(canaries.found_in(b"nothing of it"), Vec::<String>::new());
    let coded = |text: &str| {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        [
            text.to_owned(),
            text.to_uppercase(),
            text.chars().rev().collect(),
            hex::encode(text),
            hex::encode_upper(text),
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            json!({"a": text}).to_string(),
            format!("{:?}", json!({"a": text}).to_string()),
            STANDARD.encode(format!("user:{text}")),
            STANDARD.encode(format!("a{text}b")),
            URL_SAFE.encode(format!("ab{text}")),
        ]
    };
    for secret in [TWILIO_TOKEN, SMTP_PASSWORD, M365_SECRET, BASE_TOKEN, EMAILS[0], PHONES[0], USER] {
        for text in coded(secret) {
            assert!(!canaries.found_in(format!("before {text} after").as_bytes()).is_empty(), "{secret} as {text}");
        }
    }
}
