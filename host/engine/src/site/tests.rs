#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;

const KEY_HASH: &str = "android:apk-key-hash:A9Zt0Ig1wco_EozOrNHzGslBYwlrIPRFroQoW8CDLXI";

/// Returns the fields that are wrong, and why.
fn wrong(settings: Value, public_url: Option<&str>) -> Vec<(String, String)> {
    let settings: SiteSettings = serde_json::from_value(settings).unwrap();
    let own = public_url.and_then(WebOrigin::of_url);
    settings.problems(own.as_ref()).into_iter().map(|it| (it.pointer, it.detail)).collect()
}

fn pointers(settings: Value) -> Vec<String> {
    wrong(settings, None).into_iter().map(|(pointer, _)| pointer).collect()
}

fn site(settings: Value, public_url: Option<&str>) -> Site {
    let settings: SiteSettings = serde_json::from_value(settings).unwrap();
    settings.site("Shop".to_owned(), public_url.and_then(WebOrigin::of_url).as_ref())
}

#[test]
fn the_defaults_are_host_and_origin_of_the_public_url() {
    let found = site(json!({}), Some("https://login.example.com:8443/behind/a/path"));
    assert_eq!((&*found.rp_id, &*found.name), ("login.example.com", "Shop"));
    assert_eq!(found.origins, ["https://login.example.com:8443"]);
    let local = site(json!({}), Some("http://localhost:8080"));
    assert_eq!((&*local.rp_id, &*local.origins), ("localhost", &["http://localhost:8080".to_owned()][..]));
    // A higher RP ID keeps the server's origin.
    let higher = site(json!({"rp_id": "example.com"}), Some("https://login.example.com"));
    assert_eq!((&*higher.rp_id, &*higher.origins), ("example.com", &["https://login.example.com".to_owned()][..]));
    for url in [
        "http://127.0.0.1:8080",
        "https://192.0.2.1",
        "https://[2001:db8::1]",
        "http://login.example.com",
        "https://co.uk",
    ] {
        assert_eq!(site(json!({}), Some(url)).rp_id, "", "{url}");
        assert!(wrong(json!({}), Some(url)).is_empty());
    }
    assert_eq!(site(json!({}), None).rp_id, "");
}

#[test]
fn listed_origins_replace_the_default_and_related_ones_are_added() {
    let settings = json!({"rp_id": "example.com", "origins": ["https://example.com", KEY_HASH],
        "related_origins": ["https://example.ch"], "top_origins": ["https://portal.example.org"]});
    assert!(wrong(settings.clone(), Some("https://login.example.com")).is_empty());
    let found = site(settings, Some("https://login.example.com"));
    assert_eq!(found.origins, ["https://example.com", KEY_HASH, "https://example.ch"]);
    assert_eq!(found.top_origins, ["https://portal.example.org"]);
}

#[test]
fn an_rp_id_is_a_host_name_and_not_a_public_suffix() {
    for (rp_id, origin) in [
        ("example.com", "https://login.example.com"),
        ("login.example.com", "https://login.example.com"),
        ("example.co.uk", "https://example.co.uk:8443"),
        ("shop.github.io", "https://shop.github.io"),
        ("xn--shp-sna.example.ch", "https://xn--shp-sna.example.ch"),
        ("login.internal", "https://login.internal"),
        ("localhost", "http://localhost:8080"),
        ("localhost", "https://localhost"),
    ] {
        let found = wrong(json!({"rp_id": rp_id, "origins": [origin]}), None);
        assert!(found.is_empty(), "{rp_id}: {found:?}");
    }
    for rp_id in [
        "com",
        "co.uk",
        "github.io",
        "xn--55qx5d.cn",
        "xn--p1ai",
        "intranet",
        "internal",
        "192.0.2.1",
        "[2001:db8::1]",
        "0x7f.1",
        "2130706433",
        "Example.com",
        "example.com.",
        ".example.com",
        "exämple.com",
        "example.com:443",
        "https://example.com",
        "*.example.com",
        "exa_mple.com",
        "example..com",
        "",
        " example.com",
    ] {
        let found = pointers(json!({"rp_id": rp_id, "origins": ["https://example.com"]}));
        assert_eq!(found, ["/rp_id"], "{rp_id}");
    }
}

