//! Substitutes for secrets, which `configure` receives in their place, so that nothing but a
//! credential depends on a secret.
//!
//! A component is called at least twice: with the secrets that its instance sets itself, and with
//! substitutes for all. The results must be the same, apart from credentials, and people approve the
//! result for the substitutes. For a secret that is inherited from the base service settings the
//! component receives a substitute only; the host then puts the secret into the credentials.

use std::cmp::Reverse;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::egress::{Connection, Secret};
use crate::schema::OptionsSchema;

/// A kind of substitute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The value in the schema's `examples`; otherwise a generated text.
    First,
    /// Another text of the same format.
    Second,
    /// The example itself, for a provider that accepts no other text of its format.
    Example,
    /// A text in the format of the secret: the same length and kinds of characters, with a prefix
    /// that the schema publishes.
    Shape,
}

/// A secret among options.
struct Hidden {
    pointer: String,
    value: Value,
    /// The value in the schema's own examples.
    example: Option<Value>,
    inherited: bool,
}

/// The secrets of options, with their substitutes.
pub(crate) struct Substitutes<'a> {
    schema: OptionsSchema<'a>,
    options: &'a Value,
    hidden: Vec<Hidden>,
    /// The schema as text: what it contains is public.
    published: String,
}

impl<'a> Substitutes<'a> {
    /// Finds the secrets. `is_inherited` tells for an option's name whether the instance inherits it.
    pub(crate) fn new(schema: &'a Value, options: &'a Value, is_inherited: impl Fn(&str) -> bool) -> Self {
        let mut hidden = Vec::new();
        let reader = OptionsSchema::new(schema);
        reader.with_secrets_as(options, &mut |pointer, value| {
            let mut examples = schema["examples"].as_array().into_iter().flatten();
            let example = examples.find_map(|example| example.pointer(pointer)).cloned();
            // The first step of a JSON Pointer (RFC 6901 section 4).
            let name = pointer.split('/').nth(1).unwrap_or_default().replace("~1", "/").replace("~0", "~");
            let inherited = is_inherited(&name);
            hidden.push(Hidden { pointer: pointer.to_owned(), value: value.clone(), example, inherited });
            value
        });
        let published = if hidden.is_empty() { String::new() } else { schema.to_string() };
        Self { schema: reader, options, hidden, published }
    }

    /// Returns whether there is no secret.
    pub(crate) fn are_none(&self) -> bool {
        self.hidden.is_empty()
    }

    /// Returns whether a secret is inherited.
    pub(crate) fn has_inherited(&self) -> bool {
        self.hidden.iter().any(|hidden| hidden.inherited)
    }

    /// Returns whether a secret is the instance's own.
    pub(crate) fn has_own(&self) -> bool {
        self.hidden.iter().any(|hidden| !hidden.inherited)
    }

    /// Returns the pointers of the own secrets.
    pub(crate) fn own_pointers(&self) -> Vec<&str> {
        self.hidden.iter().filter(|hidden| !hidden.inherited).map(|hidden| &*hidden.pointer).collect()
    }

