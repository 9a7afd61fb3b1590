//! How the host authenticates at an origin, in the host's own types, and what of it must not depend on a secret.

use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};

use super::secret::Secret;

/// Names and values, in the order in which the provider gave them.
pub(crate) type Entries = Vec<(String, String)>;

/// By what a token is cached.
pub(crate) type TokenKey = [u8; 32];

/// A user name and its password.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// A key of Amazon Web Services, and what its signatures are for.
#[derive(Debug, Clone)]
pub(crate) struct AwsKey {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// The algorithm of a JSON Web Signature (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum JwtAlgorithm {
    Hs256,
    Rs256,
    Es256,
}

/// A key that signs JSON Web Tokens.
#[derive(Debug, Clone, Hash)]
pub(crate) struct JwtKey {
    pub(crate) algorithm: JwtAlgorithm,
    /// A private key in PEM; for HS256 the secret itself.
    pub(crate) key: Secret,
    /// More members of a token's header.
    pub(crate) header: Entries,
}

/// A JSON Web Token that the host signs.
#[derive(Debug, Clone, Hash)]
pub(crate) struct SignedJwt {
    pub(crate) key: JwtKey,
    pub(crate) claims: Entries,
    pub(crate) valid_seconds: u32,
}

/// How an OAuth 2.0 client authenticates at the token endpoint.
#[derive(Debug, Clone, Hash)]
pub(crate) enum ClientAuthentication {
    None,
    SecretInBody(Secret),
    SecretInHeader(Secret),
    PrivateKeyJwt(JwtKey),
}

/// What an access token is requested with.
#[derive(Debug, Clone, Hash)]
pub(crate) enum OAuth2Grant {
    ClientCredentials,
    JwtBearer(SignedJwt),
}

/// An OAuth 2.0 client.
#[derive(Debug, Clone, Hash)]
pub(crate) struct OAuth2Client {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) grant: OAuth2Grant,
    pub(crate) scope: String,
    /// More parameters of the token request.
    pub(crate) parameters: Entries,
}

/// How the secrets of a login are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoginFormat {
    /// `query`: in the query of the URL, which is written to logs.
    Query,
    /// `form`: in a form.
    Form,
    /// `json`: in a JSON object.
    Json,
}

/// Where the token of a login goes in each request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenPlace {
    /// `bearer`: `Authorization: Bearer`.
    Bearer,
    /// `header:NAME`: a header of this name.
    Header(String),
    /// `query:NAME`: a parameter of this name in the query of the URL, which is written to logs.
    Query(String),
}

/// The upstream's own login, whose response contains a token.
#[derive(Debug, Clone, Hash)]
pub(crate) struct TokenLogin {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, Secret)>,
    pub(crate) format: LoginFormat,
    /// JSON Pointers into the response, and what must be there.
    pub(crate) expected: Entries,
    /// JSON Pointer to the token.
    pub(crate) token: String,
    /// JSON Pointer to the number of seconds for which it is valid; may be empty.
    pub(crate) valid_seconds: String,
    pub(crate) default_valid_seconds: u32,
    pub(crate) place: TokenPlace,
}

/// The hash function of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HmacHash {
    Sha1,
    Sha256,
    Sha512,
}

/// How the text of a key represents its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyEncoding {
    Text,
    Hex,
    Base64,
}

/// A key for HMAC.
#[derive(Debug, Clone)]
pub(crate) struct HmacKey {
    pub(crate) hash: HmacHash,
    pub(crate) key: Secret,
    pub(crate) encoding: KeyEncoding,
}

/// A signature over requests, as the provider describes it: the texts are templates.
#[derive(Debug, Clone)]
pub(crate) struct RequestSignature {
    pub(crate) key: HmacKey,
    pub(crate) templates: SignatureTemplates,
}

/// The templates of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureTemplates {
    pub(crate) key_steps: Vec<String>,
    pub(crate) values: Entries,
    pub(crate) signed_headers: Entries,
    pub(crate) text: String,
    pub(crate) headers: Entries,
    pub(crate) query: Entries,
    pub(crate) fields: Entries,
}

