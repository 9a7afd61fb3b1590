//! How the host authenticates at an origin, beyond a fixed secret: tokens that it obtains or signs, and signatures.
//!
//! `Debug` is written by hand: that of the generated records prints their secrets.

use std::fmt;

use crate::Secret;
use crate::bindings::twofactor::provider::types as wit;

fn entry(name: impl Into<String>, value: impl Into<String>) -> wit::Entry {
    wit::Entry { name: name.into(), value: value.into() }
}

/// An OAuth 2.0 client, with the grant `client_credentials` unless [`OAuth2Client::jwt_bearer`] says otherwise: see
/// `oauth2-client` in the contract.
#[derive(Clone)]
pub struct OAuth2Client(pub(crate) wit::Oauth2Client);

impl fmt::Debug for OAuth2Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2Client")
            .field("token_url", &self.0.token_url)
            .field("client_id", &self.0.client_id)
            .field("scope", &self.0.scope)
            .finish_non_exhaustive()
    }
}

impl OAuth2Client {
    /// Returns a client that does not authenticate at the token endpoint. `client_id` may be empty.
    pub fn new(token_url: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self(wit::Oauth2Client {
            token_url: token_url.into(),
            client_id: client_id.into(),
            authentication: wit::Oauth2ClientAuthentication::None,
            grant: wit::Oauth2Grant::ClientCredentials,
            scope: String::new(),
            parameters: Vec::new(),
        })
    }

    /// Authenticates with `client_secret` in the body.
    #[must_use]
    pub fn secret_in_body(mut self, secret: &Secret) -> Self {
        self.0.authentication = wit::Oauth2ClientAuthentication::SecretInBody(secret.reveal().to_owned());
        self
    }

    /// Authenticates with HTTP Basic.
    #[must_use]
    pub fn secret_in_header(mut self, secret: &Secret) -> Self {
        self.0.authentication = wit::Oauth2ClientAuthentication::SecretInHeader(secret.reveal().to_owned());
        self
    }

    /// Authenticates with an assertion (`private_key_jwt`).
    #[must_use]
    pub fn private_key_jwt(mut self, key: JwtKey) -> Self {
        self.0.authentication = wit::Oauth2ClientAuthentication::PrivateKeyJwt(key.0);
        self
    }

    /// Requests the token with a signed assertion (RFC 7523 section 2.1).
    #[must_use]
    pub fn jwt_bearer(mut self, assertion: SignedJwt) -> Self {
        self.0.grant = wit::Oauth2Grant::JwtBearer(assertion.0);
        self
    }

    /// Sets `scope`.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.0.scope = scope.into();
        self
    }

    /// Adds a parameter of the token request, such as `audience`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.parameters.push(entry(name, value));
        self
    }
}

/// A key that signs JSON Web Tokens.
#[derive(Clone)]
pub struct JwtKey(pub(crate) wit::JwtKey);

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey").field("algorithm", &self.0.algorithm).finish_non_exhaustive()
    }
}

impl JwtKey {
    /// Returns a shared secret.
    pub fn hs256(secret: &Secret) -> Self {
        Self::new(wit::JwtAlgorithm::Hs256, secret)
    }

    /// Returns an RSA private key in PEM.
    pub fn rs256(key: &Secret) -> Self {
        Self::new(wit::JwtAlgorithm::Rs256, key)
    }

    /// Returns a private key of the curve P-256 in PEM.
    pub fn es256(key: &Secret) -> Self {
        Self::new(wit::JwtAlgorithm::Es256, key)
    }

    fn new(algorithm: wit::JwtAlgorithm, key: &Secret) -> Self {
        Self(wit::JwtKey { algorithm, key: key.reveal().to_owned(), header: Vec::new() })
    }

    /// Adds a member of the token's header, such as `kid`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.header.push(entry(name, value));
        self
    }
}

/// A JSON Web Token that the host signs, with `iat`, `exp` and `jti`.
#[derive(Clone)]
pub struct SignedJwt(pub(crate) wit::SignedJwt);

impl fmt::Debug for SignedJwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedJwt")
            .field("algorithm", &self.0.key.algorithm)
            .field("valid_seconds", &self.0.valid_seconds)
            .finish_non_exhaustive()
    }
}

impl SignedJwt {
    /// Returns a token that is valid for 60 to 3600 seconds.
    pub fn new(key: JwtKey, valid_seconds: u32) -> Self {
        Self(wit::SignedJwt { key: key.0, claims: Vec::new(), valid_seconds })
    }

    /// Adds a claim, such as `iss`.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.claims.push(entry(name, value));
        self
    }
}

/// The upstream's own login, whose response contains a token. The token goes into `Authorization: Bearer` unless
/// [`TokenLogin::in_header`] or [`TokenLogin::in_query`] says otherwise.
#[derive(Clone)]
pub struct TokenLogin(pub(crate) wit::TokenLogin);

impl fmt::Debug for TokenLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLogin")
            .field("url", &self.0.url)
            .field("format", &self.0.format)
            .field("place", &self.0.place)
            .finish_non_exhaustive()
    }
}

