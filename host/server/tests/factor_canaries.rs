//! No secret, code, pass or name of a factor leaks: the real binary logs everything it can, factors are enrolled, used, refused and
//! removed, and then all output and all files are searched. Only the responses that must show a secret have it, each once.

use crate::{canary, common, totp};
use canary::{Canaries, Watched};
use common::wrong;
use serde_json::{Value, json};

const NAME: &str = "Canary.Person+Factor@Mailbox-Canary.EXAMPLE.org";
const DISPLAY_NAME: &str = "Canary Display Name";
const ADDRESS: &str = "Canary.Address@Verified-Canary.EXAMPLE.org";
const LABEL: &str = "Canary Label of a phone";
const ODD_CODE: &str = "canary-of-a-code-that-is-none";
const ODD_CREDENTIAL: &str = "CanaryOfACredentialThatIsNone";
const ODD_PASS: &str = "canary-of-a-pass-that-is-none";
const WRONG_PASS: &str = "CANA-RY0P-ASSX-7QZ9";

/// A server with an instance of each kind of factor.
struct Run {
    server: Watched,
    application: String,
    canaries: Canaries,
}

impl Run {
    async fn call(&self, method: &str, path: &str, body: Value) -> common::Answer {
        self.server.call(method, path, &self.application, body).await
    }

    async fn begin(&self, two_factor: &str, proof: Value) -> common::Answer {
        let body = json!({"tenant": "t", "user": "u", "two_factor": two_factor, "user_name": NAME,
            "display_name": DISPLAY_NAME, "proof": proof});
        self.call("POST", "/v1/enrolments", body).await
    }

    async fn finish(&self, enrolment: &Value, answer: Value) -> common::Answer {
        self.call("POST", &format!("/v1/enrolments/{}/finish", enrolment["id"].as_str().unwrap()), answer).await
    }

    async fn challenge(&self, two_factor: &str) -> String {
        let body = json!({"tenant": "t", "user": "u", "two_factor": two_factor, "first_factor": true});
        let started = self.call("POST", "/v1/challenges", body).await.expect(201);
        format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap())
    }
}