/// How the host authenticates at an origin.
#[derive(Debug, Clone)]
pub(crate) enum HttpAuthentication {
    None,
    Basic(Credentials),
    Bearer(Secret),
    Header { name: String, value: Secret },
    OAuth2(Box<OAuth2Client>),
    Jwt(SignedJwt),
    Login(Box<TokenLogin>),
    Signature(Box<RequestSignature>),
    AwsSignature(AwsKey),
    WebhookSignature(Secret),
}

/// Returns the name of the first field that differs.
pub(super) fn first<const N: usize>(fields: [(&'static str, bool); N]) -> Option<&'static str> {
    fields.into_iter().find_map(|(name, differs)| differs.then_some(name))
}

impl Credentials {
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        (self.username != other.username).then_some("the user name")
    }
}

impl JwtKey {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        first([
            ("the algorithm of a token", self.algorithm != other.algorithm),
            ("the header of a token", self.header != other.header),
        ])
    }
}

impl SignedJwt {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        self.key.difference(&other.key).or_else(|| {
            first([
                ("a claim of a token", self.claims != other.claims),
                ("how long a token is valid", self.valid_seconds != other.valid_seconds),
            ])
        })
    }
}

impl ClientAuthentication {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::None, Self::None)
            | (Self::SecretInBody(_), Self::SecretInBody(_))
            | (Self::SecretInHeader(_), Self::SecretInHeader(_)) => None,
            (Self::PrivateKeyJwt(one), Self::PrivateKeyJwt(other)) => one.difference(other),
            _ => Some("the way to authenticate at the token endpoint"),
        }
    }
}

impl OAuth2Grant {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::ClientCredentials, Self::ClientCredentials) => None,
            (Self::JwtBearer(one), Self::JwtBearer(other)) => one.difference(other),
            _ => Some("the grant"),
        }
    }
}

impl OAuth2Client {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        first([
            ("the token URL", self.token_url != other.token_url),
            ("the client id", self.client_id != other.client_id),
            ("the scope", self.scope != other.scope),
            ("a parameter of the token request", self.parameters != other.parameters),
        ])
        .or_else(|| self.authentication.difference(&other.authentication))
        .or_else(|| self.grant.difference(&other.grant))
    }

    fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        let mut all = match &mut self.authentication {
            ClientAuthentication::None => Vec::new(),
            ClientAuthentication::SecretInBody(secret) | ClientAuthentication::SecretInHeader(secret) => vec![secret],
            ClientAuthentication::PrivateKeyJwt(key) => vec![&mut key.key],
        };
        if let OAuth2Grant::JwtBearer(token) = &mut self.grant {
            all.push(&mut token.key.key);
        }
        all
    }
}

impl TokenLogin {
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let names = |login: &Self| login.fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        first([
            ("the login URL", self.url != other.url),
            ("the name of a field of the login", names(self) != names(other)),
            ("how a login is sent", self.format != other.format),
            ("the expected response to a login", self.expected != other.expected),
            ("where a token is found", (&self.token, &self.valid_seconds) != (&other.token, &other.valid_seconds)),
            ("how long a token is valid", self.default_valid_seconds != other.default_valid_seconds),
            ("where a token is placed", self.place != other.place),
        ])
    }
}

impl HmacKey {
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        first([
            ("the hash function of a signature", self.hash != other.hash),
            ("how a key is written", self.encoding != other.encoding),
        ])
    }
}

