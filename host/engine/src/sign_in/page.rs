//! The settings of a subscription's sign-in page: where it may return to, and its appearance.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::color::Color;
use crate::error::Error;
use crate::site::{SiteSettings, Sites};
use twofactor_sandbox::readable;

/// The settings of a subscription's sign-in page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignInPage {
    /// Where a browser may be sent at the end: exactly these URLs.
    pub return_urls: Vec<String>,
    /// The application's name on the page; the subscription's by default.
    pub application_name: Option<String>,
    /// A picture above the form, as a `data:` URI of PNG, JPEG or WebP.
    pub logo: Option<String>,
    /// The page's colors.
    #[serde(alias = "colours")]
    pub colors: Colors,
    /// Where a person finds help: `https:` or `mailto:`.
    pub support_url: Option<String>,
    /// The WebAuthn relying party id: a host name, such as `example.com`. Passkeys belong to it and stop
    /// working when it changes. Default: the host of the server's public URL.
    pub rp_id: Option<String>,
    /// The origins whose pages may use factors: `https:` at the RP ID or below it, `http:` on `localhost`,
    /// or `android:apk-key-hash:…` of an app. Default: the origin of the server's public URL.
    pub origins: Vec<String>,
    /// Further origins, in other domains, whose pages may use factors.
    pub related_origins: Vec<String>,
    /// The origins that may show those pages in frames.
    pub top_origins: Vec<String>,
}

/// Colors as `#rrggbb`; those of TwoFactor by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Colors {
    /// Of buttons and links.
    pub accent: Option<String>,
    /// Behind the form, in light mode.
    pub background: Option<String>,
}

/// The colors that a style sheet needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Theme {
    /// Of buttons and links in light and dark mode.
    pub accent: Option<(String, String)>,
    /// Behind the form, in light mode.
    pub background: Option<String>,
}

/// A picture.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logo {
    /// `image/png`, `image/jpeg` or `image/webp`, determined from the bytes.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The maximum size of a logo, in bytes of the file.
const LOGO_BYTES: usize = 64 << 10;

const RETURN_URLS: usize = 50;

const URL_BYTES: usize = 2000;

/// Parameters that the page adds to a return URL; a URL that has them already would be ambiguous.
const ADDED: [&str; 4] = ["state", "handle", "error", "login_hint"];

/// The minimum contrast (WCAG 2.2, 1.4.3).
const CONTRAST: f64 = 4.5;

/// The card with the form, and the text on the page around it, in light mode.
const CARD: Color = Color([0xff, 0xff, 0xff]);
const INK: Color = Color([0x1b, 0x20, 0x2b]);
/// The card in dark mode.
const DARK_CARD: Color = Color([0x1c, 0x20, 0x28]);

/// Returns the type, determined from the bytes. SVG is a document with scripts of its own: it is
/// not among them.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

