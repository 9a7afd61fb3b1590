//! The connections that an instance was granted: parsed and checked once, when its options are validated.

use std::time::Duration;

use ::http::HeaderName;

use super::approved_name::check_name;
use super::authentication::{
    ClientAuthentication, Credentials, HttpAuthentication, OAuth2Client, OAuth2Grant, TokenKey, TokenLogin, TokenPlace,
};
use super::byte_meter::ByteMeter;
use super::connection::{Connection, HttpSetting};
use super::destination::{Authentication, Destination, GrantedConnection, SmtpSecurity};
use super::host_headers::routes;
use super::origin::{Origin, is_label, is_name};
use super::request_signature::SignatureScheme;
use super::rules::Rules;
use super::secret::Secret;
use super::{jwt, reflected_secrets, signature};
use crate::redact::Texts;
use crate::schema::{Part, Parts, Placement};

/// The connections of one instance. If empty, everything is denied.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) http: Vec<HttpGrant>,
    pub(crate) smtp: Option<SmtpGrant>,
    pub(crate) meter: ByteMeter,
}

#[derive(Debug)]
pub(crate) struct HttpGrant {
    pub(crate) origin: Origin,
    pub(crate) authentication: HttpAuthentication,
    /// By what its token is cached, if it needs one.
    pub(crate) token_key: Option<TokenKey>,
    /// By what challenges of HTTP Digest authentication are kept, if it takes the place of HTTP Basic authentication.
    pub(crate) challenge_key: Option<TokenKey>,
    /// How requests are signed, if they are.
    pub(crate) signature: Option<SignatureScheme>,
    /// Secrets that are removed from responses.
    pub(crate) secrets: Texts,
    /// The secret options that the host puts into requests.
    pub(crate) placed: Vec<Placement>,
    /// Their values, which are removed from responses.
    pub(crate) placed_secrets: Texts,
    /// Whether the code may be in the query.
    pub(crate) code_in_query: bool,
}

/// The secrets that a provider may place, by its schema.
#[derive(Clone, Copy, Default)]
pub(crate) struct Placeable<'a> {
    /// What the schema says.
    pub(crate) placements: &'a [Placement],
    /// The secrets that are set, by their JSON Pointers.
    pub(crate) secrets: &'a [(String, Secret)],
}

/// The most settings of one connection.
const MOST_SETTINGS: usize = 8;

/// The most fields of a login. Each response of the upstream is searched for the values of all of them.
const MOST_LOGIN_FIELDS: usize = 8;

#[derive(Debug)]
pub(crate) struct SmtpGrant {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: SmtpSecurity,
    pub(crate) credentials: Option<Credentials>,
    /// Secrets that are removed from replies.
    pub(crate) secrets: Texts,
    pub(crate) timeout: Duration,
}

/// A connection that cannot be granted. The text says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct GrantError(String);

impl Grants {
    /// Grants nothing.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Returns whether nothing is granted.
    pub(crate) fn reach_nobody(&self) -> bool {
        self.http.is_empty() && self.smtp.is_none()
    }

    /// Checks how many connections, settings and login fields a provider requested, and the names of these fields. A component may
    /// request as many as fit into its memory, so its result is checked before anything is compared or searched for in it.
    pub(crate) fn check_sizes(connections: &[Connection]) -> Result<(), GrantError> {
        if connections.len() > 8 {
            return Err(GrantError("an instance may request at most 8 connections".to_owned()));
        }
        for connection in connections {
            let Connection::Http { authentication, settings, .. } = connection else { continue };
            if settings.len() > MOST_SETTINGS {
                return Err(GrantError(format!("a connection may have at most {MOST_SETTINGS} settings")));
            }
            if let HttpAuthentication::Login(login) = authentication {
                check_login_fields(&login.fields).map_err(GrantError)?;
            }
        }
        Ok(())
    }

