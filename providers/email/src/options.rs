//! The options of an email instance.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use twofactor_provider::{Problem, Secret, problem};

/// Email from one sender through one server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The sender's email address.
    #[serde(rename = "EMailSenderAddress")]
    #[schemars(length(min = 3, max = 254), email)]
    pub sender_address: String,
    /// The sender's display name (optional).
    #[serde(rename = "EMailSenderName", default)]
    #[schemars(length(max = 100))]
    pub sender_name: Option<String>,
    /// The mail server: SMTP or Microsoft 365.
    #[serde(rename = "MailServerConfig")]
    pub server: MailServer,
}

/// The mail server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "MailType")]
#[schemars(extend("type" = "object"))]
pub enum MailServer {
    /// An SMTP server.
    #[serde(rename = "SMTP")]
    Smtp(SmtpServer),
    /// A Microsoft 365 mailbox, through Microsoft Graph.
    #[serde(rename = "M365")]
    M365(Tenant),
}

/// An SMTP server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SmtpServer {
    /// The server's host name, as it appears in its certificate.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// The port: 465 for implicit TLS, 587 for STARTTLS.
    #[serde(default = "tls_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Encrypt the connection: implicit TLS on port 465, STARTTLS on any other port. Leave this on.
    #[serde(rename = "EnableSSL", default = "yes")]
    pub enable_ssl: bool,
    /// The user name to log in with. Leave empty if the server requires no login.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub user_name: Option<String>,
    /// The password to log in with. Leave empty if there is no user name.
    #[serde(default, deserialize_with = "password")]
    #[schemars(schema_with = "password_schema")]
    pub password: Option<Secret>,
    /// The time limit for sending one email, in milliseconds.
    #[serde(default = "twenty_seconds")]
    #[schemars(range(min = 1000, max = 60000))]
    pub timeout: u32,
}

/// Returns the port of implicit TLS (RFC 8314 section 7.3).
fn tls_port() -> u16 {
    465
}

fn yes() -> bool {
    true
}

fn twenty_seconds() -> u32 {
    20_000
}

/// An application registered in Microsoft Entra with the permission Mail.Send.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Tenant {
    /// The application's client id.
    #[schemars(length(min = 1, max = 100))]
    pub client_id: String,
    /// The application's client secret.
    pub client_secret: Secret,
    /// The directory (tenant) id or domain.
    #[schemars(length(min = 1, max = 253))]
    pub tenant_id: String,
    /// The object id or user principal name of the mailbox that sends.
    #[schemars(length(min = 1, max = 254))]
    pub user_id: String,
    /// The tenant's cloud. Default: Global.
    #[serde(default)]
    pub cloud: Cloud,
}

/// A Microsoft cloud.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
pub enum Cloud {
    /// The global cloud.
    #[default]
    Global,
    /// The cloud for the US government.
    UsGov,
    /// The cloud operated by 21Vianet in China.
    China,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !is_address(&self.sender_address) {
            problems.push(problem(
                "/EMailSenderAddress",
                "must be an email address such as codes@example.com, with a domain name that does not end in a dot",
            ));
        }
        let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if self.sender_name.as_ref().is_some_and(|name| name.chars().any(breaks_line)) {
            problems.push(problem("/EMailSenderName", "must be a single line"));
        }
        match &self.server {
            MailServer::Smtp(server) => {
                if server.user_name().is_some() != server.password.is_some() {
                    problems.push(problem(
                        "/MailServerConfig/UserName",
                        "`UserName` and `Password` belong together: set both or neither",
                    ));
                }
            }
            MailServer::M365(tenant) => {
                let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
                if !is_segment(&tenant.tenant_id) || !tenant.tenant_id.chars().all(word) {
                    problems.push(problem("/MailServerConfig/TenantId", "must be the directory (tenant) id or domain"));
                }
                let in_name = |c| word(c) || matches!(c, '@' | '+' | '#');
                if !is_segment(&tenant.user_id) || !tenant.user_id.chars().all(in_name) {
                    problems.push(problem(
                        "/MailServerConfig/UserId",
                        "must be the user's object id or user principal name",
                    ));
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl SmtpServer {
    /// Returns the user name to log in with. A form may send an empty one.
    pub fn user_name(&self) -> Option<&String> {
        self.user_name.as_ref().filter(|name| !name.is_empty())
    }
}

/// Reads an empty password as none: `configure` checks that the user name is empty too.
fn password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<Secret>::deserialize(deserializer)?.filter(|password| !password.reveal().is_empty()))
}

/// Returns a secret that may be empty.
fn password_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = Secret::json_schema(generator);
    schema.insert("minLength".to_owned(), 0.into());
    schema
}

/// Returns whether mail servers accept a text as a sender (RFC 5321 section 4.1.2): a dot-string, and a domain name.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii() && !c.is_whitespace();
    let local_fits = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let label = |label: &str| {
        let fits =
            |c: char| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii() && !c.is_whitespace() && !c.is_control();
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let domain_fits =
        domain.contains('.') && domain.split('.').all(label) && !domain.rsplit('.').next().is_some_and(is_number);
    local_fits && domain_fits
}

/// Returns whether a text stays a single segment of a path: `..` would go up (RFC 3986 section 5.2.4).
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}
