//! What instances and providers may reach and do, as data with a text for people.

use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use crate::wording::{self, Language};

/// The protocol of a destination.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Http,
    Https,
    Smtp,
}

/// How an SMTP connection is protected.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SmtpSecurity {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS, or no mail.
    Starttls,
    /// No TLS.
    Plaintext,
}

/// An upstream.
#[derive(Serialize, ToSchema)]
struct Endpoint {
    kind: Protocol,
    #[schema(example = "mail.example.com")]
    host: String,
    #[schema(example = 587)]
    port: u16,
    /// With `smtp`: how the connection is protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    security: Option<SmtpSecurity>,
    /// The destination as one string: `https://HOST[:PORT][/PATH]`, `smtp+tls://HOST:PORT`, `smtp+starttls://HOST:PORT` or
    /// `smtp+plaintext://HOST:PORT`. Of a place in requests: ` place=PARTS:OPTION` after the origin for a secret option, with the parts
    /// as in `body,query` and the option's JSON Pointer percent-encoded, or ` code-in-query`.
    #[schema(example = "smtp+starttls://mail.example.com:587")]
    destination: String,
}

impl Endpoint {
    fn of(destination: &twofactor::sandbox::Destination) -> Self {
        let text = destination.to_string();
        match destination {
            twofactor::sandbox::Destination::Http(url)
            | twofactor::sandbox::Destination::Https(url)
            | twofactor::sandbox::Destination::Placed { origin: url, .. }
            | twofactor::sandbox::Destination::CodeInQuery { origin: url } => {
                let url = Url::parse(url).ok();
                let host = url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
                let kind = if text.starts_with("http:") { Protocol::Http } else { Protocol::Https };
                let port = url.and_then(|url| url.port_or_known_default()).unwrap_or(443);
                Self { kind, host, port, security: None, destination: text }
            }
            twofactor::sandbox::Destination::Smtp { host, port, security } => {
                let security = match security {
                    twofactor::sandbox::SmtpSecurity::ImplicitTls => SmtpSecurity::Tls,
                    twofactor::sandbox::SmtpSecurity::StartTls => SmtpSecurity::Starttls,
                    twofactor::sandbox::SmtpSecurity::Plaintext => SmtpSecurity::Plaintext,
                };
                let (host, port) = (host.clone(), *port);
                Self { kind: Protocol::Smtp, host, port, security: Some(security), destination: text }
            }
        }
    }
}

/// A place to which secrets of instances are sent.
#[derive(Serialize, ToSchema)]
pub(super) struct Destination {
    #[serde(flatten)]
    endpoint: Endpoint,
    /// The same in English, for people.
    text: String,
}

impl From<&twofactor::sandbox::Destination> for Destination {
    fn from(destination: &twofactor::sandbox::Destination) -> Self {
        Self { endpoint: Endpoint::of(destination), text: wording::destination(Language::English, destination) }
    }
}

/// How the host authenticates.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Authentication {
    None,
    Basic,
    /// HTTP Digest, because the operator's network settings say so.
    Digest,
    Bearer,
    /// A secret in a header.
    Header {
        /// The name of the header.
        name: String,
    },
    /// An OAuth 2 access token that the host obtains.
    #[serde(rename = "oauth2")]
    OAuth2 {
        /// Where the token is requested.
        token_url: String,
    },
    /// A JSON Web Token that the host signs.
    Jwt,
    /// A token that the host obtains through the upstream's own login.
    TokenLogin {
        /// Where it logs in.
        url: String,
        /// How its secrets are sent there. URLs are written to logs.
        format: LoginFormat,
        /// Where the token goes in each request. URLs are written to logs.
        place: TokenPlace,
        /// The name of the header, or of the parameter in the query.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        name: Option<String>,
    },
    /// A signature with a secret (HMAC).
    Signature,
    /// AWS Signature Version 4.
    AwsSignature,
    /// Standard Webhooks.
    WebhookSignature,
    /// A user name and a password at an SMTP server.
    Login,
}

/// How the secrets of a login are sent.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LoginFormat {
    Query,
    Form,
    Json,
}

/// Where the token of a login goes in each request.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TokenPlace {
    Bearer,
    Header,
    Query,
}

impl From<twofactor::sandbox::LoginFormat> for LoginFormat {
    fn from(format: twofactor::sandbox::LoginFormat) -> Self {
        match format {
            twofactor::sandbox::LoginFormat::Query => Self::Query,
            twofactor::sandbox::LoginFormat::Form => Self::Form,
            twofactor::sandbox::LoginFormat::Json => Self::Json,
        }
    }
}