impl HttpAuthentication {
    /// Names a field that differs, except for secrets.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::None, Self::None)
            | (Self::Bearer(_), Self::Bearer(_))
            | (Self::WebhookSignature(_), Self::WebhookSignature(_)) => None,
            (Self::Basic(one), Self::Basic(other)) => one.difference(other),
            (Self::Header { name: one, .. }, Self::Header { name: other, .. }) => {
                (one != other).then_some("the name of the authenticating header")
            }
            (Self::OAuth2(one), Self::OAuth2(other)) => one.difference(other),
            (Self::Jwt(one), Self::Jwt(other)) => one.difference(other),
            (Self::Login(one), Self::Login(other)) => one.difference(other),
            (Self::Signature(one), Self::Signature(other)) => one
                .key
                .difference(&other.key)
                .or_else(|| first([("a template of the signature", one.templates != other.templates)])),
            (Self::AwsSignature(one), Self::AwsSignature(other)) => first([
                ("the access key's id", one.access_key_id != other.access_key_id),
                ("the region", one.region != other.region),
                ("the service", one.service != other.service),
            ]),
            _ => Some("the way to authenticate"),
        }
    }

    /// Returns the secrets that authenticate, always in the same order.
    pub(crate) fn secrets_mut(&mut self) -> Vec<&mut Secret> {
        match self {
            Self::None => Vec::new(),
            Self::Basic(credentials) => vec![&mut credentials.password],
            Self::Bearer(secret) | Self::Header { value: secret, .. } | Self::WebhookSignature(secret) => vec![secret],
            Self::OAuth2(client) => client.secrets_mut(),
            Self::Jwt(token) => vec![&mut token.key.key],
            Self::Login(login) => login.fields.iter_mut().map(|(_, value)| value).collect(),
            Self::Signature(signature) => vec![&mut signature.key.key],
            Self::AwsSignature(key) => vec![&mut key.secret_access_key],
        }
    }

    /// Returns the names of the query's parameters that the host adds.
    pub(crate) fn query_parameters(&self) -> impl Iterator<Item = &str> {
        let (place, added): (_, &[(String, String)]) = match self {
            Self::Login(login) => (Some(&login.place), &[]),
            Self::Signature(signature) => (None, &signature.templates.query),
            _ => (None, &[]),
        };
        let place = place.and_then(|place| match place {
            TokenPlace::Query(name) => Some(name.as_str()),
            TokenPlace::Bearer | TokenPlace::Header(_) => None,
        });
        place.into_iter().chain(added.iter().map(|(name, _)| name.as_str()))
    }

    /// Returns by what a token is cached: equal only for what obtains the same tokens, secrets included. `None` if there are no
    /// tokens.
    pub(crate) fn token_key(&self) -> Option<TokenKey> {
        Some(match self {
            Self::OAuth2(client) => key_of((1_u8, client)),
            Self::Login(login) => key_of((2_u8, login)),
            Self::Jwt(token) => key_of((3_u8, token)),
            _ => return None,
        })
    }

    /// Returns by what challenges of HTTP Digest authentication are kept, if there is a user name and a password.
    pub(crate) fn challenge_key(&self, origin: &str) -> Option<TokenKey> {
        match self {
            Self::Basic(credentials) => Some(key_of((4_u8, origin, credentials))),
            _ => None,
        }
    }

    /// Returns the URL at which the host obtains a token, if it does.
    pub(crate) fn token_source(&self) -> Option<&str> {
        match self {
            Self::OAuth2(client) => Some(&client.token_url),
            Self::Login(login) => Some(&login.url),
            _ => None,
        }
    }
}

