//! Origins and the URLs on them, in one spelling.
//!
//! | text | accepted as |
//! |---|---|
//! | `https://api.twilio.com` | scheme `https`, that host, port 443 |
//! | `https://api.twilio.com:8443` | the same host, another origin |
//! | `http://…`, `http://gateway`, `http://192.168.1.20:8080`, `https://[fd00::1]` | only if the operator named this very origin |
//! | `https://2130706433`, `https://0x7f.1`, `https://127.0.0.1.` | never: other spellings of addresses |
//! | `https://user@host`, `https://host.`, `https://HOST`, `https://hÖst` | never: one spelling an origin |

use std::fmt;

use url::{Host, Url};

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin {
    https: bool,
    address: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses an origin with a host's full name: nothing may follow the port.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::alone(text, Self::of_url(text)?)
    }

    /// Parses an origin whose host may also be an address or a single label. Whoever calls this must compare it with the operator's list.
    pub(crate) fn parse_any(text: &str) -> Result<Self, String> {
        Self::alone(text, Self::of_any_url(text)?)
    }

    fn alone(text: &str, (origin, url): (Self, Url)) -> Result<Self, String> {
        let rest = &url[url::Position::AfterPort..];
        if !matches!(rest, "" | "/") || text.ends_with('/') {
            return Err(format!("`{}` is not an origin: use only scheme, host and port", printable(text)));
        }
        Ok(origin)
    }

    /// Parses a URL and its origin. A URL that a parser would have to correct is refused: what was
    /// compared must be what is requested.
    pub(crate) fn of_url(text: &str) -> Result<(Self, Url), String> {
        let (origin, url) = Self::of_any_url(text)?;
        let refuse = |why: &str| Err(format!("the URL `{}` {why}", printable(text)));
        if origin.address {
            return refuse("must contain a host name, not an IP address");
        }
        if !is_name(&origin.host) {
            return refuse("must contain a full host name: lower-case letters, digits, `-` and inner dots");
        }
        Ok((origin, url))
    }

    /// Parses a URL whose host may also be an address or a single label, as [`Self::parse_any`] does.
    pub(crate) fn of_any_url(text: &str) -> Result<(Self, Url), String> {
        let refuse = |why: &str| Err(format!("the URL `{}` {why}", printable(text)));
        if text.len() > 4096 {
            return refuse("is longer than 4096 bytes");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('\\') {
            return refuse("has a character that must be percent-encoded");
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("is malformed");
        };
        if !text.starts_with(url.scheme()) {
            return refuse("must write its scheme in lower case");
        }
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return refuse("must begin with `https://`"),
        };
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') && authority(text).contains('@')
        {
            return refuse("must not contain a user name");
        }
        if url.fragment().is_some() {
            return refuse("must not have a fragment");
        }
        let (host, address) = match url.host() {
            Some(Host::Domain(host)) if is_name(host) || is_name(&format!("{host}.a")) => (host.to_owned(), false),
            Some(Host::Domain(_)) => {
                return refuse("must contain a full host name: lower-case letters, digits, `-` and inner dots");
            }
            Some(Host::Ipv4(address)) => (address.to_string(), true),
            Some(Host::Ipv6(address)) => (format!("[{address}]"), true),
            None => return refuse("must name a host"),
        };
        let port = url.port_or_known_default().unwrap_or(443);
        let canonical = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        if authority(text) != canonical {
            return refuse("must write its host and port in the plain spelling");
        }
        Ok((Self { https, address, host, port }, url))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// Returns whether the host is an IP address.
    pub(crate) fn is_address(&self) -> bool {
        self.address
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.https { ("https", 443) } else { ("http", 80) };
        if self.port == usual {
            write!(f, "{scheme}://{}", self.host)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// Returns the part between `://` and the path, unchanged.
fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns whether this is a full host name (RFC 1123), in lower case and with a dot. The last
/// label must not look like a number, as it does in every spelling of an IPv4 address.
pub(crate) fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.starts_with("xn--")
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(label)
        && !last.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns whether this may be a mail server's host where the operator names it: a host name, a single label or an IP address.
pub(crate) fn is_label(host: &str) -> bool {
    !host.is_empty() && host.len() <= 253 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b))
}

/// Returns a URL for a message: shortened, and without its query.
fn printable(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    // User information may contain a password.
    let shown = match path.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => path.to_owned(),
    };
    shown.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::Origin;

    #[test]
    fn an_origin_has_one_spelling_only() {
        assert_eq!(Origin::parse("https://api.twilio.com").unwrap().to_string(), "https://api.twilio.com");
        assert_eq!(Origin::parse("https://api.twilio.com:8443").unwrap().to_string(), "https://api.twilio.com:8443");
        for text in [
            "",
            "api.twilio.com",
            "ftp://api.twilio.com",
            "https://",
            "https://api.twilio.com/",
            "https://api.twilio.com/x",
            "https://api.twilio.com?x",
            "https://api.twilio.com#x",
            "https://API.twilio.com",
            "https://api.twilio.com:443",
            "https://api.twilio.com.",
            "https://localhost",
            "https://*.twilio.com",
            "HTTPS://api.twilio.com",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_or_a_label_is_an_origin_in_one_spelling_and_only_where_it_is_asked_for() {
        for text in [
            "http://192.168.1.20:8080",
            "https://10.0.0.1",
            "http://[fd00::1]:81",
            "http://gateway",
            "https://gateway:8443",
        ] {
            assert_eq!(Origin::parse_any(text).unwrap().to_string(), text);
            assert!(Origin::parse(text).is_err(), "{text}");
        }
        for text in [
            "http://2130706433",
            "http://0x7f.1",
            "http://127.1",
            "http://192.168.1.20:80",
            "http://192.168.001.020",
            "http://[FD00::1]",
            "http://[fd00:0::1]",
            "http://gateway.",
            "http://Gateway",
            "http://user@10.0.0.1",
            "ftp://10.0.0.1",
        ] {
            assert!(Origin::parse_any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_path_and_the_query_are_free() {
        let (origin, url) = Origin::of_url("https://api.twilio.com/2010/A.json?x=1").unwrap();
        assert_eq!(origin, Origin::parse("https://api.twilio.com").unwrap());
        assert_eq!(url.path(), "/2010/A.json");
    }

    #[test]
    fn a_message_shows_no_query_and_no_user() {
        let error = Origin::of_url("https://u:p@api.twilio.com/x?token=t").unwrap_err();
        assert!(!error.contains("u:p") && !error.contains("token"), "{error}");
    }
}