    /// Checks the connections that a provider requested against the operator's rules.
    pub(crate) fn new(
        connections: Vec<Connection>,
        placeable: Placeable<'_>,
        rules: &Rules,
    ) -> Result<Self, GrantError> {
        Self::check_sizes(&connections)?;
        let mut grants = Self::default();
        for connection in connections {
            match connection {
                Connection::Http { origin, authentication, settings } => {
                    let mut grant = http_grant(&origin, authentication, rules)?;
                    grant.apply(settings, placeable, rules)?;
                    grants.add_http(grant)?;
                }
                Connection::UnknownSmtp(setting) => return Err(unknown(&setting)),
                Connection::Smtp { host, port, security, credentials, timeout } => {
                    let (host, secrets) = (host.to_ascii_lowercase(), reflected_secrets::of_mail(credentials.as_ref()));
                    let asked = SmtpGrant { host, port, security, credentials, secrets, timeout };
                    grants.add_smtp(asked, rules)?;
                }
            }
        }
        Ok(grants)
    }

    /// Returns the option of a placed secret that is too short to be searched for in responses.
    pub(crate) fn too_short_to_place<'a>(&self, secrets: &'a [(String, Secret)]) -> Option<&'a str> {
        let is_placed = |option: &str| self.http.iter().any(|grant| grant.parts_of(option).is_some());
        let is_short = |secret: &Secret| secret.expose().chars().count() < reflected_secrets::SHORTEST;
        secrets.iter().find(|(option, secret)| is_short(secret) && is_placed(option)).map(|(option, _)| option.as_str())
    }

    fn add_http(&mut self, grant: HttpGrant) -> Result<(), GrantError> {
        if self.http.iter().any(|other| other.origin == grant.origin) {
            return Err(GrantError(format!("{} is requested twice: request each origin once", grant.origin)));
        }
        self.http.push(grant);
        Ok(())
    }

    /// Returns the permission to send requests to an origin, if there is one.
    pub(crate) fn http_at(&self, origin: &Origin) -> Option<&HttpGrant> {
        self.http.iter().find(|grant| grant.origin == *origin)
    }

    /// Returns whether the code may be in the query of this URL.
    pub(crate) fn takes_code_in_query(&self, url: &str) -> bool {
        self.http.iter().any(|grant| grant.code_in_query)
            && Origin::of_any_url(url)
                .is_ok_and(|(origin, _)| self.http_at(&origin).is_some_and(|grant| grant.code_in_query))
    }

    fn add_smtp(&mut self, asked: SmtpGrant, rules: &Rules) -> Result<(), GrantError> {
        if self.smtp.is_some() {
            return Err(GrantError("an instance may request only one SMTP server".to_owned()));
        }
        let (host, port) = (&asked.host, asked.port);
        let named = rules.names_smtp(host, port);
        let nameable = is_name(host) || named && is_label(host);
        if port == 0 || !nameable {
            return Err(GrantError(
                "an SMTP server needs a full host name and a port (a single-label name or an IP address only if the operator's \
                 network settings contain it)"
                    .to_owned(),
            ));
        }
        if asked.security == SmtpSecurity::Plaintext && !rules.allows_plaintext(host, port) {
            return Err(GrantError(format!(
                "mail to {host}:{port} without TLS is not allowed: turn TLS on, or have the operator list \
                 \"{host}:{port}\" under `allowed_plaintext_smtp`"
            )));
        }
        self.smtp = Some(asked);
        Ok(())
    }

    /// Returns how many bytes were exchanged over these connections since the last call: bodies of requests and responses, and emails.
    pub(crate) fn take_bytes(&self) -> u64 {
        self.meter.take()
    }

    pub(crate) fn origins(&self) -> usize {
        self.http.len()
    }

    /// Returns the granted connections, for approval.
    pub(crate) fn connections(&self) -> Vec<GrantedConnection> {
        let http = self.http.iter().map(|grant| GrantedConnection {
            placed: grant.placed.clone(),
            code_in_query: grant.code_in_query,
            destination: grant.destination(),
            authentication: match &grant.authentication {
                HttpAuthentication::None => Authentication::None,
                HttpAuthentication::Basic(_) if grant.challenge_key.is_some() => Authentication::Digest,
                HttpAuthentication::Basic(_) => Authentication::Basic,
                HttpAuthentication::Bearer(_) => Authentication::Bearer,
                HttpAuthentication::Header { name, .. } => Authentication::Header { name: name.clone() },
                HttpAuthentication::OAuth2(client) => Authentication::OAuth2 { token_url: client.token_url.clone() },
                HttpAuthentication::Jwt(_) => Authentication::Jwt,
                HttpAuthentication::Login(login) => Authentication::TokenLogin {
                    url: login.url.clone(),
                    format: login.format,
                    place: login.place.clone(),
                },
                HttpAuthentication::Signature(_) => Authentication::Signature,
                HttpAuthentication::AwsSignature(_) => Authentication::AwsSignature,
                HttpAuthentication::WebhookSignature(_) => Authentication::WebhookSignature,
            },
        });
        let smtp = self.smtp.iter().map(|grant| GrantedConnection {
            placed: Vec::new(),
            code_in_query: false,
            destination: grant.destination(),
            authentication: if grant.credentials.is_some() { Authentication::Login } else { Authentication::None },
        });
        http.chain(smtp).collect()
    }

    /// Returns what may be reached, token endpoints included, as the operator's network settings
    /// write it: `https://host` or `smtp://host:port`.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let issuer = |grant: &HttpGrant| {
            let url = grant.authentication.token_source()?;
            Origin::of_url(url).ok().map(|(origin, _)| origin)
        };
        let http = self.http.iter().flat_map(|grant| [Some(grant.origin.clone()), issuer(grant)]).flatten();
        let smtp = self.smtp.iter().map(|grant| format!("smtp://{}:{}", grant.host, grant.port));
        http.map(|origin| origin.to_string()).chain(smtp).collect()
    }

    /// Returns where secrets go. This must not change while a secret is kept.
    pub(crate) fn destinations(&self) -> Vec<Destination> {
        let http = self.http.iter().flat_map(|grant| {
            let origin = grant.origin.to_string();
            let mut destinations = vec![grant.destination()];
            let issuer = grant.authentication.token_source().map(str::to_owned);
            destinations.extend(issuer.map(Destination::Https));
            let placed = grant.placed.iter().cloned();
            destinations.extend(placed.map(|placement| Destination::Placed { origin: origin.clone(), placement }));
            if grant.code_in_query {
                destinations.push(Destination::CodeInQuery { origin });
            }
            destinations
        });
        let mut all: Vec<Destination> = http.chain(self.smtp.iter().map(SmtpGrant::destination)).collect();
        all.sort();
        all
    }
}

