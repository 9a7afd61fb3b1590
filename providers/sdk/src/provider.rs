//! The trait [`Provider`], its metadata and its connections.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::bindings::twofactor::provider::types as wit;
use crate::{Delivery, Message, OAuth2Client, Problem, RequestSignature, Secret, SignedJwt, TokenLogin};

/// A provider that delivers messages.
pub trait Provider {
    /// The options of an instance. Their JSON Schema is derived: doc comments become descriptions, [`Secret`] fields are
    /// `writeOnly`.
    type Options: DeserializeOwned + schemars::JsonSchema;

    /// The provider's metadata.
    const METADATA: Metadata;

    /// Validates the options and returns the connections they need. It sees the secrets, and has no network access.
    ///
    /// # Errors
    /// What is wrong with the options; each problem names its option.
    fn configure(options: &Self::Options) -> Result<Vec<Connection>, Vec<Problem>>;

    /// Delivers one message. Call the upstream once. Secrets are withheld: the host attaches them to requests.
    ///
    /// # Errors
    /// A failure, named for what the caller does next.
    fn deliver(options: &Self::Options, message: &Message) -> Delivery;
}

/// A provider's metadata: see `manifest` in the contract.
#[derive(Debug, Clone, Copy)]
pub struct Metadata {
    /// The type of the instances it serves.
    pub type_id: &'static str,
    /// Its display name.
    pub name: &'static str,
    /// Its version (semver).
    pub version: &'static str,
    /// How a code reaches its recipient: `email`, `sms`, `voice`, `chat`.
    pub channel: &'static str,
    /// The kind of address it delivers to.
    pub recipient: Recipient,
    /// Whether it must see the code, for example to speak it or to encode the text. Otherwise the texts contain a placeholder, which
    /// the host replaces with the code in the bodies of requests and in emails.
    pub needs_code: bool,
}

/// The kind of address that a provider delivers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// An email address.
    EmailAddress,
    /// A phone number in E.164 format.
    PhoneNumber,
    /// A handle that only this provider understands.
    Handle,
}

/// A connection that an instance needs.
#[derive(Clone)]
pub struct Connection(pub(crate) wit::Connection);

/// An SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Its host name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: wit::SmtpSecurity,
    /// User name and password, if it requires a login.
    pub credentials: Option<(String, Secret)>,
    /// How long an exchange may take, in milliseconds.
    pub timeout_ms: u32,
}

// The generated record's own `Debug` prints its secrets.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            wit::Connection::Http(http) => f
                .debug_struct("Connection")
                .field("origin", &http.origin)
                .field("authentication", &Shown(&http.authentication))
                .finish_non_exhaustive(),
            wit::Connection::Smtp(smtp) => f
                .debug_struct("Connection")
                .field("host", &smtp.host)
                .field("port", &smtp.port)
                .field("security", &smtp.security)
                .field("credentials", &smtp.credentials.as_ref().map(|_| "…"))
                .finish_non_exhaustive(),
        }
    }
}

/// An authentication without its secrets.
struct Shown<'a>(&'a wit::HttpAuthentication);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            wit::HttpAuthentication::None => f.write_str("None"),
            wit::HttpAuthentication::Basic(_) => f.write_str("Basic(…)"),
            wit::HttpAuthentication::Bearer(_) => f.write_str("Bearer(…)"),
            wit::HttpAuthentication::Header(_) => f.write_str("Header(…)"),
            wit::HttpAuthentication::Oauth2(client) => fmt::Debug::fmt(&OAuth2Client(client.clone()), f),
            wit::HttpAuthentication::Jwt(token) => fmt::Debug::fmt(&SignedJwt(token.clone()), f),
            wit::HttpAuthentication::Login(login) => fmt::Debug::fmt(&TokenLogin(login.clone()), f),
            wit::HttpAuthentication::Signature(signature) => fmt::Debug::fmt(&RequestSignature(signature.clone()), f),
            wit::HttpAuthentication::AwsSignature(_) => f.write_str("AwsSignature(…)"),
            wit::HttpAuthentication::WebhookSignature(_) => f.write_str("WebhookSignature(…)"),
        }
    }
}

impl Connection {
    /// Returns an origin with HTTP Basic authentication.
    pub fn basic(origin: impl Into<String>, username: &str, password: &Secret) -> Self {
        let credentials = wit::Credentials { username: username.to_owned(), password: password.reveal().to_owned() };
        Self::http(origin, wit::HttpAuthentication::Basic(credentials))
    }

    /// Returns an origin with a fixed bearer token.
    pub fn bearer(origin: impl Into<String>, token: &Secret) -> Self {
        Self::http(origin, wit::HttpAuthentication::Bearer(token.reveal().to_owned()))
    }

