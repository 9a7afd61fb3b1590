//! A German reader sees nothing in English: all pages of the admin UI are visited in both
//! languages, and a sentence that is the same in both must be marked as English, such as the texts
//! of a provider's author.

use std::collections::{BTreeMap, BTreeSet};

use crate::common;
use common::Server;
use common::visitor::Visitor;
use serde_json::{Value, json};

/// Texts of two words and more that are the same in both languages: names and terms.
const NAMES: &[&str] = &[
    // What the test typed, and the names of the demo's instances and tokens.
    "much too long a sender",
    "SMS through Twilio",
    "SMS through eCall",
    "SMS through Twilio · TwoFactor",
    "SMS through eCall · TwoFactor",
    "Token demo administrator",
    "Installation: TwoFactor demo",
    // Names of providers, with their channels.
    "Twilio SMS · sms",
    "eCall SMS · sms",
    "Authenticator app · TwoFactor",
    "Authenticator app · typed-code",
    "Passkey or security key",
    "Passkey or security key · TwoFactor",
    "Passkey or security key · webauthn-get",
    "Recovery codes · TwoFactor",
    "Recovery codes · typed-code",
];

/// Pages that are walked at most.
const MOST: usize = 80;

/// Returns what a reader sees: texts and the attributes that are read out, without what is marked as English, code and times.
fn texts(html: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut skipped: Vec<String> = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let name = tag.split([' ', '/']).next().unwrap_or_default().to_lowercase();
        let closes = tag.starts_with('/');
        let void = ["input", "meta", "link", "br", "img", "rect", "!doctype"].contains(&&*name) || tag.ends_with('/');
        if closes {
            let closed = tag[1..].trim().to_lowercase();
            if skipped.last() == Some(&closed) {
                skipped.pop();
            }
        } else if !void {
            let marked = tag.contains("lang=\"en\"") && name != "html";
            let data = ["code", "time", "textarea", "script", "style", "pre", "svg", "a"].contains(&&*name)
                && (name != "a" || tag.contains("hreflang"));
            if marked || data || !skipped.is_empty() && skipped.last() == Some(&name) {
                skipped.push(name.clone());
            }
        }
        if skipped.is_empty() {
            for attribute in ["placeholder=\"", "aria-label=\"", "data-label=\""] {
                texts.extend(tag.split(attribute).nth(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
            texts.push(text.to_owned());
        }
    }
    let clean = |text: String| {
        let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    texts.into_iter().map(clean).filter(|text| !text.is_empty()).collect()
}

/// Returns whether it is a sentence: at least three words of letters.
fn is_sentence(text: &str) -> bool {
    let is_word =
        |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 1 && !word.contains(['/', '@', '_', '.']);
    text.split(' ').filter(is_word).count() >= 3
}

fn links(html: &str) -> Vec<String> {
    let links = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
    links.filter(|link| link.starts_with("/admin") && !link.starts_with("/admin/language")).collect()
}

#[tokio::test]
async fn no_page_in_german_holds_an_english_sentence() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let admin = demo.token("admin_token");
    let application = demo.token("application_token");
    // Creates something of each kind to show: an invalid instance, one with invalid texts,
    // messages, entries of the audit log.
    anna.create("email", "Leere").await;
    anna.create("twilio", "Leere").await;
    let ecall = anna.create("ecall", "Falsche").await;
    let wrong = [
        ("/ECallAccountName", "a:b"),
        ("/ECallAccountPassword", "x"),
        ("/ECallAccountFromNumber", "much too long a sender"),
    ];
    anna.save(&ecall, &wrong).await;
    let sign_in = |tenant: &str| json!({"tenant": tenant, "user": "alice", "recipient": {"phone": "+41791234567"}});
    demo.call("POST", "/v1/challenges", application, sign_in("demo")).await.expect(201);
    demo.call("POST", "/v1/challenges", application, sign_in("nowhere")).await;
    demo.call("POST", "/v1/subscriptions/demo/users/alice/unlock", admin, Value::Null).await.expect(200);

    let mut seen = BTreeSet::new();
    let mut open = vec!["/admin".to_owned(), "/admin/messages?user=alice".to_owned(), "/admin/account".to_owned()];
    let mut english: BTreeMap<String, String> = BTreeMap::new();
    while let Some(path) = open.pop() {
        // A few of each kind are enough.
        if seen.len() >= MOST || !seen.insert(path.clone()) {
            continue;
        }
        let mut read = async |language: &str| {
            anna.cookies.insert("twofactor-language".to_owned(), language.to_owned());
            let page = anna.get(&path).await;
            (page.status, page.text)
        };
        let (status, in_english) = read("en").await;
        if status != 200 || !in_english.contains("<html") {
            continue;
        }
        let (_, in_german) = read("de").await;
        assert!(in_german.contains("<html lang=\"de\">"), "{path}");
        let in_english: BTreeSet<String> = texts(&in_english).into_iter().collect();
        for text in texts(&in_german) {
            if is_sentence(&text) && in_english.contains(&text) && !NAMES.contains(&&*text) {
                english.entry(text).or_insert_with(|| path.clone());
            }
        }
        open.extend(links(&in_german));
    }
    assert!(seen.len() >= 25, "{seen:?}");
    assert!(english.is_empty(), "{english:#?}");
}

#[tokio::test]
async fn what_a_form_refuses_is_said_in_german() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    anna.cookies.insert("twofactor-language".to_owned(), "de".to_owned());
    // German is not marked as English; what the engine says is in German.
    anna.get("/admin/base-settings/unknown").await.shows("<p>Die Seite wurde gelöscht");
    anna.get("/admin/two-factors/demo/unknown").await.shows("nicht gefunden");
    anna.post("/admin/subscriptions", &[("id", "a b"), ("name", "A")]).await.shows("muss aus 1 bis 64 Buchstaben");
    let ecall = anna.create("ecall", "SMS").await;
    anna.get(&ecall).await.shows("ist erforderlich");
    let saved = [("/ECallAccountName", "a:b"), ("/ECallAccountPassword", "x"), ("/ECallAccountFromNumber", "Shop")];
    anna.save(&ecall, &saved).await;
    anna.get(&ecall).await.shows("darf keinen Doppelpunkt und kein Steuerzeichen enthalten");
    let policy = [("policy/code_length", "3")];
    anna.save(&ecall, &policy).await.shows("muss zwischen 4 und 10 liegen");
    let right = [("/ECallAccountName", "a"), ("/ECallAccountPassword", "x"), ("/ECallAccountFromNumber", "Shop")];
    anna.save(&ecall, &right).await;
    anna.get(&ecall).await.shows("https://rest.ecall.ch mit HTTP-Basic-Authentifizierung");
    anna.get("/admin/providers").await.shows("HTTP-Anfragen an die für die Instanz erlaubten Ziele senden");
}
