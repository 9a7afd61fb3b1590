//! Origins of pages and of apps, as WebAuthn's client data names them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::{Host, Url};

/// What precedes the SHA-256 of an Android app's signing certificate.
const ANDROID: &str = "android:apk-key-hash:";

/// The origin of a page that can use passkeys: `https:`, or `http:` on `localhost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebOrigin {
    /// As browsers write it.
    pub(super) text: String,
    /// Its host.
    pub(super) host: String,
}

impl WebOrigin {
    /// Reads an origin exactly as browsers write it.
    ///
    /// # Errors
    /// What it must be.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "must be an origin as browsers write it, such as `https://login.example.com`: in lower case, without a path or the default port";
        let url = Url::parse(text).map_err(|_| FORM)?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err("must have a host name: an IP address cannot be used with passkeys");
        };
        let origin = url.origin().ascii_serialization();
        if origin != text || !is_host_name(host) {
            return Err(FORM);
        }
        match url.scheme() {
            "https" => {}
            "http" if host == "localhost" => {}
            _ => return Err("must begin with `https:`; `http:` is allowed for `localhost` only"),
        }
        Ok(Self { host: host.to_owned(), text: origin })
    }

    /// Returns the origin of a URL, if passkeys can be used there.
    pub(super) fn of_url(url: &str) -> Option<Self> {
        Self::parse(&Url::parse(url).ok()?.origin().ascii_serialization()).ok()
    }
}

/// Returns whether a text is the origin of an Android app: the prefix and 32 bytes in base64url without
/// padding.
pub(super) fn is_android(text: &str) -> bool {
    let hash = text.strip_prefix(ANDROID).and_then(|hash| URL_SAFE_NO_PAD.decode(hash).ok());
    hash.is_some_and(|hash| hash.len() == 32)
}

/// Returns whether it is a host name of letters, digits and `-`. A parser of URLs takes more, such as `*`.
pub(super) fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}