impl HttpGrant {
    fn destination(&self) -> Destination {
        let origin = self.origin.to_string();
        if self.origin.is_https() { Destination::Https(origin) } else { Destination::Http(origin) }
    }
}

impl SmtpGrant {
    fn destination(&self) -> Destination {
        Destination::Smtp { host: self.host.clone(), port: self.port, security: self.security }
    }
}

fn http_grant(origin: &str, authentication: HttpAuthentication, rules: &Rules) -> Result<HttpGrant, GrantError> {
    let origin = allowed_origin(origin, rules)?;
    check(&authentication).map_err(GrantError)?;
    let signature = match &authentication {
        HttpAuthentication::Signature(asked) => Some(SignatureScheme::new(asked).map_err(GrantError)?),
        _ => None,
    };
    let token_key = authentication.token_key();
    let digest = rules.demands_digest(&origin).then(|| authentication.challenge_key(&origin.to_string()));
    let challenge_key = digest.flatten();
    let secrets = reflected_secrets::of_http(&authentication);
    let (placed, placed_secrets, code_in_query) = (Vec::new(), Texts::default(), false);
    Ok(HttpGrant {
        origin,
        authentication,
        token_key,
        challenge_key,
        signature,
        secrets,
        placed,
        placed_secrets,
        code_in_query,
    })
}