    /// Returns whether an inherited secret is at a pointer.
    pub(crate) fn is_inherited(&self, pointer: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden.inherited && hidden.pointer == pointer)
    }

    /// Returns the options with substitutes for the inherited secrets.
    pub(crate) fn for_inherited(&self, kind: Kind) -> Value {
        self.with(|hidden| hidden.seen(kind, &self.published))
    }

    /// Returns the options with substitutes for all secrets.
    pub(crate) fn for_all(&self, kind: Kind) -> Value {
        self.with(|hidden| hidden.substitute(kind, &self.published))
    }

    fn with(&self, instead: impl Fn(&Hidden) -> Value) -> Value {
        self.schema.with_secrets_as(self.options, &mut |pointer, value| {
            self.hidden.iter().find(|hidden| hidden.pointer == pointer).map_or(value, &instead)
        })
    }

    /// Returns a credential that contains substitutes of inherited secrets, with the secrets in their
    /// place. `None` if it would be too long.
    pub(crate) fn revealed(&self, credential: &Secret, kind: Kind) -> Option<Secret> {
        self.replaced(credential, kind, |hidden, _| if hidden.inherited { texts(&hidden.value) } else { Vec::new() })
    }

    /// Returns the same with a number in place of each substitute: how a credential is made of the
    /// secrets. `None` if it would be too long.
    pub(crate) fn recipe(&self, credential: &Secret, kind: Kind) -> Option<Secret> {
        self.replaced(credential, kind, |hidden, n| {
            if hidden.inherited { vec![format!("\u{0}{n}\u{0}"); MOST_TEXTS] } else { Vec::new() }
        })
    }

    /// Returns a credential that was made of the substitutes for all secrets, as a component makes it of [`Self::for_inherited`] with
    /// [`Kind::First`] if it uses secrets only whole and unchanged. `None` if it would be too long.
    pub(crate) fn as_seen(&self, credential: &Secret, kind: Kind) -> Option<Secret> {
        self.replaced(credential, kind, |hidden, _| texts(&hidden.seen(Kind::First, &self.published)))
    }

    /// Returns a credential with other texts in place of the substitutes in it. A secret without such texts keeps its substitute. What
    /// takes the place of a substitute is not searched: it may happen to contain another one.
    fn replaced(&self, credential: &Secret, kind: Kind, by: impl Fn(&Hidden, usize) -> Vec<String>) -> Option<Secret> {
        let mut rest = credential.expose();
        if rest.len() > MAX_CREDENTIAL {
            return None;
        }
        let hidden = self.hidden.iter().enumerate();
        let pairs = hidden.flat_map(|(n, hidden)| {
            texts(&hidden.substitute(kind, &self.published)).into_iter().zip(by(hidden, n)).collect::<Vec<_>>()
        });
        let mut pairs: Vec<(String, String)> =
            pairs.filter(|(shown, _)| !shown.is_empty() && rest.contains(shown.as_str())).collect();
        // One may be the beginning of another.
        pairs.sort_by_key(|(shown, _)| Reverse(shown.len()));
        let mut text = Zeroizing::new(String::new());
        while let Some(first) = rest.chars().next() {
            let found = pairs.iter().find(|(shown, _)| rest.starts_with(shown.as_str()));
            let length = found.map_or(first.len_utf8(), |(shown, _)| shown.len());
            let (replaced, left) = rest.split_at(length);
            text.push_str(found.map_or(replaced, |(_, by)| by.as_str()));
            // A component may repeat a substitute, which a short example makes easy, and a secret may be long.
            if text.len() > MAX_CREDENTIAL {
                return None;
            }
            rest = left;
        }
        Some(Secret::new(text.as_str()))
    }
}

/// The maximum length of a credential, in bytes. A private RSA key of 8,192 bits has 6.5 KiB as PEM.
pub(crate) const MAX_CREDENTIAL: usize = 16 << 10;

/// The number of texts in one secret that are replaced.
const MOST_TEXTS: usize = 64;

/// Returns the texts of a value that may become part of a credential.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(texts).take(MOST_TEXTS).collect(),
        Value::Object(members) => members.values().flat_map(texts).take(MOST_TEXTS).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

impl Hidden {
    /// Returns what a component sees while its instance's own secrets are shown.
    fn seen(&self, kind: Kind, published: &str) -> Value {
        if self.inherited { self.substitute(kind, published) } else { self.value.clone() }
    }

    fn substitute(&self, kind: Kind, published: &str) -> Value {
        match (kind, &self.example) {
            (Kind::Shape, _) if !self.inherited => {
                leaves(&self.value, &self.pointer, &|text, seed| shaped(text, seed, published))
            }
            (Kind::Second, Some(example)) => {
                leaves(example, &self.pointer, &|text, seed| shaped(text, seed, published))
            }
            (_, Some(example)) => example.clone(),
            (Kind::Second, None) => leaves(&self.value, &self.pointer, &|_, seed| ours(seed, "second")),
            (_, None) => leaves(&self.value, &self.pointer, &|_, seed| ours(seed, "first")),
        }
    }
}