#[tokio::test]
async fn no_secret_of_a_factor_leaks_while_everything_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (folder.path().join("twofactor.toml"), folder.path().join("twofactor.db"));
    common::share_compiled(&store);
    let text = format!(
        "listen = \"127.0.0.1:0\"\npublic_url = \"https://login.example.com\"\n[store]\npath = {store:?}\n\
         [providers]\nload = [\"totp\", \"fido\", \"recovery\"]\n"
    );
    std::fs::write(&file, text).unwrap();
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    let admin = said["token"].as_str().unwrap().to_owned();
    let server = Watched::serve(&file, "text");
    server.call("POST", "/v1/subscriptions", &admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let mut instances = Vec::new();
    for kind in ["totp", "fido", "recovery"] {
        let new = json!({"type": kind, "name": kind, "options": {}});
        let made = server.call("POST", "/v1/subscriptions/s/two-factors", &admin, new).await.expect(201);
        assert_eq!(made["valid"], true, "{made}");
        let path = format!("/v1/subscriptions/s/two-factors/{}/assignments", made["id"].as_str().unwrap());
        server.call("PUT", &path, &admin, json!([{"kind": "tenant", "id": "t"}])).await.expect(200);
        instances.push(made["id"].as_str().unwrap().to_owned());
    }
    let body = json!({"name": "a", "role": "application", "subscriptions": ["s"]});
    let application = server.issue(&admin, body).await;
    let mut run = Run { server, application, canaries: Canaries::default() };
    let [totp, fido, recovery] = &instances[..] else { panic!() };

    // Malformed and refused.
    run.begin(totp, json!({"pass": ODD_PASS})).await.problem(400, "invalid-input");
    run.begin(totp, json!({"pass": WRONG_PASS})).await.problem(403, "proof-required");
    run.begin(totp, json!({"challenge": ODD_PASS})).await.problem(403, "proof-required");
    run.begin(totp, json!(ODD_PASS)).await.problem(400, "invalid-input");
    let passkey = run.begin(fido, json!({"first_factor": true})).await.expect(201);
    run.finish(&passkey, json!({"credential": ODD_CREDENTIAL})).await.problem(400, "invalid-input");
    let credential = json!({"id": ODD_CREDENTIAL, "rawId": ODD_CREDENTIAL, "type": "public-key",
        "response": {"clientDataJSON": ODD_CREDENTIAL, "attestationObject": ODD_CREDENTIAL}});
    assert!(run.finish(&passkey, json!({"credential": credential})).await.status >= 400);

    // An app, enrolled with a wrong code, a malformed one and the right one, and used.
    let begun = run.begin(totp, json!({"first_factor": true})).await.expect(201);
    let secret = begun["reveal"]["secret"].as_str().unwrap().replace(' ', "");
    let code = totp::code(&secret, jiff::Timestamp::now());
    run.finish(&begun, json!({"code": ODD_CODE})).await.problem(400, "invalid-input");
    run.finish(&begun, json!({"code": wrong(&code)})).await.problem(422, "code-rejected");
    run.finish(&begun, json!({"code": code, "label": LABEL})).await.expect(201);
    let verify = run.challenge(totp).await;
    run.call("POST", &verify, json!({"code": code})).await.problem(422, "code-rejected");
    run.call("POST", &verify, json!({"code": ODD_CODE})).await.problem(400, "invalid-input");
    run.call("POST", &verify, json!({"code": [ODD_CODE]})).await.problem(400, "invalid-input");
    run.call("POST", &verify, json!({"credential": credential})).await.problem(400, "invalid-input");

    // A pass, with which recovery codes are enrolled; one of them is used twice.
    let because = json!({"reason": "a test"});
    let issued = run.server.call("POST", "/v1/users/u/passes", &admin, because.clone()).await.expect(201);
    let pass = issued["pass"].as_str().unwrap().to_owned();
    let begun = run.begin(recovery, json!({"pass": pass})).await.expect(201);
    let codes: Vec<String> =
        begun["reveal"]["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    run.finish(&begun, json!({})).await.expect(201);
    let verify = run.challenge(recovery).await;
    run.call("POST", &verify, json!({"code": codes[0]})).await.expect(200);
    let verify = run.challenge(recovery).await;
    run.call("POST", &verify, json!({"code": codes[0]})).await.problem(422, "code-rejected");
    run.call("GET", "/v1/users/u/factors", Value::Null).await.expect(200);
    let body = json!({"tenant": "t", "user": "v", "recipient": {"email": ADDRESS}, "proof": {"pass": ODD_PASS}});
    run.call("POST", "/v1/addresses", body).await.problem(409, "not-available");
    run.call("POST", "/v1/addresses/AAAAAAAAAAAAAAAAAAAAAAAA/verify", json!({"code": ODD_CODE}))
        .await
        .problem(410, "challenge-closed");
    run.server.call("POST", "/v1/users/u/factors/reset", &admin, because).await.expect(200);
    for (path, token) in [("/v1/audit", &*admin), ("/v1/subscriptions/s/users/u/factors", &admin), ("/metrics", "")] {
        run.server.call("GET", path, token, Value::Null).await.expect(200);
    }

    let mut secrets = Canaries::default();
    secrets.add("secret of the app", &secret);
    secrets.add("pass", &pass);
    secrets.add("pass without separators", &pass.replace('-', ""));
    for code in &codes {
        secrets.add("recovery code", code);
        secrets.add("recovery code without separators", &code.replace('-', ""));
    }
    for (name, text) in [
        ("odd code", ODD_CODE),
        ("odd credential", ODD_CREDENTIAL),
        ("odd pass", ODD_PASS),
        ("wrong pass", WRONG_PASS),
        ("application's token", &run.application),
        ("administrator's token", &admin),
    ] {
        secrets.add(name, text);
    }
    run.canaries.add_email(NAME);
    run.canaries.add_email(ADDRESS);
    run.canaries.add("display name", DISPLAY_NAME);
    run.canaries.add("label", LABEL);
    let (secrets, names, mut found) = (secrets.search(), run.canaries.search(), Vec::new());
    let left = run.server.end(folder.path(), &["twofactor.toml", "twofactor.db.keys"]);
    let mut shown = Vec::new();
    for (place, bytes) in &left {
        // A component sees the secrets of its factors; it can tell them to nobody.
        if place == "the memories of guests" {
            continue;
        }
        let all = secrets.found_in(bytes);
        if place == "the answer to POST /v1/enrolments" || place.ends_with("/passes") {
            shown.extend(all);
        } else {
            found.extend(all.into_iter().map(|one| format!("{place}: {one}")));
        }
        // Who may see a factor sees its label, and the page that enrols a passkey has the names.
        if !place.starts_with("the answer to") || place.contains("/metrics") || place.contains("/v1/audit") {
            found.extend(names.found_in(bytes).into_iter().map(|one| format!("{place}: {one}")));
        }
    }
    assert!(found.is_empty(), "{} times:\n{}", found.len(), found.join("\n"));
    // The search finds what is there.
    assert!(shown.iter().any(|one| one.starts_with("secret of the app")), "{shown:?}");
    assert!(
        shown.iter().any(|one| one.starts_with("recovery code")) && shown.iter().any(|one| one.starts_with("pass"))
    );
    let (_, log) = left.iter().find(|(place, _)| place == "the log").unwrap();
    let log = String::from_utf8_lossy(log);
    assert!(log.contains("INFO") && !log.contains("panicked"), "{log}");
}