#[test]
fn an_origin_is_exact_and_belongs_to_the_rp_id() {
    for origin in ["https://example.com", "https://a.b.example.com:8443", KEY_HASH] {
        assert!(pointers(json!({"rp_id": "example.com", "origins": [origin]})).is_empty(), "{origin}");
    }
    for origin in [
        "https://evilexample.com",
        "https://example.com.evil.org",
        "https://example.org",
        "http://example.com",
        "http://localhost",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com:443",
        "https://EXAMPLE.com",
        "https://user@example.com",
        "https://*.example.com",
        "https://example.com?x",
        "https://192.0.2.1",
        "example.com",
        "null",
        "android:apk-key-hash:",
        "android:apk-key-hash:abc",
        &format!("{KEY_HASH}="),
        &KEY_HASH.replace("apk", "APK"),
        "ios:bundle-id:com.example",
        "",
    ] {
        assert_eq!(pointers(json!({"rp_id": "example.com", "origins": [origin]})), ["/origins/0"], "{origin}");
    }
    // Each city below `kawasaki.jp` is a public suffix, but not `kawasaki.jp` itself.
    assert_eq!(pointers(json!({"rp_id": "kawasaki.jp", "origins": ["https://a.b.kawasaki.jp"]})), ["/origins/0"]);
    let twice = json!({"rp_id": "example.com", "origins": ["https://example.com", "https://example.com"]});
    assert_eq!(pointers(twice), ["/origins/1"]);
    let many: Vec<String> = (0..21).map(|n| format!("https://a{n}.example.com")).collect();
    assert_eq!(pointers(json!({"rp_id": "example.com", "origins": many})), ["/origins"]);
}

#[test]
fn other_domains_must_be_listed_as_related() {
    let related = |related: &[&str]| {
        pointers(json!({"rp_id": "example.com", "origins": ["https://example.com"], "related_origins": related}))
    };
    assert!(related(&["https://example.co.uk", "https://login.example.ch"]).is_empty());
    assert_eq!(related(&["https://login.example.com"]), ["/related_origins/0"]);
    assert_eq!(related(&["https://co.uk"]), ["/related_origins/0"]);
    assert_eq!(related(&[KEY_HASH]), ["/related_origins/0"]);
    // `example` counts once.
    let five = [
        "https://a.com",
        "https://b.com",
        "https://c.com",
        "https://example.fr",
        "https://example.de",
        "https://d.com",
    ];
    assert!(related(&five).is_empty());
    assert_eq!(related(&[&five[..], &["https://e.com"]].concat()), ["/related_origins"]);
}

#[test]
fn settings_that_miss_something_name_it() {
    assert_eq!(pointers(json!({"top_origins": ["https://example.com"]})), ["/rp_id"]);
    assert_eq!(pointers(json!({"rp_id": "example.com"})), ["/origins"]);
    assert!(wrong(json!({"rp_id": "example.com"}), Some("https://login.example.com")).is_empty());
    let elsewhere = wrong(json!({"rp_id": "example.org"}), Some("https://login.example.com"));
    assert_eq!(elsewhere.len(), 1);
    assert_eq!(elsewhere[0].0, "/origins");
    assert_eq!(
        pointers(
            json!({"rp_id": "example.com", "origins": ["https://example.com"], "top_origins": ["https://a.com/"]})
        ),
        ["/top_origins/0"]
    );
}

#[tokio::test]
async fn a_subscription_without_settings_has_its_name_and_the_defaults() {
    let store = Arc::new(crate::store::SqliteStore::in_memory().unwrap()) as Arc<dyn Store>;
    let sites = Sites::new(store, Some("https://login.example.com"));
    let found = sites.of("unknown").await.unwrap();
    assert_eq!((&*found.rp_id, &*found.name), ("login.example.com", ""));
}
