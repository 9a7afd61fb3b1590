//! A provider is installed in the admin UI: it is shown first, and approved by its digest.

use crate::common;
use common::Server;
use common::visitor::{PASSWORD, Page, Visitor};
use serde_json::{Value, json};
use twofactor_tests::wrong::component;

/// Returns the component for eCall with the type `email`. Its length is unchanged, so that nothing
/// else moves.
fn ecall_for_email() -> Vec<u8> {
    let mut component = twofactor_bundle::ECALL.to_vec();
    let name = b"ecalleCall SMS";
    let at = component.windows(name.len()).position(|bytes| bytes == name).unwrap();
    component[at..at + 5].copy_from_slice(b"email");
    component
}

/// Returns the same component with a note in it: other bytes, and so another digest.
fn noted(component: &[u8], note: &[u8]) -> Vec<u8> {
    let section = [&[0, 2 + note.len() as u8, 1, b'n'], note].concat();
    [component, &section].concat()
}

async fn upload(visitor: &mut Visitor, component: &[u8]) -> Page {
    let head = "--no-component-has-this\r\nContent-Disposition: form-data; name=\"component\"; filename=\"it.wasm\"\r\nContent-Type: application/wasm\r\n\r\n";
    let body = [head.as_bytes(), component, b"\r\n--no-component-has-this--\r\n"].concat();
    let request = visitor.request("POST", "/admin/providers").header("sec-fetch-site", "same-origin");
    let page = visitor
        .send(request.header("content-type", "multipart/form-data; boundary=no-component-has-this").body(body))
        .await;
    let shown = page.headers.get("location").and_then(|to| to.to_str().ok()).filter(|to| to.contains("digest="));
    match shown.map(str::to_owned) {
        Some(shown) => visitor.get(&shown).await,
        None => visitor.follow(page).await,
    }
}

/// Presses the button under what a page showed.
async fn approve(visitor: &mut Visitor, shown: &Page) -> Page {
    let field = |name: &str| shown.value(&format!("name=\"{name}\" value=\""));
    let (digest, replaces) = (field("digest"), field("replaces"));
    let mut form = vec![("digest", &*digest), ("replaces", &*replaces)];
    // If instances would become invalid, the page asks for a confirmation.
    if shown.text.contains("name=\"allow_invalid\"") {
        form.push(("allow_invalid", "yes"));
    }
    let destinations = shown.text.split("name=\"destinations\" value=\"").skip(1);
    form.extend(destinations.map(|rest| ("destinations", rest.split('"').next().unwrap())));
    visitor.post("/admin/providers/approval", &form).await
}

async fn installed(demo: &Server) -> Value {
    demo.call("GET", "/v1/providers", demo.token("admin_token"), Value::Null).await.expect(200)
}

