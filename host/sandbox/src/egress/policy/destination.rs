//! What an instance may reach, as data. It is compared, stored and sent in this form; each surface
//! words it.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::form_urlencoded;

use super::authentication::{LoginFormat, TokenPlace};
use super::origin::Origin;
use crate::schema::Placement;

/// How an SMTP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpSecurity {
    /// `tls`: TLS from the first byte.
    ImplicitTls,
    /// `starttls`: TLS after STARTTLS; without it no mail is sent.
    StartTls,
    /// `plaintext`: no TLS, only where the operator's network settings allow it.
    Plaintext,
}

impl SmtpSecurity {
    const ALL: [(Self, &str); 3] =
        [(Self::ImplicitTls, "tls"), (Self::StartTls, "starttls"), (Self::Plaintext, "plaintext")];
}

impl fmt::Display for SmtpSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(security, _)| security == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for SmtpSecurity {
    type Err = ParseConnectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|(_, name)| *name == text);
        found.map(|(security, _)| security).ok_or(ParseConnectionError(
            "an SMTP destination begins with `smtp+tls`, `smtp+starttls` or `smtp+plaintext`",
        ))
    }
}

/// A destination or connection with an invalid format. The text says what is valid, and repeats
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseConnectionError(&'static str);

/// A place that an instance may reach. `Display` and `FromStr` use a URL:
///
/// | text | destination |
/// |---|---|
/// | `https://api.twilio.com` | an origin; a port other than 443 follows the host |
/// | `http://192.168.1.20:8080` | an origin without TLS, or with an address, that the operator named |
/// | `https://login.example.com/token` | a URL at which the host obtains tokens |
/// | `smtp+tls://mail.example.com:465` | an SMTP server, with TLS from the first byte |
/// | `smtp+starttls://mail.example.com:587` | an SMTP server that must offer STARTTLS |
/// | `smtp+plaintext://mail.internal:25` | an SMTP server without TLS |
/// | `https://api.example.com place=body:/ApiKey` | the parts of requests to an origin that a secret option is put into ([`Placement`]) |
/// | `https://api.example.com code-in-query` | the query of requests to an origin, for the code |
///
/// ```
/// use twofactor_sandbox::{Destination, SmtpSecurity};
///
/// let destination: Destination = "smtp+starttls://mail.example.com:587".parse()?;
/// let Destination::Smtp { host, port, security } = &destination else { panic!("it is a mail server") };
/// assert_eq!((host.as_str(), *port, *security), ("mail.example.com", 587, SmtpSecurity::StartTls));
/// for text in ["https://api.twilio.com", "https://login.example.com/token", "smtp+tls://mail.example.com:465"] {
///     assert_eq!(text.parse::<Destination>()?.to_string(), text);
/// }
/// for text in ["http://api.twilio.com/path", "smtp://mail.example.com:25", "smtp+tls://mail.example.com", "api.twilio.com"] {
///     assert!(text.parse::<Destination>().is_err());
/// }
/// # Ok::<(), twofactor_sandbox::ParseConnectionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// An HTTP origin without TLS, only if the operator's network settings allow it.
    Http(String),
    /// An HTTPS origin, or a URL at which the host obtains tokens.
    Https(String),
    /// An SMTP server. Without TLS anybody on the way could read a secret, so the security mode is
    /// part of the destination.
    Smtp {
        /// Its host name.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is protected.
        security: SmtpSecurity,
    },
    /// The parts of requests to an origin that the host puts a secret option into.
    Placed {
        /// The origin.
        origin: String,
        /// The option and the parts.
        placement: Placement,
    },
    /// The query of requests to an origin, which may contain the code.
    CodeInQuery {
        /// The origin.
        origin: String,
    },
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) | Self::Https(url) => f.write_str(url),
            Self::Smtp { host, port, security } => write!(f, "smtp+{security}://{host}:{port}"),
            Self::Placed { origin, placement } => write!(f, "{origin} {PLACE}{placement}"),
            Self::CodeInQuery { origin } => write!(f, "{origin} {CODE_IN_QUERY}"),
        }
    }
}

/// Begins the word that says what is placed.
const PLACE: &str = "place=";
const CODE_IN_QUERY: &str = "code-in-query";

fn placement(text: &str) -> Result<Placement, ParseConnectionError> {
    text.parse().map_err(|_| {
        ParseConnectionError(
            "a placed secret is written as the parts and the option, such as `place=body,query:/ApiKey`",
        )
    })
}

