//! Templates of signatures: texts with values of a request in them, described at `request-signature` in `wit/types.wit`.
//!
//! A template is read once, when it is granted. It is a function of the request, the time and a random number: a provider
//! cannot put a secret into it, because the host compares templates as it compares destinations.

use std::borrow::Cow;
use std::fmt::Write as _;

use ::http::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::host_headers::routes;

/// The longest template, in bytes.
const LONGEST: usize = 4096;

/// The most values in one template, and filters on one value.
const PARTS: usize = 64;
const FILTERS: usize = 8;

/// How many bytes all templates of one request may produce together: the host's own time, which no limit of the component counts. A
/// request's body has at most 4 MiB, and usually less than 4 KiB.
pub(super) const BUDGET: usize = 9 << 20;

/// A value that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Method,
    Host,
    Path,
    Query,
    QuerySorted,
    Target,
    Url,
    UrlWithQuery,
    Body,
    Header(String),
    UnixSeconds,
    UnixMilliseconds,
    Date,
    DateBasic,
    Time,
    TimeBasic,
    TimeHttp,
    Nonce,
    Signature,
    /// One of the provider's own values, by its place among them.
    Own(usize),
}

/// The values that both requests and reports have.
const COMMON: [(&str, Name); 3] = [("method", Name::Method), ("query", Name::Query), ("body", Name::Body)];

/// The values of requests.
const OF_REQUESTS: [(&str, Name); 12] = [
    ("host", Name::Host),
    ("path", Name::Path),
    ("query-sorted", Name::QuerySorted),
    ("target", Name::Target),
    ("unix-seconds", Name::UnixSeconds),
    ("unix-milliseconds", Name::UnixMilliseconds),
    ("date", Name::Date),
    ("date-basic", Name::DateBasic),
    ("time", Name::Time),
    ("time-basic", Name::TimeBasic),
    ("time-http", Name::TimeHttp),
    ("nonce", Name::Nonce),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Hex,
    Base64,
    Base64Url,
    Lower,
    Upper,
    Url,
}

const FILTER_NAMES: [(&str, Filter); 10] = [
    ("md5", Filter::Md5),
    ("sha1", Filter::Sha1),
    ("sha256", Filter::Sha256),
    ("sha512", Filter::Sha512),
    ("hex", Filter::Hex),
    ("base64", Filter::Base64),
    ("base64url", Filter::Base64Url),
    ("lower", Filter::Lower),
    ("upper", Filter::Upper),
    ("url", Filter::Url),
];

/// Which values a template may name.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Whether it is about requests; otherwise about reports.
    pub(super) requests: bool,
    /// The names of the provider's own values that were computed before.
    pub(super) own: &'a [String],
    /// Headers that are not set yet, and so would be empty.
    pub(super) later_headers: &'a [(String, String)],
    /// Whether the signature is known.
    pub(super) signature: bool,
}

/// A template that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Name, Vec<Filter>),
}

/// What the names in a template stand for.
pub(super) trait Values {
    /// The bytes of a value.
    fn value(&self, name: &Name) -> Cow<'_, [u8]>;
}

/// More bytes than templates of one request may produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

impl Template {
    /// Reads a template. The text of an error says what is wrong in it.
    pub(super) fn parse(text: &str, scope: Scope<'_>) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("has more than {LONGEST} bytes"));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let inside = if brace == "{" { after.split_once('}') } else { None };
            let (expression, after) =
                inside.ok_or("has a single brace: write `{{` or `}}` for a brace, and `{name}` for a value")?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(value(expression, scope)?);
            if parts.len() > PARTS {
                return Err(format!("has more than {PARTS} parts"));
            }
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// Whether what it gives is text wherever the values of the request are.
    pub(super) fn is_text(&self) -> bool {
        self.0.iter().all(|part| match part {
            Part::Text(_) => true,
            Part::Value(name, filters) => {
                let written =
                    |filter: &Filter| matches!(filter, Filter::Hex | Filter::Base64 | Filter::Base64Url | Filter::Url);
                let is_bytes = match filters.iter().rposition(|filter| filter.is_digest()) {
                    Some(last) => return filters[last..].iter().any(written),
                    None => matches!(name, Name::Signature | Name::Body),
                };
                !is_bytes || filters.iter().any(written)
            }
        })
    }

