//! Factors that people hold, over REST, as applications use them.

use crate::{common, factors, site};
use common::wrong;
use factors::{ORIGIN, Stage};
use serde_json::{Value, json};
use twofactor::token::Role;

#[tokio::test]
async fn an_authenticator_app_is_enrolled_and_answers_challenges() {
    let stage = Stage::start().await;
    let names = json!({"user_name": "alice@example.com"});
    let begun = stage.begin("alice", &stage.totp, names).await.expect(201);
    assert_eq!(
        (&begun["type"], &begun["kind"], &begun["code_length"]),
        (&json!("totp"), &json!("typed-code"), &json!(6))
    );
    assert_eq!(begun["two_factor"], stage.totp);
    let reveal = begun["reveal"].as_object().unwrap();
    assert_eq!(reveal.keys().collect::<Vec<_>>(), ["otpauth_uri", "secret", "qr_svg"]);
    assert!(reveal["otpauth_uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    assert!(reveal["qr_svg"].as_str().unwrap().starts_with("<svg xmlns="));
    let secret = reveal["secret"].as_str().unwrap().replace(' ', "");
    let right = stage.code(&secret);

    let refused = stage.finish(&begun, json!({"code": wrong(&right)})).await.problem(422, "code-rejected");
    assert!(refused["attempts_left"].as_u64().unwrap() > 0, "{refused}");
    for malformed in
        [json!({}), json!({"code": "12"}), json!({"credential": {}}), json!({"code": right, "credential": {}})]
    {
        stage.finish(&begun, malformed).await.problem(400, "invalid-input");
    }
    let finished = stage.finish(&begun, json!({"code": right, "label": "Phone"})).await.expect(201);
    let factor = &finished["factor"];
    assert_eq!(
        (&factor["type"], &factor["label"], &factor["status"]),
        (&json!("totp"), &json!("Phone"), &json!("active"))
    );
    assert_eq!(factor["fallback"], false);
    stage.finish(&begun, json!({"code": right})).await.problem(410, "enrolment-closed");
    let listed = stage.call("GET", "/v1/users/alice/factors", Value::Null).await.expect(200);
    assert_eq!((&listed["factors"][0]["id"], &listed["factors"][0]["label"]), (&factor["id"], &json!("Phone")));
    assert_eq!(listed["factors"].as_array().unwrap().len(), 1);
    assert_eq!(stage.call("GET", "/v1/users/bob/factors", Value::Null).await.expect(200)["factors"], json!([]));
    let available = stage.call("GET", "/v1/two-factors?tenant=main&user=alice", Value::Null).await.expect(200);
    let held = |id: &str| {
        let all = available["two_factors"].as_array().unwrap().iter();
        all.filter(|one| one["id"] == id).map(|one| one["factors"].clone()).next().unwrap()
    };
    assert_eq!((held(&stage.totp), held(&stage.recovery)), (json!(1), json!(0)));

    // The code that finished the enrolment is spent.
    let challenge = stage.challenge("alice", &stage.totp, json!({})).await.expect(201);
    assert_eq!((&challenge["kind"], &challenge["channel"]), (&json!("typed-code"), &json!("typed-code")));
    for nothing in ["recipient_hint", "resend_after"] {
        assert!(challenge.get(nothing).is_none(), "{challenge}");
    }
    assert_eq!(challenge["code_length"], 6);
    stage.verify(&challenge, json!({"code": right})).await.problem(422, "code-rejected");
    for malformed in [json!({}), json!({"code": right, "credential": {}})] {
        stage.verify(&challenge, malformed).await.problem(400, "invalid-input");
    }
    stage.site.advance(30);
    let verified = stage.verify(&challenge, json!({"code": stage.code(&secret)})).await.expect(200);
    assert_eq!((&verified["amr"], &verified["acr"]), (&json!(["otp"]), &Value::Null));
    assert_eq!((&verified["user"], &verified["factor"]), (&json!("alice"), &factor["id"]));
    assert_eq!(
        verified["assurance"],
        json!({"aal": "aal2", "phishing_resistant": false, "user_verified": false, "device_bound": false, "attested": false,
            "remembered": false})
    );
    stage.verify(&challenge, json!({"code": stage.code(&secret)})).await.problem(410, "challenge-closed");
}

#[tokio::test]
async fn an_enrolment_belongs_to_the_token_that_began_it() {
    let stage = Stage::start().await;
    let role = Role::Application { subscription: "shop".to_owned() };
    let (_, other) = stage.site.admin().issue_token("other node", role, None).await.unwrap();
    let begun = stage.begin("alice", &stage.totp, json!({})).await.expect(201);
    let secret = begun["reveal"]["secret"].as_str().unwrap().replace(' ', "");
    let (path, answer) =
        (format!("/v1/enrolments/{}/finish", begun["id"].as_str().unwrap()), json!({"code": stage.code(&secret)}));
    stage.call_as(&other, "POST", &path, answer.clone()).await.problem(410, "enrolment-closed");
    stage
        .call("POST", "/v1/enrolments/AAAAAAAAAAAAAAAAAAAAAAAA/finish", answer.clone())
        .await
        .problem(410, "enrolment-closed");
    stage.call("POST", &path, answer).await.expect(201);
}

#[tokio::test]
async fn a_repeat_with_the_same_key_shows_a_secret_only_to_the_same_token() {
    let stage = Stage::start().await;
    let role = Role::Application { subscription: "shop".to_owned() };
    let (_, other) = stage.site.admin().issue_token("other node", role, None).await.unwrap();
    let body = json!({"tenant": "main", "user": "alice", "two_factor": stage.totp, "proof": {"first_factor": true}});
    let begin = async |token: &str, body: &Value| {
        let request = reqwest::Client::new().post(format!("{}/v1/enrolments", stage.site.url)).bearer_auth(token);
        common::Answer::of(request.header("Idempotency-Key", "k-1").body(body.to_string())).await
    };
    let first = begin(&stage.site.application, &body).await.expect(201);
    let again = begin(&stage.site.application, &body).await.expect(201);
    assert_eq!((&again["id"], &again["reveal"]), (&first["id"], &first["reveal"]));
    let refused = begin(&other, &body).await;
    assert!(!refused.text.contains(first["reveal"]["secret"].as_str().unwrap()));
    refused.problem(422, "idempotency-key-reused");
    let mut bob = body.clone();
    bob["user"] = json!("bob");
    begin(&stage.site.application, &bob).await.problem(422, "idempotency-key-reused");
    // Once it is finished, nobody sees the secret again.
    let secret = first["reveal"]["secret"].as_str().unwrap().replace(' ', "");
    stage.finish(&first, json!({"code": stage.code(&secret)})).await.expect(201);
    begin(&stage.site.application, &body).await.problem(410, "enrolment-closed");
}

#[tokio::test]
async fn a_passkey_is_asked_for_at_the_site() {
    let stage = Stage::start().await;
    let begun = stage.begin("alice", &stage.fido, json!({"user_name": "alice@example.com"})).await.expect(201);
    assert_eq!(begun["kind"], "webauthn-create");
    assert!(begun.get("reveal").is_none() && begun.get("code_length").is_none(), "{begun}");
    let public = &begun["public"];
    assert_eq!((&public["rp"]["id"], &public["rp"]["name"]), (&json!("login.example.com"), &json!("Shop & Sons")));
    assert_eq!(public["user"]["name"], "alice@example.com");
    stage.finish(&begun, json!({"code": "123456"})).await.problem(400, "invalid-input");
    let settings = stage.site.engine.site("shop").await.unwrap();
    assert_eq!(settings.origins, [ORIGIN]);
    // Whoever holds no passkey cannot answer with one.
    let refused = stage.challenge("alice", &stage.totp, json!({"acr": "phr"})).await;
    assert_eq!(refused.problem(422, "requirement-unmet")["requirement"], "phishing-resistant");
}

#[tokio::test]
async fn the_policy_of_an_instance_requires_as_much_as_a_request() {
    let stage = Stage::start().await;
    let set = async |instance: &str, required: &str| {
        let path = format!("/v1/subscriptions/shop/two-factors/{instance}");
        stage.call_as(&stage.admin, "PATCH", &path, json!({"policy": {"required_factor": required}})).await
    };
    let unknown = set(&stage.fido, "hardware").await.problem(400, "invalid-input");
    assert_eq!(unknown["errors"][0]["pointer"], "/policy/required_factor");
    assert_eq!(set(&stage.fido, "attested").await.expect(200)["valid"], true);
    let begun = stage.begin("alice", &stage.fido, json!({})).await.expect(201);
    assert_eq!(begun["public"]["attestation"], "direct");
    let apps = set(&stage.totp, "phishing-resistant").await.expect(200);
    assert_eq!(apps["valid"], false);
    let why = apps["problems"][0]["message"].as_str().unwrap();
    assert!(why.contains("`phishing-resistant`, which only passkeys and security keys satisfy"), "{why}");
    stage.begin("alice", &stage.totp, json!({})).await.problem(409, "not-available");
    assert_eq!(set(&stage.totp, "any").await.expect(200)["valid"], true);
}

#[tokio::test]
async fn recovery_codes_are_shown_once_and_need_another_factor() {
    let stage = Stage::start().await;
    stage.begin("alice", &stage.recovery, json!({})).await.problem(409, "conflict");
    let app = stage.app("alice", json!({})).await;
    let proof = stage.proof("alice", &app).await;
    let begun = stage.begin("alice", &stage.recovery, json!({"proof": proof})).await.expect(201);
    assert_eq!(begun["kind"], "show-once");
    let codes = begun["reveal"]["codes"].as_array().unwrap().clone();
    assert_eq!((codes.len(), begun["reveal"].as_object().unwrap().len()), (10, 1));
    let finished = stage.finish(&begun, json!({})).await.expect(201);
    assert_eq!(
        (&finished["factor"]["fallback"], &finished["factor"]["facts"]["uses_left"]),
        (&json!(true), &json!(10))
    );
    let challenge = stage.challenge("alice", &stage.recovery, json!({})).await.expect(201);
    let verified = stage.verify(&challenge, json!({"code": codes[3]})).await.expect(200);
    assert_eq!((&verified["amr"], &verified["uses_left"]), (&json!(["otp"]), &json!(9)));
    let challenge = stage.challenge("alice", &stage.recovery, json!({})).await.expect(201);
    stage.verify(&challenge, json!({"code": codes[3]})).await.problem(422, "code-rejected");
}

#[tokio::test]
async fn a_code_with_letters_does_not_reveal_that_a_challenge_has_existed() {
    let stage = Stage::start().await;
    let app = stage.app("alice", json!({})).await;
    let proof = stage.proof("alice", &app).await;
    let begun = stage.begin("alice", &stage.recovery, json!({"proof": proof})).await.expect(201);
    let codes = begun["reveal"]["codes"].as_array().unwrap().clone();
    stage.finish(&begun, json!({})).await.expect(201);
    let used = stage.challenge("alice", &stage.recovery, json!({})).await.expect(201);
    stage.verify(&used, json!({"code": codes[3]})).await.expect(200);
    let unknown = json!({"id": "AAAAAAAAAAAAAAAAAAAAAAAA"});
    for code in [&codes[4], &json!("letters")] {
        let (used, unknown) =
            (stage.verify(&used, json!({"code": code})).await, stage.verify(&unknown, json!({"code": code})).await);
        assert_eq!(used.text, unknown.text);
        used.problem(410, "challenge-closed");
    }
}

#[tokio::test]
async fn a_change_of_factors_needs_a_proof() {
    let stage = Stage::start().await;
    for (proof, pointer) in [
        (json!({}), "/proof"),
        (json!({"first_factor": true, "pass": "x"}), "/proof"),
        (json!({"first_factor": false}), "/proof/first_factor"),
        (json!({"administrator": true}), "/proof/administrator"),
        (json!([]), "/proof"),
    ] {
        let problem = stage.begin("alice", &stage.totp, json!({"proof": proof})).await.problem(400, "invalid-input");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let app = stage.app("alice", json!({})).await;
    for proof in [
        json!({"first_factor": true}),
        json!({"challenge": "AAAAAAAAAAAAAAAAAAAAAAAA"}),
        json!({"pass": "AAAA-BBBB-CCCC-DDDD"}),
    ] {
        stage.begin("alice", &stage.totp, json!({"proof": proof})).await.problem(403, "proof-required");
    }
    let path = format!("/v1/users/alice/factors/{}", app.factor);
    stage.call("DELETE", &path, json!({"proof": {"first_factor": true}})).await.problem(403, "proof-required");
    stage.call("DELETE", &path, json!({})).await.problem(400, "invalid-input");
    let renamed = stage.call("PATCH", &path, json!({"label": "Work phone"})).await.expect(200);
    assert_eq!(renamed["label"], "Work phone");
    stage.call("PATCH", &path, json!({})).await.problem(400, "invalid-input");
    let bobs = format!("/v1/users/bob/factors/{}", app.factor);
    stage.call("PATCH", &bobs, json!({"label": "mine"})).await.problem(404, "not-found");

    let proof = stage.proof("alice", &app).await;
    stage.call("DELETE", &bobs, json!({"proof": proof})).await.problem(404, "not-found");
    let removed = stage.call("DELETE", &path, json!({"proof": proof})).await.expect(200);
    assert_eq!((&removed["ended"][0]["id"], &removed["ended"][0]["status"]), (&json!(app.factor), &json!("ended")));
    assert_eq!(removed["signals"], json!([]));
    stage.call("DELETE", &path, json!({"proof": proof})).await.problem(404, "not-found");
}

/// Returns the code in the newest mail to an address that has one: a notification may come at any moment.
fn mailed(stage: &Stage, to: &str) -> String {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let mails = stage.site.outbox.mails();
    let mut codes = mails.iter().rev().filter(|mail| mail.recipient == to).flat_map(|mail| mail.text.lines());
    codes.find(is_code).unwrap().to_owned()
}

fn address(recipient: Value, proof: Value) -> Value {
    json!({"tenant": "main", "user": "alice", "recipient": recipient, "proof": proof})
}

const ALICE: &str = "alice@mailbox.example.com";

#[tokio::test]
async fn an_address_is_verified_by_a_code_and_challenges_need_no_recipient_from_then_on() {
    let stage = Stage::start().await;
    let first = json!({"first_factor": true});
    for recipient in [json!({}), json!({"email": ALICE, "phone": "+41791234567"}), json!({"handle": "x"}), json!("x")] {
        stage.call("POST", "/v1/addresses", address(recipient, first.clone())).await.problem(400, "invalid-input");
    }
    let body = json!({"tenant": "main", "user": "alice"});
    assert!(stage.call("POST", "/v1/challenges", body.clone()).await.status >= 400, "nothing is known of alice");
    let begun = stage.call("POST", "/v1/addresses", address(json!({"email": ALICE}), first.clone())).await.expect(201);
    assert_eq!((&begun["channel"], &begun["code_length"]), (&json!("email"), &json!(6)));
    let (id, code) = (begun["id"].as_str().unwrap(), mailed(&stage, ALICE));
    let verify = format!("/v1/addresses/{id}/verify");
    stage.call("POST", &verify, json!({"code": wrong(&code)})).await.problem(422, "code-rejected");
    stage.call("POST", &verify, json!({"code": "x"})).await.problem(400, "invalid-input");
    // The code signs in nobody.
    stage.verify(&begun, json!({"code": code})).await.problem(410, "challenge-closed");
    let list =
        async || stage.call("GET", "/v1/users/alice/addresses", Value::Null).await.expect(200)["addresses"].clone();
    assert_eq!(list().await, json!([]));
    let added = stage.call("POST", &verify, json!({"code": code})).await.expect(201)["address"].clone();
    assert_eq!(added.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "kind", "hint", "verified_at"]);
    assert_eq!((&added["kind"], &added["hint"]), (&json!("email"), &begun["recipient_hint"]));
    stage.call("POST", &verify, json!({"code": code})).await.problem(410, "challenge-closed");
    assert_eq!(list().await, json!([added]));
    let unknown = stage.call("GET", "/v1/users/bob/addresses", Value::Null).await.expect(200);
    assert_eq!(unknown["addresses"], json!([]));

    // Codes go there from now on, and such a code proves a change.
    let challenge = stage.call("POST", "/v1/challenges", body.clone()).await.expect(201);
    assert_eq!(challenge["recipient_hint"], added["hint"]);
    // A challenge for something else verifies no address.
    let other = format!("/v1/addresses/{}/verify", challenge["id"].as_str().unwrap());
    stage.call("POST", &other, json!({"code": mailed(&stage, ALICE)})).await.problem(410, "challenge-closed");
    stage.verify(&challenge, json!({"code": mailed(&stage, ALICE)})).await.expect(200);
    let phone = json!({"phone": site::PHONE});
    let refused = stage.call("POST", "/v1/addresses", address(phone.clone(), first.clone())).await;
    refused.problem(403, "proof-required");
    let proof = json!({"challenge": challenge["id"]});
    let begun = stage.call("POST", "/v1/addresses", address(phone, proof.clone())).await.expect(201);
    assert_eq!(begun["channel"], "sms");
    let verify = format!("/v1/addresses/{}/verify", begun["id"].as_str().unwrap());
    stage.call("POST", &verify, json!({"code": stage.site.ecall.code()})).await.expect(201);
    assert_eq!(list().await.as_array().unwrap().len(), 2);

    // Removing one requires as much.
    let path = format!("/v1/users/alice/addresses/{}", added["id"].as_str().unwrap());
    for unfit in [first, proof] {
        stage.call("DELETE", &path, json!({"proof": unfit})).await.problem(403, "proof-required");
    }
    let challenge = stage.call("POST", "/v1/challenges", body).await.expect(201);
    let sent = match challenge["channel"].as_str().unwrap() {
        "sms" => stage.site.ecall.code(),
        _ => mailed(&stage, ALICE),
    };
    stage.verify(&challenge, json!({"code": sent})).await.expect(200);
    let removal = json!({"proof": {"challenge": challenge["id"]}});
    assert_eq!(stage.call("DELETE", &path, removal.clone()).await.status, 204);
    stage.call("DELETE", &path, removal).await.problem(404, "not-found");
    assert_eq!(list().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeat_of_an_address_with_the_same_key_sends_nothing_and_needs_no_second_proof() {
    let stage = Stage::start().await;
    let pass =
        stage.call_as(&stage.admin, "POST", "/v1/subscriptions/shop/users/alice/passes", json!({"reason": "new"}));
    let proof = json!({"pass": pass.await.expect(201)["pass"]});
    let call = async |path: &str, body: &Value| {
        let request = reqwest::Client::new().post(format!("{}{path}", stage.site.url));
        let request = request.bearer_auth(&stage.site.application).header("Idempotency-Key", "k-1");
        common::Answer::of(request.body(body.to_string())).await
    };
    let body = address(json!({"email": ALICE}), proof);
    let first = call("/v1/addresses", &body).await.expect(201);
    assert_eq!(call("/v1/addresses", &body).await.expect(201), first);
    assert_eq!(stage.site.outbox.mails().iter().filter(|mail| mail.text.contains("code")).count(), 1);
    let mut other = body.clone();
    other["recipient"] = json!({"email": "mallory@example.com"});
    call("/v1/addresses", &other).await.problem(422, "idempotency-key-reused");
    let plain = json!({"tenant": "main", "user": "alice", "recipient": {"email": ALICE}, "first_factor": true});
    call("/v1/challenges", &plain).await.problem(422, "idempotency-key-reused");
}