impl FromStr for Destination {
    type Err = ParseConnectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((origin, what)) = text.split_once(' ') {
            let origin = match origin.parse()? {
                Self::Http(origin) | Self::Https(origin) => origin,
                _ => return Err(ParseConnectionError("only an `https` origin has something placed")),
            };
            return match what.strip_prefix(PLACE) {
                Some(placed) => Ok(Self::Placed { origin, placement: placement(placed)? }),
                None if what == CODE_IN_QUERY => Ok(Self::CodeInQuery { origin }),
                None => Err(ParseConnectionError("after an origin comes `place=PARTS:OPTION` or `code-in-query`")),
            };
        }
        let Some(smtp) = text.strip_prefix("smtp+") else {
            let origin = Origin::of_any_url(text);
            if Origin::parse_any(text).is_ok_and(|origin| !origin.is_https()) {
                return Ok(Self::Http(text.to_owned()));
            }
            let is_https = origin.is_ok_and(|(origin, _)| origin.is_https());
            let wrong =
                ParseConnectionError("a destination is an `https` URL or an SMTP server such as `smtp+tls://host:465`");
            return if is_https { Ok(Self::Https(text.to_owned())) } else { Err(wrong) };
        };
        let server = smtp.split_once("://").and_then(|(security, server)| {
            let (host, port) = server.rsplit_once(':')?;
            Some((security, host, port.parse().ok()?))
        });
        let (security, host, port) = server.filter(|(_, host, _)| !host.is_empty()).ok_or(ParseConnectionError(
            "an SMTP destination has a protection, a host and a port, such as `smtp+tls://host:465`",
        ))?;
        Ok(Self::Smtp { host: host.to_owned(), port, security: security.parse()? })
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How the host authenticates at a destination, without the secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authentication {
    /// `none`: no authentication.
    None,
    /// `basic`: HTTP Basic (RFC 7617).
    Basic,
    /// `digest`: HTTP Digest (RFC 7616), at an origin that the operator listed for it.
    Digest,
    /// `bearer`: a bearer token (RFC 6750).
    Bearer,
    /// `header=NAME`: a secret in a header.
    Header {
        /// The header's name.
        name: String,
    },
    /// `oauth2=TOKEN-URL`: an OAuth 2 access token that the host obtains (RFC 6749 section 4.4, RFC 7523).
    OAuth2 {
        /// The URL of the token endpoint.
        token_url: String,
    },
    /// `jwt`: a JSON Web Token that the host signs (RFC 7519).
    Jwt,
    /// `token-login=FORMAT,PLACE,URL`: a token that the host obtains by a login of the upstream's own. Names within it are encoded as in
    /// a form.
    TokenLogin {
        /// Where it logs in.
        url: String,
        /// How the secrets are sent there.
        format: LoginFormat,
        /// Where the token goes in each request.
        place: TokenPlace,
    },
    /// `signature`: a signature with a secret (HMAC) over each request.
    Signature,
    /// `aws-signature`: AWS Signature Version 4.
    AwsSignature,
    /// `webhook-signature`: Standard Webhooks.
    WebhookSignature,
    /// `login`: a user name and a password (SMTP AUTH).
    Login,
}

impl LoginFormat {
    const ALL: [(Self, &str); 3] = [(Self::Query, "query"), (Self::Form, "form"), (Self::Json, "json")];
}

impl fmt::Display for LoginFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

impl fmt::Display for TokenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |name: &str| form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::Header(name) => write!(f, "header:{}", encoded(name)),
            Self::Query(name) => write!(f, "query:{}", encoded(name)),
        }
    }
}

impl Authentication {
    /// Parses what follows `token-login=`.
    fn of_token_login(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ',');
        let format = parts.next()?;
        let (format, _) = LoginFormat::ALL.into_iter().find(|(_, name)| *name == format)?;
        let decoded = |name: &str| Some(form_urlencoded::parse(name.as_bytes()).next()?.0.into_owned());
        let place = match parts.next()?.split_once(':') {
            Some(("header", name)) => TokenPlace::Header(decoded(name)?),
            Some(("query", name)) => TokenPlace::Query(decoded(name)?),
            Some(_) => return None,
            None => TokenPlace::Bearer,
        };
        let url = parts.next().filter(|url| !url.is_empty())?.to_owned();
        // Nothing has two spellings.
        let parsed = Self::TokenLogin { url, format, place };
        (parsed.to_string().strip_prefix(TOKEN_LOGIN) == Some(text)).then_some(parsed)
    }
}

const TOKEN_LOGIN: &str = "token-login=";

impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Basic => f.write_str("basic"),
            Self::Digest => f.write_str("digest"),
            Self::Bearer => f.write_str("bearer"),
            Self::Header { name } => write!(f, "header={name}"),
            Self::OAuth2 { token_url } => write!(f, "oauth2={token_url}"),
            Self::Jwt => f.write_str("jwt"),
            Self::TokenLogin { url, format, place } => write!(f, "{TOKEN_LOGIN}{format},{place},{url}"),
            Self::Signature => f.write_str("signature"),
            Self::AwsSignature => f.write_str("aws-signature"),
            Self::WebhookSignature => f.write_str("webhook-signature"),
            Self::Login => f.write_str("login"),
        }
    }
}

impl FromStr for Authentication {
    type Err = ParseConnectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(login) = text.strip_prefix(TOKEN_LOGIN).and_then(Self::of_token_login) {
            return Ok(login);
        }
        Ok(match text.split_once('=') {
            None if text == "none" => Self::None,
            None if text == "basic" => Self::Basic,
            None if text == "digest" => Self::Digest,
            None if text == "bearer" => Self::Bearer,
            None if text == "jwt" => Self::Jwt,
            None if text == "signature" => Self::Signature,
            None if text == "aws-signature" => Self::AwsSignature,
            None if text == "webhook-signature" => Self::WebhookSignature,
            None if text == "login" => Self::Login,
            Some(("header", name)) if !name.is_empty() => Self::Header { name: name.to_owned() },
            Some(("oauth2", token_url)) if !token_url.is_empty() => Self::OAuth2 { token_url: token_url.to_owned() },
            _ => {
                return Err(ParseConnectionError(
                    "an authentication is `basic`, `digest`, `bearer`, `header=NAME`, `oauth2=TOKEN-URL`, `jwt`, \
                     `token-login=FORMAT,PLACE,URL`, `signature`, `aws-signature`, `webhook-signature`, `login` or `none`",
                ));
            }
        })
    }
}

/// A connection that an instance was granted.
///
/// `Display` and `FromStr` use its [`Destination`] and, with spaces between them, its [`Authentication`] if there is one, `place=` and
/// each [`Placement`], and `code-in-query` if the code may be there.
///
/// ```
/// use twofactor_sandbox::{Authentication, GrantedConnection};
///
/// let connection: GrantedConnection = "https://api.twilio.com basic".parse()?;
/// assert_eq!(connection.authentication, Authentication::Basic);
/// for text in [
///     "https://hooks.example.com",
///     "smtp+tls://mail.example.com:465 login",
///     "https://api.example.com header=x-key place=body:/ApiKey code-in-query",
/// ] {
///     assert_eq!(text.parse::<GrantedConnection>()?.to_string(), text);
/// }
/// # Ok::<(), twofactor_sandbox::ParseConnectionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantedConnection {
    /// The destination.
    pub destination: Destination,
    /// How the host authenticates there.
    pub authentication: Authentication,
    /// The secret options that the host puts into requests.
    pub placed: Vec<Placement>,
    /// Whether the code may be in the query of requests.
    pub code_in_query: bool,
}

impl fmt::Display for GrantedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if self.authentication != Authentication::None {
            write!(f, " {}", self.authentication)?;
        }
        for placement in &self.placed {
            write!(f, " {PLACE}{placement}")?;
        }
        if self.code_in_query {
            write!(f, " {CODE_IN_QUERY}")?;
        }
        Ok(())
    }
}

impl FromStr for GrantedConnection {
    type Err = ParseConnectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ').peekable();
        let destination = words.next().unwrap_or_default().parse()?;
        let is_more = |word: &&str| word.starts_with(PLACE) || *word == CODE_IN_QUERY;
        let authentication = match words.next_if(|word| !is_more(word)) {
            Some(word) => word.parse()?,
            None => Authentication::None,
        };
        let (mut placed, mut code_in_query) = (Vec::new(), false);
        for word in words {
            match word.strip_prefix(PLACE) {
                _ if code_in_query => return Err(ParseConnectionError("nothing follows `code-in-query`")),
                Some(text) => placed.push(placement(text)?),
                None if word == CODE_IN_QUERY => code_in_query = true,
                None => return Err(ParseConnectionError("a connection has one authentication")),
            }
        }
        let more = !placed.is_empty() || code_in_query;
        if more && !matches!(destination, Destination::Https(_)) {
            return Err(ParseConnectionError("only an `https` origin has something placed"));
        }
        Ok(Self { destination, authentication, placed, code_in_query })
    }
}