impl TokenLogin {
    /// Returns a login by POST with a JSON object. `token` is the JSON Pointer to the token in the response.
    pub fn json(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(url, token, wit::LoginFormat::Json)
    }

    /// Returns a login by POST with a form. `token` is the JSON Pointer to the token in the response.
    pub fn form(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(url, token, wit::LoginFormat::Form)
    }

    /// Returns a login by GET with a query. `token` is the JSON Pointer to the token in the response.
    pub fn query(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self::new(url, token, wit::LoginFormat::Query)
    }

    fn new(url: impl Into<String>, token: impl Into<String>, format: wit::LoginFormat) -> Self {
        Self(wit::TokenLogin {
            url: url.into(),
            fields: Vec::new(),
            format,
            expected: Vec::new(),
            token: token.into(),
            valid_seconds: String::new(),
            default_valid_seconds: 0,
            place: wit::TokenPlace::Bearer,
        })
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.fields.push(wit::SecretEntry { name: name.into(), value: value.into() });
        self
    }

    /// Adds a field with a secret.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, secret: &Secret) -> Self {
        self.field(name, secret.reveal())
    }

    /// Names a value that the response must contain: a JSON Pointer, and the text or number there.
    #[must_use]
    pub fn expect(mut self, pointer: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.expected.push(entry(pointer, value));
        self
    }

    /// Sets the JSON Pointer to the number of seconds for which a token is valid.
    #[must_use]
    pub fn valid_seconds_at(mut self, pointer: impl Into<String>) -> Self {
        self.0.valid_seconds = pointer.into();
        self
    }

    /// Sets for how many seconds a token is valid if the response does not say.
    #[must_use]
    pub fn valid_for(mut self, seconds: u32) -> Self {
        self.0.default_valid_seconds = seconds;
        self
    }

    /// Puts the token into a header.
    #[must_use]
    pub fn in_header(mut self, name: impl Into<String>) -> Self {
        self.0.place = wit::TokenPlace::Header(name.into());
        self
    }

    /// Puts the token into a parameter of the query.
    #[must_use]
    pub fn in_query(mut self, name: impl Into<String>) -> Self {
        self.0.place = wit::TokenPlace::Query(name.into());
        self
    }
}

/// A key for HMAC. The secret is its text unless [`HmacKey::hex`] or [`HmacKey::base64`] says otherwise.
#[derive(Clone)]
pub struct HmacKey(pub(crate) wit::HmacKey);

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey")
            .field("hash", &self.0.hash)
            .field("encoding", &self.0.encoding)
            .finish_non_exhaustive()
    }
}

impl HmacKey {
    /// Returns a key for HMAC-SHA1.
    pub fn sha1(secret: &Secret) -> Self {
        Self::new(wit::HmacHash::Sha1, secret)
    }

    /// Returns a key for HMAC-SHA256.
    pub fn sha256(secret: &Secret) -> Self {
        Self::new(wit::HmacHash::Sha256, secret)
    }

    /// Returns a key for HMAC-SHA512.
    pub fn sha512(secret: &Secret) -> Self {
        Self::new(wit::HmacHash::Sha512, secret)
    }

    fn new(hash: wit::HmacHash, secret: &Secret) -> Self {
        Self(wit::HmacKey { hash, key: secret.reveal().to_owned(), encoding: wit::KeyEncoding::Text })
    }

    /// Reads the secret as hexadecimal digits.
    #[must_use]
    pub fn hex(mut self) -> Self {
        self.0.encoding = wit::KeyEncoding::Hex;
        self
    }

    /// Reads the secret as base64.
    #[must_use]
    pub fn base64(mut self) -> Self {
        self.0.encoding = wit::KeyEncoding::Base64;
        self
    }
}

/// A signature that the host computes over each request. All texts except names are templates: see `request-signature` in the
/// contract.
#[derive(Clone)]
pub struct RequestSignature(pub(crate) wit::RequestSignature);

impl fmt::Debug for RequestSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSignature").field("hash", &self.0.key.hash).finish_non_exhaustive()
    }
}

impl RequestSignature {
    /// Returns a signature over the text that a template describes.
    pub fn new(key: HmacKey, text: impl Into<String>) -> Self {
        Self(wit::RequestSignature {
            key: key.0,
            key_steps: Vec::new(),
            values: Vec::new(),
            signed_headers: Vec::new(),
            text: text.into(),
            headers: Vec::new(),
            query: Vec::new(),
            fields: Vec::new(),
        })
    }

    /// Derives the signing key by one more step.
    #[must_use]
    pub fn key_step(mut self, template: impl Into<String>) -> Self {
        self.0.key_steps.push(template.into());
        self
    }

    /// Names a value that later templates can use.
    #[must_use]
    pub fn value(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.0.values.push(entry(name, template));
        self
    }

    /// Sets a header before the signature is computed.
    #[must_use]
    pub fn signed_header(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.0.signed_headers.push(entry(name, template));
        self
    }

    /// Sets a header afterwards.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.0.headers.push(entry(name, template));
        self
    }

    /// Adds a parameter to the query afterwards.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.0.query.push(entry(name, template));
        self
    }

    /// Adds a field to the form or JSON object in the body afterwards.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.0.fields.push(entry(name, template));
        self
    }
}
