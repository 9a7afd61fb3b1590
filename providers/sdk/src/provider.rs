//! The trait, and what `configure` answers.

use serde::de::DeserializeOwned;

use crate::bindings::twofactor::provider::types as wit;
use crate::{Delivery, Message, Problem, Secret};

/// A provider that delivers messages.
pub trait Provider {
    /// The options of an instance. Their JSON Schema is derived: doc comments become descriptions, [`Secret`] fields are
    /// `writeOnly`.
    type Options: DeserializeOwned + schemars::JsonSchema;

    /// Who the provider is.
    const ABOUT: About;

    /// Says what these options need to reach, or what is wrong with them. Secrets are here, and nobody can be reached.
    ///
    /// # Errors
    /// Problems, each naming its option.
    fn configure(options: &Self::Options) -> Result<Vec<Connection>, Vec<Problem>>;

    /// Delivers one message. Secrets are withheld, the host attaches them. Call the upstream once.
    ///
    /// # Errors
    /// How it failed, named for what the caller does next.
    fn deliver(options: &Self::Options, message: &Message) -> Delivery;
}

/// Who a provider is: see `manifest` in the contract.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The type of the instances it serves.
    pub type_id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Its version (semver).
    pub version: &'static str,
    /// The way a code takes: `email`, `sms`, `voice`, `chat`.
    pub channel: &'static str,
    /// What its recipient is.
    pub recipient: Recipient,
    /// Whether it must see the code: to speak it, or to send a text in another form than it got it. Without it letters stand for the code in
    /// the message's texts; the host puts the code in their place in the bodies of requests and in mails.
    pub needs_code: bool,
}

/// What a recipient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// An email address.
    EmailAddress,
    /// A telephone number in E.164.
    PhoneNumber,
    /// A handle that only this provider understands.
    Handle,
}

/// One thing an instance needs to reach.
#[derive(Debug, Clone)]
pub struct Connection(pub(crate) wit::Connection);

/// An SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: wit::SmtpSecurity,
    /// Log in with these.
    pub credentials: Option<(String, Secret)>,
    /// How long an exchange may take.
    pub timeout_ms: u32,
}

impl Connection {
    /// An origin that wants HTTP Basic authentication.
    pub fn basic(origin: impl Into<String>, username: &str, password: &Secret) -> Self {
        let credentials = wit::Credentials { username: username.to_owned(), password: password.reveal().to_owned() };
        Self::http(origin, wit::HttpAuthentication::Basic(credentials))
    }

    /// An origin that wants a fixed bearer token.
    pub fn bearer(origin: impl Into<String>, token: &Secret) -> Self {
        Self::http(origin, wit::HttpAuthentication::Bearer(token.reveal().to_owned()))
    }

    /// An origin that wants a secret in a header of its own.
    pub fn header(origin: impl Into<String>, name: &str, value: &Secret) -> Self {
        let header = wit::SecretEntry { name: name.to_owned(), value: value.reveal().to_owned() };
        Self::http(origin, wit::HttpAuthentication::Header(header))
    }

    /// An origin that wants a token, which the host obtains with client credentials.
    pub fn oauth2(origin: impl Into<String>, token_url: &str, id: &str, secret: &Secret, scope: &str) -> Self {
        let client = wit::Oauth2Client {
            token_url: token_url.to_owned(),
            client_id: id.to_owned(),
            authentication: wit::Oauth2ClientAuthentication::SecretInBody(secret.reveal().to_owned()),
            grant: wit::Oauth2Grant::ClientCredentials,
            scope: scope.to_owned(),
            parameters: Vec::new(),
        };
        Self::http(origin, wit::HttpAuthentication::Oauth2(client))
    }

    /// An origin of Amazon Web Services: the host signs each request with Signature Version 4. `service` is its name in signatures,
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

    /// An origin for which the host signs each request as Standard Webhooks say. `deliver` gives the header `webhook-id`.
    pub fn signed_webhook(origin: impl Into<String>, secret: &Secret) -> Self {
        Self::http(origin, wit::HttpAuthentication::WebhookSignature(secret.reveal().to_owned()))
    }

    /// An origin that wants nothing.
    pub fn open(origin: impl Into<String>) -> Self {
        Self::http(origin, wit::HttpAuthentication::None)
    }

    /// An SMTP server.
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

/// A problem with an option, named by its JSON Pointer.
pub fn problem(pointer: &str, message: impl Into<String>) -> Problem {
    Problem { pointer: pointer.to_owned(), message: message.into() }
}