impl HttpGrant {
    /// Adds what a provider asked for beside the authentication.
    fn apply(&mut self, settings: Vec<HttpSetting>, placeable: Placeable<'_>, rules: &Rules) -> Result<(), GrantError> {
        for setting in settings {
            match setting {
                HttpSetting::PlaceSecret(option) => self.place(&option, placeable)?,
                HttpSetting::CodeInQuery if rules.allows_code_in_query(&self.origin) => self.code_in_query = true,
                HttpSetting::CodeInQuery => {
                    let origin = &self.origin;
                    return Err(GrantError(format!(
                        "{origin} gets the code in the URL, and URLs are written to logs: use another API of this upstream, \
                         or have the operator list \"{origin}\" under `allowed_code_in_query`"
                    )));
                }
                HttpSetting::Unknown(name) => return Err(unknown(&name)),
            }
        }
        let values = placeable.secrets.iter().filter(|(option, _)| self.parts_of(option).is_some());
        self.placed_secrets = Texts::new(values.map(|(_, secret)| secret.expose()), reflected_secrets::SHORTEST);
        Ok(())
    }

    fn place(&mut self, option: &str, placeable: Placeable<'_>) -> Result<(), GrantError> {
        let Some(placement) = placeable.placements.iter().find(|placement| placement.option == option) else {
            return Err(GrantError(format!(
                "the provider requests to place the option `{}`, whose schema has no `x-twofactor-placement`",
                printable(option)
            )));
        };
        if !self.placed.contains(placement) {
            self.placed.push(placement.clone());
        }
        Ok(())
    }

    /// Returns whether a header may have a secret in it, so that no connection remembers it.
    pub(crate) fn places_in_headers(&self) -> bool {
        self.placed.iter().any(|placement| placement.parts.contains(Part::Header))
    }

    /// Returns the parts of requests to this origin that the host puts a secret option into, if it does.
    pub(crate) fn parts_of(&self, option: &str) -> Option<Parts> {
        self.placed.iter().find(|placement| placement.option == option).map(|placement| placement.parts)
    }
}

fn unknown(setting: &str) -> GrantError {
    GrantError(format!(
        "the provider requests the connection setting `{}`, which this version of TwoFactor does not know: update TwoFactor",
        printable(setting)
    ))
}

/// Returns a component's name for something, in characters that a message may contain.
fn printable(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_ascii_graphic() { c } else { '\u{fffd}' }).collect()
}

/// Parses an origin of a provider's: encrypted and with a name, unless the operator allowed it.
fn allowed_origin(text: &str, rules: &Rules) -> Result<Origin, GrantError> {
    match Origin::parse_any(text) {
        Ok(origin) if rules.allows_origin(&origin) => Ok(origin),
        _ => secure_origin(text),
    }
}

fn secure_origin(text: &str) -> Result<Origin, GrantError> {
    let origin = Origin::parse(text).map_err(GrantError)?;
    if !origin.is_https() {
        return Err(GrantError(format!(
            "{origin} is not encrypted: only https origins are allowed, and those that the operator lists under `allowed_plaintext_http`"
        )));
    }
    Ok(origin)
}

/// Checks how the host is to authenticate. The text of an error says what to do.
fn check(authentication: &HttpAuthentication) -> Result<(), String> {
    if let Some(url) = authentication.token_source() {
        let (origin, _) = Origin::of_url(url)?;
        secure_origin(&origin.to_string()).map_err(|error| error.0)?;
    }
    match authentication {
        HttpAuthentication::None
        | HttpAuthentication::Basic(_)
        | HttpAuthentication::Bearer(_)
        // It is checked as it is read.
        | HttpAuthentication::Signature(_) => Ok(()),
        HttpAuthentication::Header { name, .. } => check_header(name),
        HttpAuthentication::OAuth2(client) => check_client(client),
        HttpAuthentication::Jwt(token) => jwt::check(token),
        HttpAuthentication::Login(login) => check_login(login),
        HttpAuthentication::AwsSignature(key) => signature::check_aws(key),
        HttpAuthentication::WebhookSignature(secret) => signature::webhook_key(secret).map(|_| ()),
    }
}

