//! Secrets that the host puts into requests. The component gets letters in their place; these become the secret as a request
//! leaves, only at an origin and in a part that the connection was granted for it, and once in a request: a component that sends
//! a secret as the text of a message cannot authenticate with it in the same request.

use memchr::memmem;
use url::{Position, Url};

use super::placeholder::NoPlaceholder;
use super::{escape, open_escape};
use crate::egress::{Grants, HttpError, HttpRequest, Origin, Secret};
use crate::schema::Part;

/// The letters of placeholders. None of them is one of the code's placeholder.
const LETTERS: &[u8; 16] = b"bcdfghjklmnpqrst";

/// The length of a placeholder: with 96 bits of chance it is in no text but where it was put.
const LENGTH: usize = 24;

/// The secrets of one call that have placeholders.
pub(crate) struct PlacedSecrets(Vec<Placed>);

struct Placed {
    /// The option's JSON Pointer.
    option: String,
    letters: String,
    secret: Secret,
}

impl PlacedSecrets {
    /// Draws placeholders for secrets, which are given by their JSON Pointers.
    ///
    /// # Errors
    /// If there are no random numbers.
    pub(super) fn new(secrets: &[(String, Secret)]) -> Result<Self, NoPlaceholder> {
        let placed = secrets.iter().map(|(option, secret)| {
            let mut bytes = [0; LENGTH];
            getrandom::fill(&mut bytes).map_err(|_| NoPlaceholder::Randomness)?;
            let letters = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 16)])).collect();
            Ok(Placed { option: option.clone(), letters, secret: secret.clone() })
        });
        Ok(Self(placed.collect::<Result<_, _>>()?))
    }

    /// Returns the pointers of the options and their placeholders.
    pub(super) fn letters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|placed| (&*placed.option, &*placed.letters))
    }

    /// Puts the secrets into a request that contains their placeholders.
    ///
    /// # Errors
    /// If a placeholder is where its secret does not go: why the request does not leave.
    pub(crate) fn fill(&self, request: &mut HttpRequest, grants: &Grants) -> Result<(), HttpError> {
        let found: Vec<&Placed> = self.0.iter().filter(|placed| placed.is_in(request)).collect();
        if found.is_empty() {
            return Ok(());
        }
        // Before a secret is in it: the error shows the URL.
        let (origin, mut url) = Origin::of_any_url(&request.url).map_err(HttpError::Denied)?;
        let grant = grants.http_at(&origin);
        for placed in found {
            let option = &placed.option;
            let parts = grant.and_then(|grant| grant.parts_of(option)).ok_or_else(|| {
                HttpError::Denied(format!(
                    "the placeholder of the secret `{option}` is in a request to {origin}, whose connection does not place it"
                ))
            })?;
            let part = placed.part(request, &url)?;
            if !parts.contains(part) {
                return Err(HttpError::Denied(format!(
                    "the placeholder of the secret `{option}` is in the {part} of a request, and its \
                     `x-twofactor-placement` has only {parts}"
                )));
            }
            placed.refuse_in_escape(part, request, &url)?;
            match part {
                Part::Body => placed.fill_body(request)?,
                Part::Header => placed.fill_header(request)?,
                Part::Path | Part::Query => {
                    url = placed.fill_url(&url)?;
                    request.url = url.to_string();
                }
            }
        }
        Ok(())
    }
}

impl Placed {
    /// Returns how often the placeholder is in a text.
    fn count(&self, text: &[u8]) -> usize {
        memmem::find_iter(text, self.letters.as_bytes()).count()
    }

    /// Returns how often the placeholder is in the method and the names of headers, whose case is no difference.
    fn count_in_names(&self, request: &HttpRequest) -> usize {
        let names = request.headers.iter().map(|(name, _)| name).chain([&request.method]);
        names.map(|name| self.count(name.to_ascii_lowercase().as_bytes())).sum()
    }

    fn is_in(&self, request: &HttpRequest) -> bool {
        let values = request.headers.iter().map(|(_, value)| value.as_bytes());
        let mut texts = values.chain([request.url.as_bytes(), &request.body]);
        self.count_in_names(request) > 0 || texts.any(|text| self.count(text) > 0)
    }