/// Returns a value with other texts and numbers.
fn leaves(value: &Value, seed: &str, text: &impl Fn(&str, &str) -> String) -> Value {
    let at = |name: &str| format!("{seed}/{name}");
    match value {
        Value::String(old) => Value::String(text(old, seed)),
        Value::Number(_) => {
            let digits =
                text("0000000", seed).bytes().fold(0_u32, |number, byte| (number * 31 + u32::from(byte)) % 899_999);
            Value::from(100_000 + digits)
        }
        Value::Bool(_) | Value::Null => Value::Bool(false),
        Value::Array(items) => {
            Value::Array(items.iter().enumerate().map(|(n, item)| leaves(item, &at(&n.to_string()), text)).collect())
        }
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, item)| (name.clone(), leaves(item, &at(name), text))).collect::<Map<_, _>>(),
        ),
    }
}

/// Returns a text of our own: 32 hexadecimal digits, like most tokens.
fn ours(seed: &str, which: &str) -> String {
    hex::encode(&Sha256::digest(format!("{which} substitute for {seed}"))[..16])
}

/// The maximum length of a public prefix of a secret, such as `whsec_`.
const MARK: usize = 12;

/// Returns a text of the same length and kinds of characters as another. It keeps the prefix of the
/// other if that ends with a punctuation character and is published.
fn shaped(text: &str, seed: &str, published: &str) -> String {
    let mark = text.char_indices().take(MARK).filter(|(_, c)| "_-.:".contains(*c)).map(|(at, _)| at + 1).last();
    let mark = mark.filter(|mark| published.contains(&text[..*mark])).unwrap_or(0);
    let is_hexadecimal = text[mark..].chars().all(|c| c.is_ascii_hexdigit() || !c.is_ascii_alphanumeric());
    let chance = Sha256::digest(format!("shape of {seed}"));
    let changed = text[mark..].chars().enumerate().map(|(n, c)| {
        // The last letter of base64 has bits that must be zero; these have.
        let letters = match c {
            'a'..='z' if is_hexadecimal => "acef",
            'A'..='Z' if is_hexadecimal => "ACEF",
            'a'..='z' => "gwgw",
            'A'..='Z' => "AQAQ",
            '0'..='9' => "0484",
            // Punctuation belongs to the format; the letters of another script are the secret.
            _ if !c.is_ascii() => return 'é',
            _ => return c,
        };
        char::from(letters.as_bytes()[usize::from(chance[n % chance.len()] >> 3) % 4])
    });
    text[..mark].chars().chain(changed).collect()
}