/// Returns a key for a cache: no two values share one.
fn key_of(value: impl Hash) -> TokenKey {
    struct Feed(Sha256);
    impl Hasher for Feed {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut feed = Feed(Sha256::new());
    value.hash(&mut feed);
    feed.0.finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn entries(name: &str, value: &str) -> Entries {
        vec![(name.to_owned(), value.to_owned())]
    }

    fn jwt_key(key: &str) -> JwtKey {
        JwtKey { algorithm: JwtAlgorithm::Hs256, key: Secret::new(key), header: Vec::new() }
    }

    fn token() -> SignedJwt {
        SignedJwt { key: jwt_key("key"), claims: entries("iss", "a"), valid_seconds: 60 }
    }

    fn client() -> OAuth2Client {
        OAuth2Client {
            token_url: "https://login.example.com/token".to_owned(),
            client_id: "id".to_owned(),
            authentication: ClientAuthentication::SecretInBody(Secret::new("secret")),
            grant: OAuth2Grant::ClientCredentials,
            scope: "send".to_owned(),
            parameters: entries("audience", "a"),
        }
    }

    fn login() -> TokenLogin {
        TokenLogin {
            url: "https://login.example.com/token".to_owned(),
            fields: vec![("secret".to_owned(), Secret::new("secret"))],
            format: LoginFormat::Json,
            expected: entries("/code", "0"),
            token: "/token".to_owned(),
            valid_seconds: "/expires".to_owned(),
            default_valid_seconds: 60,
            place: TokenPlace::Bearer,
        }
    }

    /// Otherwise an instance would send another one's token.
    #[test]
    fn a_token_is_found_again_only_with_all_that_it_was_obtained_with() {
        let clients: [fn(&mut OAuth2Client); 11] = [
            |_| {},
            |client| client.token_url.push('2'),
            |client| client.client_id.push('2'),
            |client| client.authentication = ClientAuthentication::SecretInBody(Secret::new("secret2")),
            |client| client.authentication = ClientAuthentication::SecretInHeader(Secret::new("secret")),
            |client| client.authentication = ClientAuthentication::PrivateKeyJwt(jwt_key("secret")),
            |client| client.authentication = ClientAuthentication::None,
            |client| client.grant = OAuth2Grant::JwtBearer(token()),
            |client| client.scope.push('2'),
            |client| client.parameters = entries("audience", "b"),
            |client| client.parameters = entries("audienc", "ea"),
        ];
        let tokens: [fn(&mut SignedJwt); 6] = [
            |_| {},
            |token| token.key = jwt_key("key2"),
            |token| token.key.algorithm = JwtAlgorithm::Es256,
            |token| token.key.header = entries("kid", "a"),
            |token| token.claims = entries("iss", "b"),
            |token| token.valid_seconds = 61,
        ];
        let logins: [fn(&mut TokenLogin); 10] = [
            |_| {},
            |login| login.url.push('2'),
            |login| login.fields[0].0.push('2'),
            |login| login.fields[0].1 = Secret::new("secret2"),
            |login| login.format = LoginFormat::Form,
            |login| login.expected = entries("/code", "1"),
            |login| login.token.push('2'),
            |login| login.valid_seconds.clear(),
            |login| login.default_valid_seconds = 61,
            |login| login.place = TokenPlace::Header("token".to_owned()),
        ];
        let changed = |change: fn(&mut OAuth2Client)| {
            let mut client = client();
            change(&mut client);
            HttpAuthentication::OAuth2(Box::new(client))
        };
        let mut all: Vec<_> = clients.into_iter().map(changed).collect();
        all.extend(tokens.into_iter().map(|change| {
            let mut token = token();
            change(&mut token);
            HttpAuthentication::Jwt(token)
        }));
        all.extend(logins.into_iter().map(|change| {
            let mut login = login();
            change(&mut login);
            HttpAuthentication::Login(Box::new(login))
        }));
        let keys: HashSet<_> = all.iter().map(|one| one.token_key().unwrap()).collect();
        assert_eq!(keys.len(), all.len());
        assert!(all.iter().all(|one| one.clone().token_key() == one.token_key()));
    }

    #[test]
    fn a_challenge_is_kept_for_one_origin_and_one_login() {
        let key = |origin: &str, username: &str, password: &str| {
            let credentials = Credentials { username: username.to_owned(), password: Secret::new(password) };
            HttpAuthentication::Basic(credentials).challenge_key(origin).unwrap()
        };
        let own = key("https://a.example.com", "user", "password");
        assert_eq!(own, key("https://a.example.com", "user", "password"));
        for other in [
            key("https://b.example.com", "user", "password"),
            key("https://a.example.com", "user2", "password"),
            key("https://a.example.com", "user", "password2"),
            key("https://a.example.com", "userp", "assword"),
        ] {
            assert_ne!(own, other);
        }
        assert_eq!(HttpAuthentication::Bearer(Secret::new("token")).challenge_key("https://a.example.com"), None);
    }
}