impl SignInPage {
    pub(crate) fn check(&self, sites: &Sites) -> Result<(), Error> {
        sites.check(&self.site())?;
        if self.return_urls.len() > RETURN_URLS {
            return Err(Error::invalid(format!("`return_urls` can have at most {RETURN_URLS} entries")));
        }
        self.return_urls.iter().try_for_each(|url| return_url(url))?;
        if let Some(name) = &self.application_name {
            readable::check(name, 1..=60).map_err(|why| Error::invalid_at("/application_name", why.to_string()))?;
        }
        if let Some(url) = &self.support_url {
            support_url(url)?;
        }
        self.logo()?;
        let color = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Color::parse(text)
                .map(Some)
                .ok_or_else(|| Error::invalid(format!("`colors.{name}` must be `#` and six hexadecimal digits"))),
        };
        let readable = |name: &str, one: Option<Color>, other: Color, what: &str| match one {
            Some(one) if one.contrast(other) < CONTRAST => Err(Error::invalid(format!(
                "`colors.{name}` is not readable {what}: the contrast is {:.1}:1 and must be at least {CONTRAST}:1",
                one.contrast(other)
            ))),
            _ => Ok(()),
        };
        readable("accent", color("accent", &self.colors.accent)?, CARD, "on white; choose a darker color")?;
        readable(
            "background",
            color("background", &self.colors.background)?,
            INK,
            "under dark text; choose a lighter color",
        )
    }

    /// Uses a file as the logo. Its size is checked with the other settings.
    ///
    /// # Errors
    /// Invalid input if it is not PNG, JPEG or WebP.
    pub fn set_logo(&mut self, file: &[u8]) -> Result<(), Error> {
        let kinds = "`logo` must be a PNG, JPEG or WebP";
        let media_type = media_type(file).ok_or_else(|| Error::invalid(kinds))?;
        self.logo = Some(format!("data:{media_type};base64,{}", STANDARD.encode(file)));
        Ok(())
    }

    /// Returns the logo, if there is one.
    ///
    /// # Errors
    /// Invalid input if it is not a picture of these three types, or too large.
    pub fn logo(&self) -> Result<Option<Logo>, Error> {
        let Some(text) = &self.logo else { return Ok(None) };
        let wrong = || Error::invalid("`logo` must be a `data:` URI of a PNG, JPEG or WebP in base64");
        let (head, data) = text.split_once(";base64,").ok_or_else(wrong)?;
        let bytes = STANDARD.decode(data).map_err(|_| wrong())?;
        if bytes.len() > LOGO_BYTES {
            return Err(Error::invalid(format!("`logo` can be at most {} KiB", LOGO_BYTES >> 10)));
        }
        let media_type = media_type(&bytes).ok_or_else(wrong)?;
        if head.strip_prefix("data:") != Some(media_type) {
            return Err(wrong());
        }
        Ok(Some(Logo { media_type, bytes }))
    }

    /// Returns the colors, including those for dark mode.
    pub fn theme(&self) -> Theme {
        let parsed = |text: &Option<String>| text.as_deref().and_then(Color::parse);
        let accent = parsed(&self.colors.accent).map(|accent| {
            let dark = accent.lightened_until(|color| color.contrast(DARK_CARD) >= CONTRAST);
            (accent.to_string(), dark.to_string())
        });
        Theme { accent, background: parsed(&self.colors.background).map(|color| color.to_string()) }
    }

    /// Returns where factors are used.
    pub(crate) fn site(&self) -> SiteSettings {
        SiteSettings {
            rp_id: self.rp_id.clone(),
            origins: self.origins.clone(),
            related_origins: self.related_origins.clone(),
            top_origins: self.top_origins.clone(),
        }
    }

    pub(crate) fn returns_to(&self, url: &str) -> bool {
        self.return_urls.iter().any(|allowed| allowed == url)
    }
}

/// Returns whether it is `https:`, or `http:` to a server on the browser's own machine.
fn return_url(text: &str) -> Result<(), Error> {
    let wrong = |why: &str| Err(Error::invalid(format!("each of `return_urls` must {why}")));
    let url = match Url::parse(text) {
        Ok(url) if text.len() <= URL_BYTES && text.chars().all(|c| c.is_ascii_graphic()) => url,
        _ => {
            return wrong(
                "be an absolute URL of at most 2000 ASCII characters, such as https://shop.example.com/signed-in",
            );
        }
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return wrong("be `https:`, or `http:` with a loopback address");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return wrong("not contain a user name, a password or a fragment");
    }
    if url.query_pairs().any(|(name, _)| ADDED.contains(&&*name)) {
        return wrong("not contain the parameters `state`, `handle`, `error` or `login_hint`, which are added to it");
    }
    Ok(())
}

