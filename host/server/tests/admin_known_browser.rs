//! Strangers who guess a password at the admin UI do not keep its owner out of a browser that is known.

use crate::common;
use common::Server;
use common::visitor::{PASSWORD, Visitor};

const KNOWN: &str = "__Host-twofactor-browser-";

#[tokio::test]
async fn a_known_browser_can_log_in_after_strangers_used_up_their_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twofactor.toml");
    let store = folder.path().join("twofactor.db");
    common::share_compiled(&store);
    let text = format!(
        "listen = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n[store]\npath = {store:?}\n\
         [rate_limits]\npasswords_per_account_per_hour = 6\n"
    );
    std::fs::write(&file, text).unwrap();
    let server = Server::serve(&file);
    let mut anna = Visitor::first(&server).await;
    let name = anna.cookies.keys().find(|name| name.starts_with(KNOWN)).unwrap().clone();
    assert!(anna.cookies[&name].starts_with("tfb_"));

    let log_in = async |visitor: &mut Visitor, from: u32, password: &str| {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("email", "anna@example.com"), ("password", password)])
            .finish();
        let request = visitor.request("POST", "/admin/login").header("sec-fetch-site", "same-origin");
        let page = visitor.send(request.header("x-forwarded-for", format!("2001:db8:0:{from:x}::1")).body(form)).await;
        visitor.follow(page).await
    };
    for n in 0..8 {
        let says = if n < 6 { "Incorrect email address or password." } else { "Too many attempts." };
        log_in(&mut Visitor::at(&server.url), n, "not the password at all").await.shows(says);
    }
    // The owner in an unknown browser, and in her own, from any address.
    log_in(&mut Visitor::at(&server.url), 99, PASSWORD).await.shows("Too many attempts.");
    anna.post("/admin/logout", &[]).await.leads_to();
    assert_eq!(anna.get("/admin").await.status, 303);
    let again = log_in(&mut anna, 98, PASSWORD).await;
    assert_eq!(again.leads_to(), "/admin");
    assert_eq!(anna.get("/admin").await.status, 200);

    // She keeps a cookie that no script and no other server gets, and that opens nothing by itself.
    let mut stolen = Visitor::at(&server.url);
    stolen.cookies.insert(name.clone(), anna.cookies[&name].clone());
    assert_eq!(stolen.get("/admin").await.status, 303);
    let password = [("current", PASSWORD), ("new", "eight geese fly over the hill")];
    let changed = anna.post("/admin/account/password", &password).await;
    changed.leads_to();
    let mut set = changed.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = set.rfind(|cookie| cookie.starts_with(KNOWN)).unwrap();
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Max-Age=15552000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    // A new password makes the old cookie worthless.
    log_in(&mut stolen, 97, "eight geese fly over the hill").await.shows("Too many attempts.");
    assert_eq!(log_in(&mut anna, 97, "eight geese fly over the hill").await.leads_to(), "/admin");
}