impl Serialize for GrantedConnection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_formatted_by_its_grammar() {
        let smtp = |security, port| Destination::Smtp { host: "mail.example.com".to_owned(), port, security };
        let https = || Destination::Https("https://api.example.com".to_owned());
        let token_url = "https://login.example.com/token".to_owned();
        let login = |format, place| Authentication::TokenLogin {
            url: "https://login.example.com/token?a,b".to_owned(),
            format,
            place,
        };
        for (destination, authentication, text) in [
            (https(), Authentication::None, "https://api.example.com"),
            (https(), Authentication::Basic, "https://api.example.com basic"),
            (https(), Authentication::Digest, "https://api.example.com digest"),
            (https(), Authentication::Bearer, "https://api.example.com bearer"),
            (https(), Authentication::Header { name: "x-key".to_owned() }, "https://api.example.com header=x-key"),
            (
                https(),
                Authentication::OAuth2 { token_url },
                "https://api.example.com oauth2=https://login.example.com/token",
            ),
            (https(), Authentication::Jwt, "https://api.example.com jwt"),
            (
                https(),
                login(LoginFormat::Json, TokenPlace::Bearer),
                "https://api.example.com token-login=json,bearer,https://login.example.com/token?a,b",
            ),
            (
                https(),
                login(LoginFormat::Form, TokenPlace::Header("X-Token".to_owned())),
                "https://api.example.com token-login=form,header:X-Token,https://login.example.com/token?a,b",
            ),
            (
                https(),
                login(LoginFormat::Query, TokenPlace::Query("a b,c=d&e".to_owned())),
                "https://api.example.com token-login=query,query:a+b%2Cc%3Dd%26e,https://login.example.com/token?a,b",
            ),
            (https(), Authentication::Signature, "https://api.example.com signature"),
            (https(), Authentication::AwsSignature, "https://api.example.com aws-signature"),
            (https(), Authentication::WebhookSignature, "https://api.example.com webhook-signature"),
            (smtp(SmtpSecurity::ImplicitTls, 465), Authentication::Login, "smtp+tls://mail.example.com:465 login"),
            (smtp(SmtpSecurity::StartTls, 587), Authentication::Login, "smtp+starttls://mail.example.com:587 login"),
            (smtp(SmtpSecurity::Plaintext, 25), Authentication::None, "smtp+plaintext://mail.example.com:25"),
        ] {
            let connection =
                GrantedConnection { destination, authentication, placed: Vec::new(), code_in_query: false };
            assert_eq!(connection.to_string(), text);
            assert_eq!(text.parse::<GrantedConnection>(), Ok(connection));
        }
        let placed = |text: &str| text.parse::<Placement>();
        let all = [placed("body:/Key"), placed("path:/Token")].into_iter().collect::<Result<_, _>>();
        let text = "https://api.example.com basic place=body:/Key place=path:/Token code-in-query";
        let (destination, authentication) = (https(), Authentication::Basic);
        let connection =
            all.map(|placed| GrantedConnection { destination, authentication, placed, code_in_query: true });
        assert_eq!(connection.as_ref().map(ToString::to_string), Ok(text.to_owned()));
        assert_eq!(text.parse().ok(), connection.ok());
        for text in ["https://api.example.com place=body,query:/Key", "https://api.example.com code-in-query"] {
            assert_eq!(text.parse::<Destination>().map(|destination| destination.to_string()), Ok(text.to_owned()));
            assert_eq!(text.parse::<GrantedConnection>().map(|connection| connection.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn an_invalid_connection_is_refused() {
        for text in [
            "",
            "http://api.example.com/path",
            "https://",
            "smtp://mail.example.com:25",
            "smtp+ssl://mail.example.com:465",
            "smtp+tls://mail.example.com",
            "smtp+tls://:465",
            "smtp+tls://mail.example.com:70000",
            "https://api.example.com token",
            "https://api.example.com header=",
            "https://api.example.com token-login=https://login.example.com/token",
            "https://api.example.com token-login=xml,bearer,https://login.example.com/token",
            "https://api.example.com token-login=json,cookie:a,https://login.example.com/token",
            "https://api.example.com token-login=json,basic,https://login.example.com/token",
            "https://api.example.com token-login=json,query:a&b,https://login.example.com/token",
            "https://api.example.com token-login=json,bearer,",
            "https://api.example.com basic bearer",
            "https://api.example.com place=/Key",
            "https://api.example.com place=host:/Key",
            "https://api.example.com code-in-query basic",
            "smtp+tls://mail.example.com:465 login place=body:/Key",
        ] {
            assert!(text.parse::<GrantedConnection>().is_err(), "{text}");
        }
    }
}