    /// Returns the one part of a request that has the placeholder.
    fn part(&self, request: &HttpRequest, url: &Url) -> Result<Part, HttpError> {
        let denied =
            |what: &str| Err(HttpError::Denied(format!("the placeholder of the secret `{}` {what}", self.option)));
        let count = |text: &str| self.count(text.as_bytes());
        if self.count_in_names(request) + count(&url[..Position::BeforePath]) > 0 {
            return denied("is in the method, the host or the name of a header of a request, where no secret goes");
        }
        let values = request.headers.iter().map(|(_, value)| count(value)).sum();
        let found = [
            (Part::Body, self.count(&request.body)),
            (Part::Query, count(url.query().unwrap_or_default())),
            (Part::Path, count(url.path())),
            (Part::Header, values),
        ];
        match found.iter().map(|(_, times)| times).sum() {
            1_usize => {}
            _ => return denied("is more than once in a request: the host puts a secret into a request once"),
        }
        let part = found.iter().find(|(_, times)| *times == 1).map(|(part, _)| *part);
        part.map_or_else(|| denied("is in no part of a request that a secret goes into"), Ok)
    }

    /// Refuses a placeholder behind the beginning of an escape, in which the secret would be read as something else.
    fn refuse_in_escape(&self, part: Part, request: &HttpRequest, url: &Url) -> Result<(), HttpError> {
        let is_in =
            |text: &[u8]| open_escape::is_before(&self.letters, text, || open_escape::is_quoted_printable(request));
        let is_in_escape = match part {
            Part::Body => is_in(&request.body),
            Part::Header => request.headers.iter().any(|(_, value)| is_in(value.as_bytes())),
            Part::Path | Part::Query => is_in(url.as_str().as_bytes()),
        };
        if !is_in_escape {
            return Ok(());
        }
        Err(HttpError::Denied(format!(
            "the placeholder of the secret `{}` stands behind the beginning of an escape in the {part} of a request, such as `%` or `\\`",
            self.option
        )))
    }

    fn fill_body(&self, request: &mut HttpRequest) -> Result<(), HttpError> {
        let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
        let mut types = request.headers.iter().filter(|(name, _)| is_type(name)).map(|(_, value)| &**value);
        let media_type = types.next().unwrap_or_default();
        if types.next().is_some() {
            return Err(HttpError::Denied("the request has two headers `content-type`".to_owned()));
        }
        let escaped = escape::for_body(self.secret.expose(), media_type).ok_or_else(|| self.unsuitable("the body"))?;
        let at = memmem::find(&request.body, self.letters.as_bytes()).unwrap_or_default();
        request.body.splice(at..at + self.letters.len(), escaped.bytes());
        Ok(())
    }

    fn fill_header(&self, request: &mut HttpRequest) -> Result<(), HttpError> {
        let secret = self.secret.expose();
        // A line break would begin another header.
        if ::http::HeaderValue::from_str(secret).is_err() {
            return Err(self.unsuitable("a header"));
        }
        for (_, value) in &mut request.headers {
            *value = value.replace(&self.letters, secret);
        }
        Ok(())
    }

    fn fill_url(&self, url: &Url) -> Result<Url, HttpError> {
        let filled = url.as_str().replace(&self.letters, &escape::percent(self.secret.expose()));
        // A parser takes segments of dots for steps: the URL must be the one that was meant.
        let parsed = Origin::of_any_url(&filled).ok().filter(|(_, parsed)| parsed.as_str() == filled);
        parsed.map(|(_, parsed)| parsed).ok_or_else(|| self.unsuitable("the URL"))
    }