async fn digest_of(demo: &Server, type_id: &str) -> String {
    let all = installed(demo).await;
    let one = all["providers"].as_array().unwrap().iter().find(|one| one["type"] == type_id).unwrap();
    one["digest"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_component_may_do_and_what_it_changes_is_shown_before_it_is_installed() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let mail = anna.create("email", "Our mail").await;
    let before = installed(&demo).await;
    let log = anna.get("/admin/audit").await.text;

    let shown = upload(&mut anna, &ecall_for_email()).await.shows("Install this provider?");
    let differences = shown.text.split("id=\"differences\"").nth(1).unwrap().split("</section>").next().unwrap();
    for said in [
        "Replaces Email 0.1.1",
        "<del><code>Email</code></del> → <ins><code>eCall SMS</code></ins>",
        "<del><code>email</code></del> → <ins><code>sms</code></ins>",
        "<del><code>Email address</code></del> → <ins><code>Phone number</code></ins>",
        "<h3>Removed permissions</h3><ul><li>send email through the SMTP server allowed for its instance</li></ul>",
        "<h3>New options</h3><ul><li>ECallAccountName</li>",
        "<h3>Removed options</h3><ul><li>EMailSenderAddress</li>",
    ] {
        assert!(differences.contains(said), "{said} is not in {differences}");
    }
    // Of `http` both have made use.
    assert!(!differences.contains("Added permissions"), "{differences}");
    assert!(shown.text.contains("<li>send HTTP requests to the origins allowed for its instance</li>"));
    assert!(shown.text.contains(&format!("<a href=\"{mail}\">Our mail</a>")), "{}", shown.text);
    let digest = shown.value("name=\"digest\" value=\"");
    assert_eq!(
        shown.text.matches(&digest).count(),
        4,
        "beside its name, in what differs, in the form and above the button"
    );
    // Looking has changed nothing.
    assert_eq!((installed(&demo).await, anna.get("/admin/audit").await.text), (before, log));

    assert_eq!(approve(&mut anna, &shown).await.leads_to(), "/admin/providers?done=installed");
    assert_eq!(digest_of(&demo, "email").await, digest);
    anna.get("/admin/providers?done=installed").await.shows("Provider installed.").shows(&digest);
    anna.get("/admin/audit").await.shows("provider.add").shows(&digest);
    // It is not there twice for the asking.
    approve(&mut anna, &shown).await.shows("Not installed");
    upload(&mut anna, &ecall_for_email()).await.shows("This component is already installed");

    // The other way round it may newly send mail.
    upload(&mut anna, twofactor_bundle::EMAIL).await.shows(
        "<h3>Added permissions</h3><ul><li>send email through the SMTP server allowed for its instance</li></ul>",
    );
    // A component of no type there is replaces nothing, and one that differs in its bytes alone may do the same.
    upload(&mut anna, twofactor_tests::hostile::HOSTILE)
        .await
        .shows("It does not replace another provider.")
        .shows("None.");
    upload(&mut anna, &noted(twofactor_bundle::TWILIO, b"x")).await.shows("Same permissions as before.");
}

#[tokio::test]
async fn a_new_destination_of_two_parts_is_shown_and_approved() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let before = upload(&mut anna, &component("placed: in a header")).await;
    approve(&mut anna, &before).await.leads_to();
    let options = json!({"Sender": "Shop", "Key": "k3y-canary", "Token": "t0ken-canary"});
    let body = json!({"type": "wrong", "name": "x", "options": options});
    let path = "/v1/subscriptions/demo/two-factors";
    let made = demo.call("POST", path, demo.token("admin_token"), body).await.expect(201);
    assert_eq!(made["valid"], true, "{made}");

    let shown = upload(&mut anna, &component("placed: too many parts")).await;
    let shown = shown.shows("value=\"https://upstream.example.com place=body,query:/Token\"");
    let digest = shown.value("name=\"digest\" value=\"");
    let replaces = shown.value("name=\"replaces\" value=\"");
    for destinations in ["", "https://upstream.example.com place=body"] {
        let form = [("digest", &*digest), ("replaces", &*replaces), ("destinations", destinations)];
        anna.post("/admin/providers/approval", &form).await.shows("new destinations");
    }
    assert_eq!(approve(&mut anna, &shown).await.leads_to(), "/admin/providers?done=installed");
    assert_eq!(digest_of(&demo, "wrong").await, digest);
}

#[tokio::test]
async fn only_what_the_same_person_was_shown_is_installed() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let form = [("name", "Ben"), ("email", "ben@example.com"), ("role", "system_admin")];
    let invited = anna.post("/admin/accounts", &form).await;
    let link = invited.text.split("/admin/invitation/").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut ben = Visitor::at(&demo.url);
    ben.post(&format!("/admin/invitation/{link}"), &[("password", PASSWORD)]).await.leads_to();

    let (one, other) = (noted(twofactor_bundle::TWILIO, b"1"), noted(twofactor_bundle::TWILIO, b"2"));
    let bundled = digest_of(&demo, "twilio").await;
    let of_anna = upload(&mut anna, &one).await;
    let of_ben = upload(&mut ben, &other).await;
    // What another was shown, what nobody was shown, and what was shown before something else.
    approve(&mut ben, &of_anna).await.shows("Not installed");
    let unknown = [("digest", &*"0".repeat(64)), ("replaces", &*bundled)];
    anna.post("/admin/providers/approval", &unknown).await.shows("Not installed");
    let again = upload(&mut anna, &noted(twofactor_bundle::TWILIO, b"3")).await;
    approve(&mut anna, &of_anna).await.shows("Not installed");
    assert_eq!(digest_of(&demo, "twilio").await, bundled);

    // What would be replaced is no longer what was shown: it is shown again.
    approve(&mut ben, &of_ben).await.leads_to();
    let shown_again =
        approve(&mut anna, &again).await.shows("Another user installed a different component of this type");
    assert_eq!(digest_of(&demo, "twilio").await, of_ben.value("name=\"digest\" value=\""));
    assert_eq!(approve(&mut anna, &shown_again).await.leads_to(), "/admin/providers?done=installed");
    assert_eq!(digest_of(&demo, "twilio").await, again.value("name=\"digest\" value=\""));
}