    /// Returns an origin with a secret in a header that the upstream defines, such as `x-api-key`.
    pub fn header(origin: impl Into<String>, name: &str, value: &Secret) -> Self {
        let header = wit::SecretEntry { name: name.to_owned(), value: value.reveal().to_owned() };
        Self::http(origin, wit::HttpAuthentication::Header(header))
    }

    /// Returns an origin with an access token that the host obtains as an OAuth 2.0 client.
    pub fn oauth2(origin: impl Into<String>, client: OAuth2Client) -> Self {
        Self::http(origin, wit::HttpAuthentication::Oauth2(client.0))
    }

    /// Returns an origin with a JSON Web Token that the host signs as its bearer token.
    pub fn jwt(origin: impl Into<String>, token: SignedJwt) -> Self {
        Self::http(origin, wit::HttpAuthentication::Jwt(token.0))
    }

    /// Returns an origin with a token that the host obtains by a login of the upstream's own.
    pub fn login(origin: impl Into<String>, login: TokenLogin) -> Self {
        Self::http(origin, wit::HttpAuthentication::Login(login.0))
    }

    /// Returns an origin where the host signs each request.
    pub fn signature(origin: impl Into<String>, signature: RequestSignature) -> Self {
        Self::http(origin, wit::HttpAuthentication::Signature(signature.0))
    }

    /// Returns an origin of Amazon Web Services: the host signs each request with Signature Version 4. `service` is its name in signatures,
    /// such as `ses`.
    pub fn aws(
        origin: impl Into<String>,
        access_key_id: &str,
        secret_access_key: &Secret,
        region: &str,
        service: &str,
    ) -> Self {
        let key = wit::AwsKey {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.reveal().to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        };
        Self::http(origin, wit::HttpAuthentication::AwsSignature(key))
    }

    /// Returns an origin for which the host signs each request by Standard Webhooks. `deliver` sets the header `webhook-id`.
    pub fn signed_webhook(origin: impl Into<String>, secret: &Secret) -> Self {
        Self::http(origin, wit::HttpAuthentication::WebhookSignature(secret.reveal().to_owned()))
    }

    /// Returns an origin without authentication.
    pub fn unauthenticated(origin: impl Into<String>) -> Self {
        Self::http(origin, wit::HttpAuthentication::None)
    }

    /// Has the host put a secret option into requests to this origin: a [`PlacedSecret`](crate::PlacedSecret), named by its JSON Pointer
    /// such as `/ApiKey`.
    #[must_use]
    pub fn place_secret(self, pointer: &str) -> Self {
        self.with(wit::HttpSetting::PlaceSecret(pointer.to_owned()))
    }

    /// Lets the host put the code into the query of requests to this origin: for upstreams that take the text there. URLs are written to
    /// the upstream's logs, so an instance is valid only if its operator allowed it for this origin.
    #[must_use]
    pub fn code_in_query(self) -> Self {
        self.with(wit::HttpSetting::CodeInQuery)
    }

    fn with(mut self, setting: wit::HttpSetting) -> Self {
        match &mut self.0 {
            wit::Connection::Http(http) => http.settings.push(setting),
            // Only HTTP has such settings: the host refuses it by its name.
            wit::Connection::Smtp(smtp) => {
                let (name, value) = match setting {
                    wit::HttpSetting::PlaceSecret(pointer) => ("place-secret".to_owned(), pointer),
                    wit::HttpSetting::CodeInQuery => ("code-in-query".to_owned(), String::new()),
                    wit::HttpSetting::Other(entry) => (entry.name, entry.value),
                };
                smtp.settings.push(wit::Entry { name, value });
            }
        }
        self
    }

    /// Returns an SMTP server.
    pub fn smtp(server: SmtpServer) -> Self {
        let credentials = server
            .credentials
            .map(|(username, password)| wit::Credentials { username, password: password.reveal().to_owned() });
        Self(wit::Connection::Smtp(wit::SmtpConnection {
            host: server.host,
            port: server.port,
            security: server.security,
            credentials,
            timeout_ms: server.timeout_ms,
            settings: Vec::new(),
        }))
    }

    fn http(origin: impl Into<String>, authentication: wit::HttpAuthentication) -> Self {
        Self(wit::Connection::Http(wit::HttpConnection { origin: origin.into(), authentication, settings: Vec::new() }))
    }
}

/// Returns a problem with the option at this JSON Pointer.
pub fn problem(pointer: &str, message: impl Into<String>) -> Problem {
    Problem { pointer: pointer.to_owned(), message: message.into() }
}