    /// Whether it repeats a part of the request as it is: a code or a secret there would be in another part too. A digest of one
    /// repeats nothing. `own` says the same of the provider's own values.
    pub(super) fn repeats(&self, own: &[bool]) -> bool {
        self.0.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Value(name, filters) => {
                let is_of_the_request = match name {
                    Name::Path | Name::Query | Name::QuerySorted | Name::Target | Name::Body | Name::Header(_) => true,
                    Name::Own(at) => own.get(*at).copied().unwrap_or(true),
                    _ => false,
                };
                is_of_the_request && !filters.iter().any(|filter| filter.is_digest())
            }
        })
    }

    /// Whether it may contain a digest of a part of the request, or the signature.
    pub(super) fn proves(&self) -> bool {
        self.0.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Value(Name::Own(_) | Name::Signature, _) => true,
            Part::Value(_, filters) => filters.iter().any(|filter| filter.is_digest()),
        })
    }

    /// Whether it names a value.
    pub(super) fn names(&self, sought: &Name) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value(name, _) if name == sought))
    }

    /// Returns what it gives, and takes its length off the budget.
    pub(super) fn evaluate(&self, values: &impl Values, budget: &mut usize) -> Result<Vec<u8>, TooLong> {
        let mut all = Vec::new();
        let mut charge = |bytes: usize| -> Result<(), TooLong> {
            *budget = budget.checked_sub(bytes).ok_or(TooLong)?;
            Ok(())
        };
        for part in &self.0 {
            match part {
                Part::Text(text) => {
                    charge(text.len())?;
                    all.extend_from_slice(text.as_bytes());
                }
                Part::Value(name, filters) => {
                    let mut value = values.value(name);
                    for filter in filters {
                        charge(value.len())?;
                        value = Cow::Owned(filter.apply(&value));
                    }
                    charge(value.len())?;
                    all.extend_from_slice(&value);
                }
            }
        }
        Ok(all)
    }
}

/// Reads what is between braces.
fn value(expression: &str, scope: Scope<'_>) -> Result<Part, String> {
    let mut words = expression.split('|');
    let name = name(words.next().unwrap_or_default(), scope)?;
    let filters: Vec<Filter> = words
        .map(|word| {
            let found = FILTER_NAMES.iter().find(|(known, _)| *known == word).map(|(_, filter)| *filter);
            found.ok_or_else(|| {
                let known: Vec<&str> = FILTER_NAMES.iter().map(|(known, _)| *known).collect();
                format!("has an unknown filter `{}`: there are {}", shown(word), known.join(", "))
            })
        })
        .collect::<Result<_, _>>()?;
    if filters.len() > FILTERS {
        return Err(format!("has more than {FILTERS} filters on one value"));
    }
    Ok(Part::Value(name, filters))
}

fn name(word: &str, scope: Scope<'_>) -> Result<Name, String> {
    let known = COMMON.iter().chain(if scope.requests { &OF_REQUESTS[..] } else { &[] });
    if let Some((_, name)) = known.into_iter().find(|(known, _)| *known == word) {
        return Ok(name.clone());
    }
    if let Some(header) = word.strip_prefix("header.") {
        return header_name(header, scope);
    }
    if let Some(at) = scope.own.iter().position(|own| own == word) {
        return Ok(Name::Own(at));
    }
    match word {
        "url" if !scope.requests => Ok(Name::Url),
        "url-with-query" if !scope.requests => Ok(Name::UrlWithQuery),
        "signature" if scope.signature => Ok(Name::Signature),
        "signature" => Err("uses `signature`, which is not known there yet".to_owned()),
        _ => Err(format!("has an unknown name `{}`", shown(word))),
    }
}