fn check_header(name: &str) -> Result<(), String> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "the name of an authenticating header is malformed".to_owned())?;
    match routes(&parsed) {
        true => Err(format!("`{parsed}` controls how requests are routed and cannot be used to authenticate")),
        false => check_name("an authenticating header", name),
    }
}

/// Parameters of a token request that the host sets.
const TOKEN_PARAMETERS: [&str; 7] =
    ["grant_type", "client_id", "client_secret", "scope", "assertion", "client_assertion", "client_assertion_type"];

fn check_client(client: &OAuth2Client) -> Result<(), String> {
    jwt::check_entries("the parameters of a token request", &client.parameters, &TOKEN_PARAMETERS)?;
    match &client.authentication {
        ClientAuthentication::SecretInHeader(_) | ClientAuthentication::PrivateKeyJwt(_)
            if client.client_id.is_empty() =>
        {
            return Err("a client that authenticates by HTTP Basic or by an assertion needs a client id".to_owned());
        }
        ClientAuthentication::PrivateKeyJwt(key) => jwt::check_key(key)?,
        _ => {}
    }
    match &client.grant {
        OAuth2Grant::ClientCredentials => Ok(()),
        OAuth2Grant::JwtBearer(token) => jwt::check(token),
    }
}

fn check_login_fields(fields: &[(String, Secret)]) -> Result<(), String> {
    if fields.len() > MOST_LOGIN_FIELDS {
        return Err(format!("a login may have at most {MOST_LOGIN_FIELDS} fields"));
    }
    let names = fields.iter().map(|(name, _)| (name.clone(), String::new())).collect();
    jwt::check_entries("the fields of a login", &names, &[])?;
    fields.iter().try_for_each(|(name, _)| check_name("a field of a login", name))
}