fn support_url(text: &str) -> Result<(), Error> {
    let fits = |url: &Url| matches!(url.scheme(), "https" | "mailto") && url.username().is_empty();
    if text.len() > URL_BYTES || text.chars().any(char::is_control) || !Url::parse(text).is_ok_and(|url| fits(&url)) {
        return Err(Error::invalid("`support_url` must be an `https:` or `mailto:` URL"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(settings: serde_json::Value) -> String {
        let page: SignInPage = serde_json::from_value(settings).unwrap();
        let store = std::sync::Arc::new(crate::store::SqliteStore::in_memory().unwrap());
        page.check(&Sites::new(store, None)).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn a_browser_is_sent_to_https_or_to_its_own_machine_only() {
        for url in [
            "https://shop.example.com/signed-in?a=b",
            "http://127.0.0.1:3000/back",
            "http://localhost/back",
            "http://[::1]:3000/back",
        ] {
            assert_eq!(refusal(json!({"return_urls": [url]})), "", "{url}");
        }
        for url in [
            "http://shop.example.com/",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "//shop.example.com",
            "/signed-in",
            "https://user@shop.example.com/",
            "https://shop.example.com/#x",
            "https://shop.example.com/?state=1",
            "https://shop.example.com/?login_hint=anna",
            "https://shop.example.com/\r\nset-cookie:a=b",
            " https://shop.example.com/",
            "https://shöp.example.com/",
            "",
        ] {
            assert!(refusal(json!({"return_urls": [url]})).contains("return_urls"), "{url}");
        }
    }

    #[test]
    fn a_logo_must_be_a_picture_of_the_declared_type() {
        let data = |kind: &str, bytes: &[u8]| format!("data:image/{kind};base64,{}", STANDARD.encode(bytes));
        let png = b"\x89PNG\r\n\x1a\nrest";
        assert_eq!(refusal(json!({"logo": data("png", png)})), "");
        assert_eq!(refusal(json!({"logo": data("webp", b"RIFF\0\0\0\0WEBPVP8 ")})), "");
        let mut large = png.to_vec();
        large.resize(LOGO_BYTES + 1, 0);
        for logo in [
            data("svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
            data("png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            data("jpeg", png),
            data("png", &large),
            data("png\" onerror=x", png),
            "https://example.com/logo.png".to_owned(),
            "data:image/png,raw".to_owned(),
        ] {
            assert!(refusal(json!({"logo": logo})).contains("logo"), "{}", &logo[..40.min(logo.len())]);
        }
    }

    #[test]
    fn colors_that_are_not_readable_are_refused_with_the_remedy() {
        assert_eq!(refusal(json!({"colors": {"accent": "#0b57d0", "background": "#eef3fb"}})), "");
        // Settings that earlier builds stored.
        assert!(refusal(json!({"colours": {"accent": "#ffcc00"}})).contains("choose a darker color"));
        assert!(refusal(json!({"colors": {"accent": "#ffcc00"}})).contains("choose a darker color"));
        assert!(refusal(json!({"colors": {"background": "#202020"}})).contains("choose a lighter color"));
        for text in ["red", "#fff", "#12345g", "#1234567", "#0b57d0;}body{background:url(https://evil.example)"] {
            assert!(refusal(json!({"colors": {"accent": text}})).contains("six hexadecimal digits"), "{text}");
        }
    }

    #[test]
    fn on_a_dark_page_the_accent_is_light_enough() {
        for accent in ["#000000", "#0b57d0", "#8a1c7c", "#767676"] {
            let colors = Colors { accent: Some(accent.to_owned()), background: None };
            let (light, dark) = SignInPage { colors, ..SignInPage::default() }.theme().accent.unwrap();
            assert_eq!(light, accent);
            assert!(Color::parse(&dark).unwrap().contrast(DARK_CARD) >= CONTRAST, "{accent} {dark}");
        }
    }

    #[test]
    fn the_site_is_checked_with_the_page() {
        let page = json!({"rp_id": "example.com", "origins": ["https://login.example.com"]});
        assert_eq!(refusal(page), "");
        assert!(refusal(json!({"rp_id": "co.uk"})).starts_with("`rp_id` must not be a public suffix"));
    }

    #[test]
    fn names_and_links_are_plain() {
        for name in ["", "  ", "a\nb", "a\u{202e}b", &"x".repeat(61)] {
            assert!(refusal(json!({"application_name": name})).contains("application_name"), "{name}");
        }
        assert_eq!(refusal(json!({"support_url": "mailto:help@example.com"})), "");
        for url in ["javascript:alert(1)", "http://example.com", "help", "data:text/html,x"] {
            assert!(refusal(json!({"support_url": url})).contains("support_url"), "{url}");
        }
    }
}