fn header_name(name: &str, scope: Scope<'_>) -> Result<Name, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let parsed = parsed.map_err(|_| format!("has a malformed name of a header in `header.{}`", shown(name)))?;
    if scope.requests && routes(&parsed) {
        return Err(format!(
            "uses the header `{parsed}`, which exists only when the request is sent: `host` is the origin's host"
        ));
    }
    if scope.later_headers.iter().any(|(later, _)| later.eq_ignore_ascii_case(parsed.as_str())) {
        return Err(format!("uses the header `{parsed}`, which is set later: use the value that it is set to"));
    }
    Ok(Name::Header(parsed.as_str().to_owned()))
}

/// Returns a provider's word, in characters that an error may contain.
fn shown(word: &str) -> String {
    word.chars().take(40).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Whether a provider may give a value of its own this name.
pub(super) fn is_free(name: &str) -> bool {
    let well_formed = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let taken = COMMON.iter().chain(&OF_REQUESTS).any(|(known, _)| *known == name);
    well_formed && !taken && !matches!(name, "signature" | "url" | "url-with-query")
}

impl Filter {
    fn is_digest(self) -> bool {
        matches!(self, Self::Md5 | Self::Sha1 | Self::Sha256 | Self::Sha512)
    }

    fn apply(self, value: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(value).to_vec(),
            Self::Sha1 => Sha1::digest(value).to_vec(),
            Self::Sha256 => Sha256::digest(value).to_vec(),
            Self::Sha512 => Sha512::digest(value).to_vec(),
            Self::Hex => hex::encode(value).into_bytes(),
            Self::Base64 => STANDARD.encode(value).into_bytes(),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(value).into_bytes(),
            Self::Lower => value.to_ascii_lowercase(),
            Self::Upper => value.to_ascii_uppercase(),
            Self::Url => percent_encoded(value).into_bytes(),
        }
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
fn percent_encoded(value: &[u8]) -> String {
    let mut all = String::with_capacity(value.len());
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => all.push(char::from(*byte)),
            _ => {
                let _ = write!(all, "%{byte:02X}");
            }
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    struct Words;

    impl Values for Words {
        fn value(&self, name: &Name) -> Cow<'_, [u8]> {
            match name {
                Name::Method => Cow::Borrowed(b"Post"),
                Name::Body => Cow::Borrowed(b"a b/\xc3\xa9~"),
                Name::Own(n) => Cow::Owned(format!("own {n}").into_bytes()),
                Name::Header(name) => Cow::Owned(name.clone().into_bytes()),
                _ => Cow::Borrowed(b""),
            }
        }
    }

    const SCOPE: Scope<'static> = Scope { requests: true, own: &[], later_headers: &[], signature: false };

    fn evaluated(text: &str) -> Result<String, String> {
        let own = ["first".to_owned(), "second".to_owned()];
        let later_headers = [("X-Later".to_owned(), String::new())];
        let scope = Scope { own: &own, later_headers: &later_headers, ..SCOPE };
        let template = Template::parse(text, scope)?;
        let mut budget = BUDGET;
        let bytes = template.evaluate(&Words, &mut budget).map_err(|_| "too long".to_owned())?;
        String::from_utf8(bytes).map_err(|_| "bytes".to_owned())
    }

    #[test]
    fn a_template_inserts_values_and_transforms_them() {
        for (text, gives) in [
            ("", ""),
            ("plain\n", "plain\n"),
            ("{method}:{second}", "Post:own 1"),
            ("{{{method|upper}}}", "{POST}"),
            ("{method|lower|hex}", "706f7374"),
            ("{body|url}", "a%20b%2F%C3%A9~"),
            ("{header.X-Request-Id}", "x-request-id"),
            ("{query|md5|hex}", "d41d8cd98f00b204e9800998ecf8427e"),
            ("{method|sha1|hex}", "7858ac3ff63354f37161bd349efe11edd13b89cb"),
            ("{query|sha256|hex}", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("{query|sha256|base64}", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            ("{query|sha256|base64url}", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
        ] {
            assert_eq!(evaluated(text).as_deref(), Ok(gives), "{text}");
        }
        assert_eq!(evaluated("{query|sha256}"), Err("bytes".to_owned()));
    }

    #[test]
    fn what_is_wrong_in_a_template_is_named() {
        for (text, why) in [
            ("{metod}", "unknown name `metod`"),
            ("{secret}", "unknown name `secret`"),
            ("{url}", "unknown name `url`"),
            ("{url-with-query}", "unknown name `url-with-query`"),
            ("{method|crc32}", "unknown filter `crc32`"),
            ("{method|}", "unknown filter ``"),
            ("{signature|hex}", "not known there yet"),
            ("{header.a b}", "malformed name of a header"),
            ("{header.host}", "`host` is the origin's host"),
            ("{header.x-later}", "set later"),
            ("{method", "single brace"),
            ("a}b", "single brace"),
            ("{{a}", "single brace"),
            ("{method}".repeat(65).as_str(), "more than 64 parts"),
            (format!("{{method{}}}", "|hex".repeat(9)).as_str(), "more than 8 filters"),
            ("a".repeat(4097).as_str(), "more than 4096 bytes"),
        ] {
            let error = evaluated(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn bytes_are_told_from_text() {
        let scope = Scope { signature: true, ..SCOPE };
        for (text, is_text) in [
            ("{signature}", false),
            ("{signature|base64}", true),
            ("{body|sha256}", false),
            ("{body|sha256|hex|sha1}", false),
            ("{body|sha256|hex|upper}", true),
            ("{body}", false),
            ("{method} {path}", true),
        ] {
            assert_eq!(Template::parse(text, scope).unwrap().is_text(), is_text, "{text}");
        }
    }

    #[test]
    fn a_part_of_the_request_is_told_from_its_digest() {
        let own = ["raw".to_owned(), "digest".to_owned()];
        let scope = Scope { own: &own, signature: true, ..SCOPE };
        for (text, repeats, proves) in [
            ("{body|url}", true, false),
            ("{header.x-key}", true, false),
            ("{target} {time}", true, false),
            ("{query-sorted|hex|base64|hex}", true, false),
            ("{raw}", true, true),
            ("{raw|sha256|hex}", false, true),
            ("{digest}", false, true),
            ("{body|sha256|hex}", false, true),
            ("{signature|hex}", false, true),
            ("{method} {host} {time} {nonce} x", false, false),
        ] {
            let template = Template::parse(text, scope).unwrap();
            assert_eq!((template.repeats(&[true, false]), template.proves()), (repeats, proves), "{text}");
        }
    }

    #[test]
    fn a_template_cannot_grow_without_bounds() {
        let template = Template::parse(&"{body|hex|hex|hex}".repeat(4), SCOPE).unwrap();
        assert_eq!(template.evaluate(&Words, &mut 100), Err(TooLong));
        let mut budget = 1000;
        template.evaluate(&Words, &mut budget).unwrap();
        assert!(budget < 1000);
    }

    #[test]
    fn a_long_body_is_hashed_twice_and_not_many_times() {
        struct Long(Vec<u8>);
        impl Values for Long {
            fn value(&self, _: &Name) -> Cow<'_, [u8]> {
                Cow::Borrowed(&self.0)
            }
        }
        let long = Long(vec![b'a'; 4 << 20]);
        for (times, fits) in [(2, true), (3, false)] {
            let template = Template::parse(&"{body|sha256|hex}".repeat(times), SCOPE).unwrap();
            let mut budget = BUDGET;
            assert_eq!(template.evaluate(&long, &mut budget).is_ok(), fits, "{times}");
        }
    }

    #[test]
    fn a_provider_s_own_values_have_names_of_their_own() {
        assert!(is_free("canonical-request") && is_free("a1"));
        for name in ["", "body", "nonce", "signature", "url", "A", "a.b", "a b", &"a".repeat(33)] {
            assert!(!is_free(name), "{name}");
        }
    }
}