fn check_login(login: &TokenLogin) -> Result<(), String> {
    jwt::check_entries("the expected values of a login", &login.expected, &[])?;
    let mut pointers = login.expected.iter().map(|(pointer, _)| pointer).chain([&login.token, &login.valid_seconds]);
    if login.token.is_empty() || pointers.any(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        return Err(
            "a login needs JSON Pointers, such as `/access_token`, to its token and to what it expects".to_owned()
        );
    }
    if login.default_valid_seconds > 86_400 {
        return Err("a token of a login is valid for at most 86400 seconds".to_owned());
    }
    match &login.place {
        TokenPlace::Bearer => Ok(()),
        TokenPlace::Header(name) => check_header(name),
        TokenPlace::Query(name) => check_name("the parameter that contains a token", name),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::egress::policy::LoginFormat;
    use crate::egress::policy::authentication::{HmacHash, HmacKey, KeyEncoding, RequestSignature, SignatureTemplates};

    #[test]
    fn an_origin_without_tls_or_with_an_address_needs_the_operators_leave_for_this_very_origin() {
        let named = ["http://192.168.1.20:8080", "https://10.0.0.1", "http://gateway", "http://sms.example.com"];
        let network = named.iter().fold(crate::Network::builder(), |it, origin| it.allow_plaintext_http(origin));
        let (network, other) = (network.build().unwrap(), crate::Network::builder().build().unwrap());
        let granted = |origin: &str, network: &crate::Network| {
            let (origin, authentication) = (origin.to_owned(), HttpAuthentication::None);
            let connection = Connection::Http { origin, authentication, settings: Vec::new() };
            Grants::new(vec![connection], Placeable::default(), network.rules())
        };
        for origin in named {
            let grants = granted(origin, &network).unwrap();
            assert_eq!(grants.connections()[0].to_string(), origin);
            assert_eq!(origin.parse::<GrantedConnection>().unwrap(), grants.connections()[0]);
            assert!(granted(origin, &other).is_err(), "{origin}");
        }
        for origin in [
            "http://192.168.1.20",
            "http://192.168.1.21:8080",
            "https://192.168.1.20:8080",
            "http://10.0.0.1",
            "http://sms.example.com:8080",
            "http://3232235796:8080",
            "http://192.168.1.20:8080/",
            "http://user@192.168.1.20:8080",
        ] {
            assert!(granted(origin, &network).is_err(), "{origin}");
        }
    }

    #[test]
    fn a_login_has_at_most_eight_fields() {
        let network = crate::Network::builder().build().unwrap();
        let granted = |fields: usize| {
            let login = TokenLogin {
                url: "https://a.example.com/login".to_owned(),
                fields: (0..fields).map(|n| (format!("field{n}"), Secret::new("s3cret"))).collect(),
                format: LoginFormat::Json,
                expected: Vec::new(),
                token: "/token".to_owned(),
                valid_seconds: String::new(),
                default_valid_seconds: 600,
                place: TokenPlace::Bearer,
            };
            let authentication = HttpAuthentication::Login(Box::new(login));
            let origin = "https://a.example.com".to_owned();
            let connection = Connection::Http { origin, authentication, settings: Vec::new() };
            Grants::new(vec![connection], Placeable::default(), network.rules()).map(|grants| grants.connections())
        };
        let text = "https://a.example.com token-login=json,bearer,https://a.example.com/login";
        assert_eq!(granted(8).unwrap()[0].to_string(), text);
        assert!(granted(9).unwrap_err().to_string().contains("at most 8 fields"));
    }

    #[test]
    fn a_header_that_routes_authenticates_nobody() {
        let network = crate::Network::builder().build().unwrap();
        let granted = |name: &str| {
            let authentication = HttpAuthentication::Header { name: name.to_owned(), value: Secret::new("s3cret") };
            let origin = "https://a.example.com".to_owned();
            let connection = Connection::Http { origin, authentication, settings: Vec::new() };
            Grants::new(vec![connection], Placeable::default(), network.rules())
        };
        assert!(granted("X-Api-Key").is_ok());
        for name in ["Host", "Forwarded", "X-Forwarded-Host", "x_forwarded_for", "X-HTTP-Method-Override", "a b", ""] {
            assert!(granted(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_that_people_are_shown_is_short_and_readable() {
        let network = crate::Network::builder().build().unwrap();
        let is_granted = |authentication: HttpAuthentication| {
            let origin = "https://a.example.com".to_owned();
            let connection = Connection::Http { origin, authentication, settings: Vec::new() };
            Grants::new(vec![connection], Placeable::default(), network.rules()).is_ok()
        };
        let login = |field: &str, place: TokenPlace| {
            HttpAuthentication::Login(Box::new(TokenLogin {
                url: "https://a.example.com/login".to_owned(),
                fields: vec![(field.to_owned(), Secret::new("s3cret"))],
                format: LoginFormat::Json,
                expected: Vec::new(),
                token: "/token".to_owned(),
                valid_seconds: String::new(),
                default_valid_seconds: 600,
                place,
            }))
        };
        let signature = |query: &[&str], fields: &[&str]| {
            let named = |names: &[&str]| -> Vec<(String, String)> {
                names.iter().map(|name| ((*name).to_owned(), "{signature|hex}".to_owned())).collect()
            };
            let encoding = KeyEncoding::Text;
            HttpAuthentication::Signature(Box::new(RequestSignature {
                key: HmacKey { hash: HmacHash::Sha256, key: Secret::new("s3cret"), encoding },
                templates: SignatureTemplates {
                    key_steps: Vec::new(),
                    values: Vec::new(),
                    signed_headers: Vec::new(),
                    text: "{body}".to_owned(),
                    headers: Vec::new(),
                    query: named(query),
                    fields: named(fields),
                },
            }))
        };
        let header = |name: &str| HttpAuthentication::Header { name: name.to_owned(), value: Secret::new("s3cret") };
        let (longest, longer) = ("n".repeat(128), "n".repeat(129));
        for (name, granted) in [
            ("sign", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            ("", false),
            ("a\u{202e}b", false),
            ("a\u{200b}b", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_granted(header(name)), granted, "a header: {name:?}");
            assert_eq!(is_granted(login(name, TokenPlace::Bearer)), granted, "a field: {name:?}");
            assert_eq!(is_granted(login("key", TokenPlace::Header(name.to_owned()))), granted, "a place: {name:?}");
            assert_eq!(is_granted(login("key", TokenPlace::Query(name.to_owned()))), granted, "a parameter: {name:?}");
            assert_eq!(is_granted(signature(&[name], &[])), granted, "a signed parameter: {name:?}");
            assert_eq!(is_granted(signature(&[], &[name])), granted, "a signed field: {name:?}");
        }
    }

    /// What is granted with these settings, if `/Key` may be placed in the body.
    fn with_settings(settings: Vec<HttpSetting>) -> Result<Grants, GrantError> {
        let network = crate::Network::builder().allow_code_in_query("https://logs.example.com").build().unwrap();
        let placements = [Placement { option: "/Key".to_owned(), parts: "body".parse().unwrap() }];
        let secrets = [("/Key".to_owned(), Secret::new("s3cret"))];
        let (origin, authentication) = ("https://logs.example.com".to_owned(), HttpAuthentication::None);
        let placeable = Placeable { placements: &placements, secrets: &secrets };
        Grants::new(vec![Connection::Http { origin, authentication, settings }], placeable, network.rules())
    }

    #[test]
    fn a_setting_that_cannot_be_granted_is_refused_by_its_name() {
        let place = |option: &str| HttpSetting::PlaceSecret(option.to_owned());
        let granted = with_settings(vec![place("/Key"), place("/Key"), HttpSetting::CodeInQuery]).unwrap();
        assert_eq!(granted.connections()[0].to_string(), "https://logs.example.com place=body:/Key code-in-query");
        let destinations: Vec<_> = granted.destinations().iter().map(ToString::to_string).collect();
        assert_eq!(
            destinations,
            [
                "https://logs.example.com",
                "https://logs.example.com place=body:/Key",
                "https://logs.example.com code-in-query"
            ]
        );
        for (settings, named) in [
            (vec![place("/Other")], "`/Other`"),
            (vec![place("Key")], "`Key`"),
            (vec![HttpSetting::Unknown("keep-open".to_owned())], "`keep-open`"),
            (vec![place("/Key"); 9], "at most 8"),
        ] {
            let error = with_settings(settings).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_code_in_the_query_needs_the_operators_leave_for_this_very_origin() {
        for (allowed, origin, granted) in [
            ("https://logs.example.com", "https://logs.example.com", true),
            ("https://logs.example.com", "https://logs.example.com:8443", false),
            ("https://example.com", "https://logs.example.com", false),
        ] {
            let network = crate::Network::builder().allow_code_in_query(allowed).build().unwrap();
            let (authentication, settings) = (HttpAuthentication::None, vec![HttpSetting::CodeInQuery]);
            let connection = Connection::Http { origin: origin.to_owned(), authentication, settings };
            let result = Grants::new(vec![connection], Placeable::default(), network.rules());
            assert_eq!(result.is_ok(), granted, "{origin}");
            let named = |error: GrantError| error.to_string().contains("`allowed_code_in_query`");
            assert!(result.err().is_none_or(named), "{origin}");
        }
        assert!(crate::Network::builder().allow_code_in_query("logs.example.com").build().is_err());
    }
}