impl TokenPlace {
    fn of(place: &twofactor::sandbox::TokenPlace) -> (Self, Option<String>) {
        match place {
            twofactor::sandbox::TokenPlace::Bearer => (Self::Bearer, None),
            twofactor::sandbox::TokenPlace::Header(name) => (Self::Header, Some(name.clone())),
            twofactor::sandbox::TokenPlace::Query(name) => (Self::Query, Some(name.clone())),
        }
    }
}

/// A part of a request.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RequestPart {
    Body,
    Query,
    Path,
    Header,
}

impl From<twofactor::sandbox::Part> for RequestPart {
    fn from(part: twofactor::sandbox::Part) -> Self {
        match part {
            twofactor::sandbox::Part::Body => Self::Body,
            twofactor::sandbox::Part::Query => Self::Query,
            twofactor::sandbox::Part::Path => Self::Path,
            twofactor::sandbox::Part::Header => Self::Header,
        }
    }
}

/// A secret option that the host puts into requests. The provider does not see it.
#[derive(Serialize, ToSchema)]
struct Placement {
    /// The JSON Pointer of the option.
    #[schema(example = "/ApiKey")]
    option: String,
    /// The parts of requests that it may be put into.
    parts: Vec<RequestPart>,
}

impl From<&twofactor::sandbox::Placement> for Placement {
    fn from(placement: &twofactor::sandbox::Placement) -> Self {
        let parts = placement.parts.iter().map(RequestPart::from).collect();
        Self { option: placement.option.clone(), parts }
    }
}

/// A connection that an instance may use. It cannot use any other.
#[derive(Serialize, ToSchema)]
pub(super) struct Connection {
    #[serde(flatten)]
    endpoint: Endpoint,
    authentication: Authentication,
    /// The secret options that the host puts into requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    placed: Vec<Placement>,
    /// Whether the code may be in the query of requests. URLs are written to logs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    code_in_query: bool,
    /// The same in English, for people.
    text: String,
}

impl From<&twofactor::sandbox::GrantedConnection> for Connection {
    fn from(granted: &twofactor::sandbox::GrantedConnection) -> Self {
        let authentication = match &granted.authentication {
            twofactor::sandbox::Authentication::None => Authentication::None,
            twofactor::sandbox::Authentication::Basic => Authentication::Basic,
            twofactor::sandbox::Authentication::Digest => Authentication::Digest,
            twofactor::sandbox::Authentication::Bearer => Authentication::Bearer,
            twofactor::sandbox::Authentication::Header { name } => Authentication::Header { name: name.clone() },
            twofactor::sandbox::Authentication::OAuth2 { token_url } => {
                Authentication::OAuth2 { token_url: token_url.clone() }
            }
            twofactor::sandbox::Authentication::Jwt => Authentication::Jwt,
            twofactor::sandbox::Authentication::TokenLogin { url, format, place } => {
                let (place, name) = TokenPlace::of(place);
                Authentication::TokenLogin { url: url.clone(), format: (*format).into(), place, name }
            }
            twofactor::sandbox::Authentication::Signature => Authentication::Signature,
            twofactor::sandbox::Authentication::AwsSignature => Authentication::AwsSignature,
            twofactor::sandbox::Authentication::WebhookSignature => Authentication::WebhookSignature,
            twofactor::sandbox::Authentication::Login => Authentication::Login,
        };
        let text = wording::connection(Language::English, granted);
        let placed = granted.placed.iter().map(Placement::from).collect();
        let code_in_query = granted.code_in_query;
        Self { endpoint: Endpoint::of(&granted.destination), authentication, placed, code_in_query, text }
    }
}

/// Something that a provider can do.
#[derive(Serialize, ToSchema)]
pub(super) struct Capability {
    /// A stable name, such as `http`, `smtp`, `log`, `code`, `factor`, `secret` or `place-secret`.
    #[schema(example = "secret")]
    kind: String,
    /// With `secret`: the option that it sees. With `place-secret`: the JSON Pointer of the option that the host puts into its requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "TwilioAuthToken")]
    option: Option<String>,
    /// With `place-secret`: the parts of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parts: Option<Vec<RequestPart>>,
    /// The same in English, for people. Completes the sentence "It may …".
    text: String,
}

impl From<&twofactor::sandbox::Capability> for Capability {
    fn from(capability: &twofactor::sandbox::Capability) -> Self {
        let (kind, option, parts) = match capability {
            twofactor::sandbox::Capability::Secret(option) => ("secret".to_owned(), Some(option.clone()), None),
            twofactor::sandbox::Capability::PlaceSecret(placement) => {
                let Placement { option, parts } = placement.into();
                ("place-secret".to_owned(), Some(option), Some(parts))
            }
            other => (other.to_string(), None, None),
        };
        Self { kind, option, parts, text: wording::capability(Language::English, capability) }
    }
}