    fn unsuitable(&self, part: &str) -> HttpError {
        HttpError::Unauthenticated(format!(
            "the value of the secret `{}` cannot be put into {part} of a request",
            self.option
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::egress::authentication::HttpAuthentication;
    use crate::egress::{Connection, HttpSetting, Network, Placeable};
    use crate::schema::Placement;

    const ORIGIN: &str = "https://sms.example.com";

    /// Placeholders for `/Key` and `/Token`, and grants that put them into these parts at one origin.
    fn placed(key: &str, token: &str, parts: &str) -> (PlacedSecrets, Grants) {
        let secrets = [("/Key", key), ("/Token", token)].map(|(option, text)| (option.to_owned(), Secret::new(text)));
        let placement = |option: &str| Placement { option: option.to_owned(), parts: parts.parse().unwrap() };
        let placements = ["/Key", "/Token"].map(placement);
        let connection = |origin: &str, settings| {
            let authentication = HttpAuthentication::None;
            Connection::Http { origin: origin.to_owned(), authentication, settings }
        };
        let place = ["/Key", "/Token"].map(|option| HttpSetting::PlaceSecret(option.to_owned())).to_vec();
        let connections = vec![connection(ORIGIN, place), connection("https://other.example.com", Vec::new())];
        let placeable = Placeable { placements: &placements, secrets: &secrets };
        let network = Network::builder().build().unwrap();
        (PlacedSecrets::new(&secrets).unwrap(), Grants::new(connections, placeable, network.rules()).unwrap())
    }

    fn letters(secrets: &PlacedSecrets) -> String {
        secrets.0[0].letters.clone()
    }

    fn request(url: &str, header: (&str, &str), body: &str) -> HttpRequest {
        let headers = vec![(header.0.to_owned(), header.1.to_owned())];
        HttpRequest { method: "POST".to_owned(), url: url.to_owned(), headers, body: body.as_bytes().to_vec() }
    }

    fn is_denied(result: Result<(), HttpError>, word: &str) -> bool {
        matches!(result, Err(HttpError::Denied(why)) if why.contains(word))
    }

    #[test]
    fn each_part_gets_the_secret_in_its_own_spelling() {
        let secret = "a b&\"<é/?";
        let (secrets, grants) = placed(secret, "t", "body,query,path");
        let l = letters(&secrets);
        let json = ("content-type", "application/json");
        let mut sent = request("https://sms.example.com/x", json, &format!("{{\"k\":\"{l}\"}}"));
        secrets.fill(&mut sent, &grants).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&sent.body).unwrap(), serde_json::json!({"k": secret}));
        let mut sent = request(&format!("https://sms.example.com/x?k={l}&b=c"), json, "{}");
        secrets.fill(&mut sent, &grants).unwrap();
        assert_eq!(sent.url, "https://sms.example.com/x?k=a%20b%26%22%3C%C3%A9%2F%3F&b=c");
        let mut sent = request(&format!("https://sms.example.com/bot{l}/send?b=c"), json, "{}");
        secrets.fill(&mut sent, &grants).unwrap();
        assert_eq!(sent.url, "https://sms.example.com/bota%20b%26%22%3C%C3%A9%2F%3F/send?b=c");

        let (secrets, grants) = placed("k3y", "t0ken", "header,body");
        let (l, token) = (letters(&secrets), secrets.0[1].letters.clone());
        let mut sent = request("https://sms.example.com/x", ("x-auth", &format!("App {l}")), &format!("t={token}"));
        secrets.fill(&mut sent, &grants).unwrap();
        assert_eq!((&*sent.headers[0].1, &*sent.body), ("App k3y", &b"t=t0ken"[..]));
    }

    #[test]
    fn a_placeholder_where_its_secret_does_not_go_is_refused() {
        let (secrets, grants) = placed("k3y-of-ours", "t", "body");
        let l = letters(&secrets);
        let plain = "https://sms.example.com/x";
        for (mut sent, word) in [
            (request(&format!("{plain}?k={l}"), ("a", "b"), ""), "in the query"),
            (request(&format!("{plain}/{l}"), ("a", "b"), ""), "in the path"),
            (request(plain, ("a", &l), ""), "in the header"),
            (request(plain, (&l, "b"), ""), "where no secret goes"),
            (request(plain, (&l.to_uppercase(), "b"), ""), "where no secret goes"),
            (request(&format!("https://{l}.example.com/"), ("a", "b"), ""), "does not place it"),
            (request("https://other.example.com/", ("a", "b"), &l), "does not place it"),
            (request("https://third.example.com/", ("a", "b"), &l), "does not place it"),
            (request(plain, ("a", "b"), &format!("{l}&to={l}")), "more than once"),
            (request(plain, ("a", &l), &l), "more than once"),
            (request(&format!("{plain}#{l}"), ("a", "b"), ""), "fragment"),
        ] {
            let result = secrets.fill(&mut sent, &grants);
            assert!(is_denied(result, word), "{word}: {}", sent.url);
            let all = format!("{} {:?} {}", sent.url, sent.headers, String::from_utf8_lossy(&sent.body));
            assert!(!all.contains("k3y-of-ours"), "{word}");
        }
        let mut method = request(plain, ("a", "b"), "");
        method.method.clone_from(&l);
        assert!(is_denied(secrets.fill(&mut method, &grants), "where no secret goes"));
    }

    /// Otherwise an upstream reads a part of the secret as another character, and what it repeats is not found.
    #[test]
    fn a_placeholder_behind_the_beginning_of_an_escape_is_refused() {
        let (secrets, grants) = placed("41k3y-of-ours", "t", "body,query,path,header");
        let l = letters(&secrets);
        let plain = "https://sms.example.com/x";
        let json = ("content-type", "application/json");
        for mut sent in [
            request(&format!("{plain}?k=%{l}"), ("a", "b"), ""),
            request(&format!("{plain}?k=%4{l}"), ("a", "b"), ""),
            request(&format!("{plain}/%{l}"), ("a", "b"), ""),
            request(plain, ("a", &format!("%{l}")), ""),
            request(plain, json, &format!("{{\"k\":\"\\u00{l}\"}}")),
            request(plain, ("content-type", "application/x-www-form-urlencoded"), &format!("k=%{l}")),
        ] {
            assert!(is_denied(secrets.fill(&mut sent, &grants), "an escape"), "{}", sent.url);
            let all = format!("{} {:?} {}", sent.url, sent.headers, String::from_utf8_lossy(&sent.body));
            assert!(!all.contains("of-ours"), "{all}");
        }
        for mut sent in [
            request(&format!("{plain}?k=%20{l}"), ("a", "b"), ""),
            request(plain, json, &format!("{{\"k\":\"\\n{l}\"}}")),
            request(plain, ("content-type", "application/x-www-form-urlencoded"), &format!("k={l}")),
        ] {
            secrets.fill(&mut sent, &grants).unwrap();
        }
    }

    /// Otherwise a component chooses how the secret is escaped, and the server how it reads it.
    #[test]
    fn a_body_of_two_media_types_gets_no_secret() {
        let (secrets, grants) = placed("k3y\"", "t", "body");
        let l = letters(&secrets);
        let mut sent = request("https://sms.example.com/x", ("content-type", "text/plain"), &l);
        sent.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        assert!(is_denied(secrets.fill(&mut sent, &grants), "two headers"));
        assert_eq!(sent.body, l.as_bytes());
    }

    #[test]
    fn a_value_that_would_change_the_request_is_refused_and_not_shown() {
        for (secret, url, header, body) in [
            ("..", "https://sms.example.com/a/LETTERS/b", "b", ""),
            (".", "https://sms.example.com/LETTERS", "b", ""),
            ("", "https://sms.example.com/.LETTERS./b", "b", ""),
            ("a\r\nx-own: b", "https://sms.example.com/", "LETTERS", ""),
            ("a\0", "https://sms.example.com/", "LETTERS", ""),
            ("a\u{1}control", "https://sms.example.com/", "b", "<a>LETTERS</a>"),
        ] {
            let (secrets, grants) = placed(secret, "t", "body,path,header");
            let fill = |text: &str| text.replace("LETTERS", &letters(&secrets));
            let mut sent = request(&fill(url), ("a", &fill(header)), &fill(body));
            sent.headers.push(("content-type".to_owned(), "text/xml".to_owned()));
            let error = secrets.fill(&mut sent, &grants).unwrap_err();
            let HttpError::Unauthenticated(why) = error else { panic!("{secret:?}: {error:?}") };
            assert!(why.contains("`/Key`") && (secret.len() < 3 || !why.contains(secret)), "{why}");
        }
        let long = "k".repeat(4096);
        let (secrets, grants) = placed(&long, "t", "query");
        let mut sent = request(&format!("https://sms.example.com/?{}", letters(&secrets)), ("a", "b"), "");
        assert!(
            matches!(secrets.fill(&mut sent, &grants), Err(HttpError::Unauthenticated(why)) if !why.contains("kkk"))
        );
    }

    #[test]
    fn placeholders_are_new_in_each_call_and_share_no_letter_with_the_codes() {
        let secrets = [("/Key".to_owned(), Secret::new("k"))];
        let (one, other) = (PlacedSecrets::new(&secrets).unwrap(), PlacedSecrets::new(&secrets).unwrap());
        assert_ne!(letters(&one), letters(&other));
        assert!(letters(&one).len() == LENGTH && letters(&one).chars().all(|c| c.is_ascii_lowercase()));
    }

    proptest! {
        /// What a server reads of the path and the query is the secret, whatever stands beside it.
        #[test]
        fn any_secret_arrives_in_the_url_or_is_refused(secret in any::<String>(), near in "[a-z.]{0,2}") {
            let (secrets, grants) = placed(&secret, "t", "query,path");
            let l = letters(&secrets);
            let mut sent = request(&format!("https://sms.example.com/a/{near}{l}/c?d={near}{l}").replacen(&l, "x", 1), ("a", "b"), "");
            secrets.fill(&mut sent, &grants).unwrap();
            let url = Url::parse(&sent.url).unwrap();
            let read: Vec<_> = url.query_pairs().into_owned().collect();
            prop_assert_eq!(read, [("d".to_owned(), format!("{near}{secret}"))]);
            let mut sent = request(&format!("https://sms.example.com/a/{near}{l}/c?d=e"), ("a", "b"), "");
            if secrets.fill(&mut sent, &grants).is_ok() {
                let url = Url::parse(&sent.url).unwrap();
                let segments: Vec<_> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 3);
                // Without a `+`, forms decode as paths do.
                let read = url::form_urlencoded::parse(segments[1].as_bytes()).next().map(|(name, _)| name.into_owned());
                prop_assert_eq!(read.unwrap_or_default(), format!("{near}{secret}"));
                prop_assert_eq!((segments[0], segments[2]), ("a", "c"));
            } else {
                let is_dots = near.chars().chain(secret.chars()).all(|c| c == '.');
                prop_assert!(is_dots || secret.len() > 1000);
            }
        }
    }
}