/// Returns what differs between two results, apart from credentials.
pub(crate) fn difference(one: &[Connection], other: &[Connection]) -> Option<&'static str> {
    if one.len() != other.len() {
        return Some("the number of connections");
    }
    one.iter().zip(other).find_map(|(one, other)| one.difference(other))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "examples": [{"Signing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}], "properties": {
            "Url": {"type": "string"},
            "Token": {"type": "string", "writeOnly": true, "description": "it begins with xoxb-"},
            "Signing": {"type": "string", "writeOnly": true},
            "Pin": {"type": "integer", "writeOnly": true}
        }})
    }

    #[test]
    fn no_substitute_contains_anything_of_a_secret_but_the_last_has_its_format() {
        let (schema, options) =
            (schema(), json!({"Url": "u", "Token": "xoxb-S3cret/Value+9", "Signing": "whsec_x", "Pin": 4711}));
        let substitutes = Substitutes::new(&schema, &options, |_| false);
        let other = json!({"Url": "u", "Token": "another", "Signing": "y", "Pin": 1});
        let others = Substitutes::new(&schema, &other, |_| false);
        for kind in [Kind::First, Kind::Second, Kind::Example] {
            let shown = substitutes.for_all(kind);
            assert_eq!(shown, others.for_all(kind), "{kind:?}");
            assert_eq!(shown["Url"], "u");
        }
        let shown = substitutes.for_all(Kind::Shape);
        let token = shown["Token"].as_str().unwrap();
        assert!(
            token.starts_with("xoxb-") && token.len() == 19 && token.contains('/') && token.contains('+'),
            "{token}"
        );
        assert!(!token.contains("cret") && !token.contains("alue"), "{token}");
    }

    #[test]
    fn a_secret_in_another_script_has_none_of_its_letters_in_its_shape() {
        let (schema, options) = (schema(), json!({"Token": "пароль-密码-1"}));
        let substitutes = Substitutes::new(&schema, &options, |_| false);
        let shown = substitutes.for_all(Kind::Shape);
        let token = shown["Token"].as_str().unwrap();
        assert!(token.starts_with("éééééé-éé-") && token.chars().count() == 11, "{token}");
    }

    #[test]
    fn a_credential_is_predicted_only_if_it_has_the_secrets_whole() {
        let schema = json!({"type": "object", "properties": {
            "Token": {"type": "string", "writeOnly": true},
            "Key": {"type": "string", "writeOnly": true},
            "Inherited": {"type": "string", "writeOnly": true}
        }});
        // The key contains the token, and the token is a part of the text around it.
        let options = json!({"Token": "ear", "Key": "ear-k3y", "Inherited": "b4se"});
        let substitutes = Substitutes::new(&schema, &options, |name| name == "Inherited");
        let seen = substitutes.for_inherited(Kind::First);
        let shown = substitutes.for_all(Kind::Second);
        let text = |options: &Value, name: &str| options[name].as_str().unwrap().to_owned();
        type Made<'a> = &'a dyn Fn(&Value) -> String;
        let cases: [(Made<'_>, bool); 6] = [
            (&|options| format!("Bearer {}", text(options, "Key")), true),
            (&|options| format!("{}:{}", text(options, "Token"), text(options, "Key")), true),
            (&|options| format!("{0}{0}{1}", text(options, "Inherited"), text(options, "Token")), true),
            (&|_| "constant".to_owned(), true),
            (&|options| hex::encode(text(options, "Key")), false),
            (&|options| format!("{}{}", text(options, "Token"), &text(options, "Key")[..4]), false),
        ];
        for (n, (made, whole)) in cases.into_iter().enumerate() {
            let predicted = substitutes.as_seen(&Secret::new(made(&shown)), Kind::Second).unwrap();
            assert_eq!(predicted.expose() == made(&seen), whole, "{n}");
        }
    }

    #[test]
    fn what_takes_the_place_of_a_substitute_is_not_searched_for_others() {
        let schema = json!({"type": "object", "examples": [{"Token": "t0ken", "Key": "a"}], "properties": {
            "Token": {"type": "string", "writeOnly": true}, "Key": {"type": "string", "writeOnly": true}
        }});
        let options = json!({"Token": "banana", "Key": "pl4ced"});
        let substitutes = Substitutes::new(&schema, &options, |_| true);
        let made = Secret::new("t0ken");
        assert_eq!(substitutes.revealed(&made, Kind::First).unwrap().expose(), "banana");
    }

    #[test]
    fn an_example_of_the_schema_is_shown_and_another_text_of_its_form() {
        let (schema, options) = (schema(), json!({"Signing": "whsec_x"}));
        let substitutes = Substitutes::new(&schema, &options, |_| false);
        assert_eq!(substitutes.for_all(Kind::First)["Signing"], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let second = substitutes.for_all(Kind::Second);
        let second = second["Signing"].as_str().unwrap();
        assert!(second.starts_with("whsec_") && second.len() == 38 && !second.contains("Mf"), "{second}");
    }

    #[test]
    fn an_inherited_secret_takes_the_place_of_its_substitute_in_a_credential() {
        let (schema, options) = (schema(), json!({"Url": "u", "Token": "inh3rited", "Pin": 4711}));
        let substitutes = Substitutes::new(&schema, &options, |name| name == "Token" || name == "Pin");
        let shown = substitutes.for_inherited(Kind::First);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let made = |shown: &Value| Secret::new(format!("{}:{}", text(&shown["Token"]), text(&shown["Pin"])));
        assert_eq!(substitutes.revealed(&made(&shown), Kind::First).unwrap().expose(), "inh3rited:4711");
        let second = substitutes.for_inherited(Kind::Second);
        assert_ne!(shown, second);
        assert_eq!(substitutes.recipe(&made(&shown), Kind::First), substitutes.recipe(&made(&second), Kind::Second));
    }

    #[test]
    fn a_substitute_that_is_repeated_makes_no_credential_of_any_length() {
        let schema = json!({"type": "object", "examples": [{"Key": "a"}],
            "properties": {"Key": {"type": "string", "writeOnly": true}}});
        let options = json!({"Key": "k".repeat(1700)});
        let substitutes = Substitutes::new(&schema, &options, |_| true);
        let made = |times| Secret::new("a".repeat(times));
        assert_eq!(substitutes.revealed(&made(9), Kind::First).unwrap().expose().len(), 9 * 1700);
        assert_eq!(substitutes.revealed(&made(10), Kind::First), None);
        assert_eq!(substitutes.revealed(&made(4 << 20), Kind::First), None);
        assert_eq!(substitutes.recipe(&made(4 << 20), Kind::First), None);
    }

    #[test]
    fn every_field_of_a_connection_is_compared_but_the_credentials() {
        use crate::SmtpSecurity;
        use crate::egress::HttpSetting;
        use crate::egress::authentication::{AwsKey, Credentials, HttpAuthentication as Http};
        use std::time::Duration;

        let http = |authentication| {
            let origin = "https://a.example.com".to_owned();
            vec![Connection::Http { origin, authentication, settings: Vec::new() }]
        };
        let aws = |id: &str, secret: &str, region: &str, service: &str| {
            let [access_key_id, region, service] = [id, region, service].map(str::to_owned);
            http(Http::AwsSignature(AwsKey { access_key_id, secret_access_key: Secret::new(secret), region, service }))
        };
        let mail = |host: &str, port, security, password: Option<(&str, &str)>, seconds| {
            let login = |(username, password): (&str, &str)| Credentials {
                username: username.to_owned(),
                password: Secret::new(password),
            };
            let (host, credentials, timeout) = (host.to_owned(), password.map(login), Duration::from_secs(seconds));
            vec![Connection::Smtp { host, port, security, credentials, timeout }]
        };
        let key = aws("id", "one", "eu", "ses");
        assert_eq!(difference(&key, &aws("id", "two", "eu", "ses")), None);
        assert_eq!(difference(&key, &aws("other", "one", "eu", "ses")), Some("the access key's id"));
        assert_eq!(difference(&key, &aws("id", "one", "us", "ses")), Some("the region"));
        assert_eq!(difference(&key, &aws("id", "one", "eu", "sns")), Some("the service"));

        let (tls, start_tls, user) = (SmtpSecurity::ImplicitTls, SmtpSecurity::StartTls, Some(("u", "one")));
        let server = mail("m.example.com", 465, tls, user, 9);
        assert_eq!(difference(&server, &mail("m.example.com", 465, tls, Some(("u", "two")), 9)), None);
        for (other, field) in [
            (mail("n.example.com", 465, tls, user, 9), "the mail server"),
            (mail("m.example.com", 587, tls, user, 9), "the mail server's port"),
            (mail("m.example.com", 465, start_tls, user, 9), "the mail server's protection"),
            (mail("m.example.com", 465, tls, user, 8), "the mail server's timeout"),
            (mail("m.example.com", 465, tls, None, 9), "whether to log in to the mail server"),
            (mail("m.example.com", 465, tls, Some(("v", "one")), 9), "the user name"),
        ] {
            assert_eq!(difference(&server, &other), Some(field));
        }
        assert_eq!(difference(&server, &key), Some("the kind of a connection"));
        assert_eq!(difference(&http(Http::None), &key), Some("the way to authenticate"));

        let with = |settings| {
            let (origin, authentication) = ("https://a.example.com".to_owned(), Http::None);
            vec![Connection::Http { origin, authentication, settings }]
        };
        let place = |option: &str| HttpSetting::PlaceSecret(option.to_owned());
        let settings = with(vec![place("/A"), HttpSetting::CodeInQuery]);
        assert_eq!(difference(&settings, &settings.clone()), None);
        for other in [vec![place("/A")], vec![place("/B"), HttpSetting::CodeInQuery], Vec::new()] {
            assert_eq!(difference(&settings, &with(other)), Some("what may be put into requests"));
        }
    }
}