#[tokio::test]
async fn a_file_that_is_not_a_provider_is_refused_with_a_sentence_next_to_the_form() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let evil = b"<script>alert(1)</script>";
    for (file, words) in [
        (&b""[..], "Choose a file"),
        (evil, "this is not a valid WebAssembly component"),
        (b"\0asm\x01\0\0\0", "this is not a valid WebAssembly component"),
        (b"\0asm\x0d\0\x01\0", "does not implement the contract"),
    ] {
        let page = upload(&mut anna, file).await.shows(words).shows("Install provider");
        assert!(!page.text.contains("<script>"), "{}", page.text);
    }
    // Neither a form of another kind nor one that is cut off is a file.
    anna.post("/admin/providers", &[("component", "x")]).await.shows("Choose a file");
    let request = anna.request("POST", "/admin/providers").header("sec-fetch-site", "same-origin");
    let request = request.header("content-type", "multipart/form-data; boundary=b").body("--b\r\n");
    let page = anna.send(request).await;
    anna.follow(page).await.shows("Choose a file");
    assert_eq!(installed(&demo).await["providers"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn providers_are_installed_by_system_administrators_from_pages_of_this_server() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let form =
        [("name", "Ben"), ("email", "ben@example.com"), ("role", "subscription_admin"), ("subscription", "demo")];
    let invited = anna.post("/admin/accounts", &form).await;
    let link = invited.text.split("/admin/invitation/").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut ben = Visitor::at(&demo.url);
    ben.post(&format!("/admin/invitation/{link}"), &[("password", PASSWORD)]).await.leads_to();
    assert!(!ben.get("/admin/providers").await.text.contains("type=\"file\""));
    // Small enough to be sent whole before the answer, which does not wait for it.
    assert_eq!(upload(&mut ben, b"x").await.status, 403);
    assert_eq!(ben.post("/admin/providers/approval", &[]).await.status, 403);
    let mut nobody = Visitor::at(&demo.url);
    assert!(upload(&mut nobody, b"x").await.leads_to().starts_with("/admin/login"));
    for path in ["/admin/providers", "/admin/providers/approval"] {
        let foreign = anna.request("POST", path).header("sec-fetch-site", "cross-site").body("digest=x");
        assert_eq!(anna.send(foreign).await.status, 403, "{path}");
    }
    // A reload of what was answered in place leads back.
    assert_eq!(anna.get("/admin/providers/approval").await.leads_to(), "/admin/providers");
    let count = json!(installed(&demo).await["providers"].as_array().unwrap().len());
    assert_eq!(count, 6);
}

#[tokio::test]
async fn an_installation_is_rolled_back_on_a_page_and_the_replaced_component_serves_again() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let bundled = digest_of(&demo, "twilio").await;
    let path = "/admin/providers/twilio/roll-back";
    // What comes with the program cannot be.
    assert_eq!(anna.get(path).await.status, 404);
    assert!(!anna.get("/admin/providers").await.text.contains("roll-back"));

    let shown = upload(&mut anna, &noted(twofactor_bundle::TWILIO, b"1")).await;
    approve(&mut anna, &shown).await.leads_to();
    anna.get("/admin/providers").await.shows(path);
    let asked = anna.get(path).await;
    let asked = asked.shows("Roll back to the previous version?").shows("is used again");
    let digest = asked.value("name=\"digest\" value=\"");
    // Another component serves by now.
    let other = upload(&mut anna, &noted(twofactor_bundle::TWILIO, b"2")).await;
    approve(&mut anna, &other).await.leads_to();
    anna.post(path, &[("digest", &*digest)]).await.shows("Not rolled back");
    for expected in [&*digest, &*bundled] {
        let serving = digest_of(&demo, "twilio").await;
        let done = anna.post(path, &[("digest", &*serving)]).await;
        assert_eq!(done.leads_to(), "/admin/providers?done=rolled-back");
        assert_eq!(digest_of(&demo, "twilio").await, expected);
    }
    anna.get("/admin/providers?done=rolled-back").await.shows("Provider rolled back.");
    anna.get("/admin/audit").await.shows("provider.roll_back");

    // A type of its own is gone then.
    let hostile = upload(&mut anna, twofactor_tests::hostile::HOSTILE).await;
    approve(&mut anna, &hostile).await.leads_to();
    let serving = digest_of(&demo, "hostile").await;
    anna.post("/admin/providers/hostile/roll-back", &[("digest", &*serving)]).await.leads_to();
    assert_eq!(installed(&demo).await["providers"].as_array().unwrap().len(), 6);
}
