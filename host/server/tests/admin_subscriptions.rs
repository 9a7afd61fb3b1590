//! Subscriptions in the admin UI, and how the sign-in page of one is set.

use crate::common;
use common::Server;
use common::visitor::{Page, Visitor};
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and what follows";

/// Sends the form of a subscription, with a logo if there is one.
async fn save(visitor: &mut Visitor, path: &str, fields: &[(&str, &str)], logo: &[u8]) -> Page {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(b"--b\r\nContent-Disposition: form-data; name=\"logo\"; filename=\"\"\r\n\r\n");
    body.extend_from_slice(logo);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let request = visitor.request("POST", path).header("sec-fetch-site", "same-origin");
    let page = visitor.send(request.header("content-type", "multipart/form-data; boundary=b").body(body)).await;
    visitor.follow(page).await
}

async fn stored(demo: &Server) -> Value {
    let path = "/v1/subscriptions/shop/sign-in-page";
    demo.call("GET", path, demo.token("admin_token"), Value::Null).await.expect(200)
}

#[tokio::test]
async fn a_subscription_is_created_and_its_sign_in_page_set() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let wrong = [("id", "no blanks"), ("name", "Shop \"1\"")];
    anna.post("/admin/subscriptions", &wrong).await.shows("letters, digits").shows("value=\"Shop &quot;1&quot;\"");
    let new = [("id", "shop"), ("name", "Shop")];
    assert_eq!(anna.post("/admin/subscriptions", &new).await.leads_to(), "/admin/subscriptions/shop?done=created");
    anna.post("/admin/subscriptions", &new).await.shows("a subscription with this id already exists");
    anna.get("/admin/subscriptions").await.shows("<a href=\"/admin/subscriptions/shop\">Shop</a>");

    let path = "/admin/subscriptions/shop";
    let fields = [
        ("revision", "0"),
        ("return_urls", "https://shop.example.com/signed-in\r\n\r\n  http://127.0.0.1:9000/back \r\n"),
        ("application_name", "The Shop"),
        ("support_url", "mailto:help@example.com"),
        ("accent", "#24307a"),
        ("background", ""),
    ];
    assert_eq!(save(&mut anna, path, &fields, PNG).await.leads_to(), format!("{path}?done=saved"));
    let set = stored(&demo).await;
    assert_eq!(set["return_urls"], json!(["https://shop.example.com/signed-in", "http://127.0.0.1:9000/back"]));
    assert_eq!(
        (&set["application_name"], &set["support_url"]),
        (&json!("The Shop"), &json!("mailto:help@example.com"))
    );
    assert_eq!(set["colors"], json!({"accent": "#24307a", "background": null}));
    assert!(set["logo"].as_str().unwrap().starts_with("data:image/png;base64,"));
    let page = anna.get(path).await.shows("value=\"#24307a\"").shows("src=\"/admin/subscriptions/shop/logo\"");
    assert!(page.text.len() < 60_000);
    let logo = anna.get(&format!("{path}/logo")).await;
    assert_eq!(
        (&logo.headers["content-type"], &logo.headers["x-content-type-options"]),
        (&"image/png".parse().unwrap(), &"nosniff".parse().unwrap())
    );
    anna.get("/admin/audit").await.shows("sign-in-page.set").shows("https://shop.example.com/signed-in");

    // Without a file the logo stays; it goes when that is asked for. Who comes late is told.
    let again = [&[("revision", "1")], &fields[1..]].concat();
    save(&mut anna, path, &again, b"").await.leads_to();
    assert_eq!(stored(&demo).await["logo"], set["logo"]);
    save(&mut anna, path, &again, b"").await.shows("Another user changed this").shows("name=\"revision\" value=\"2\"");
    let without = [&[("revision", "2"), ("remove_logo", "yes")], &fields[1..]].concat();
    save(&mut anna, path, &without, b"").await.leads_to();
    assert_eq!(stored(&demo).await["logo"], Value::Null);
    assert_eq!(anna.get(&format!("{path}/logo")).await.status, 404);
}

#[tokio::test]
async fn invalid_settings_of_the_sign_in_page_are_explained_and_stay_in_the_form() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    anna.post("/admin/subscriptions", &[("id", "shop"), ("name", "Shop")]).await.leads_to();
    let before = stored(&demo).await;
    let path = "/admin/subscriptions/shop";
    let (svg, long) = (&b"<svg><script>alert(1)</script></svg>"[..], [PNG, &[0; 70_000]].concat());
    let longer = [PNG, &vec![0; 300_000]].concat();
    for (field, value, logo, words) in [
        ("return_urls", "http://shop.example.com/", &b""[..], "https"),
        ("return_urls", "javascript:alert(1)", b"", "return_urls"),
        ("accent", "#ffff00", b"", "choose a darker color"),
        ("background", "#000000", b"", "choose a lighter color"),
        ("accent", "red\"><script>", b"", "six hexadecimal digits"),
        ("support_url", "ftp://x", b"", "support_url"),
        ("application_name", "", svg, "must be a PNG, JPEG or WebP"),
        ("application_name", "", &long, "at most 64 KiB"),
        ("application_name", "", &longer, "larger than 64 KiB"),
    ] {
        let page = save(&mut anna, path, &[("revision", "0"), (field, value)], logo).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.shows(words);
        assert!(!page.text.contains("<script>"), "{}", page.text);
        let kept = value.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.text.contains(&kept), "{kept} is not in {}", page.text);
    }
    assert_eq!(stored(&demo).await, before);
    let form = anna.request("POST", path).header("sec-fetch-site", "cross-site").body("x");
    assert_eq!(anna.send(form).await.status, 403);
}

#[tokio::test]
async fn the_form_says_where_passkeys_are_used() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    anna.post("/admin/subscriptions", &[("id", "shop"), ("name", "Shop")]).await.leads_to();
    let path = "/admin/subscriptions/shop";
    let fields = [
        ("revision", "0"),
        ("return_urls", ""),
        ("rp_id", "example.com"),
        ("origins", "https://login.example.com\r\nhttps://example.com\r\n"),
        ("related_origins", "https://example.ch"),
        ("top_origins", ""),
    ];
    let wrong = [&fields[..2], &[("rp_id", "co.uk")], &fields[3..]].concat();
    save(&mut anna, path, &wrong, b"").await.shows("must not be a public suffix").shows("value=\"co.uk\"");
    save(&mut anna, path, &fields, b"").await.leads_to();
    let set = stored(&demo).await;
    assert_eq!(set["rp_id"], "example.com");
    assert_eq!(set["origins"], json!(["https://login.example.com", "https://example.com"]));
    assert_eq!((&set["related_origins"], &set["top_origins"]), (&json!(["https://example.ch"]), &json!([])));
    anna.get(path).await.shows("value=\"example.com\"").shows(">https://login.example.com\nhttps://example.com<");
}
