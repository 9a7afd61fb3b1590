//! Failures of exchanges with upstreams, as data: each surface words them in its reader's language.

use std::fmt;
use std::io;

use rustls::CertificateError;
use serde::Serialize;

use super::policy::{NotDialled, Origin};

/// The maximum number of names of a certificate that are passed on, and their maximum length in
/// bytes.
const NAMES: usize = 8;
const NAME_BYTES: usize = 253;

/// An exchange with an upstream that failed. Contains no secret, code or recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UpstreamFailure {
    /// The step that failed.
    pub step: UpstreamStep,
    /// The upstream's host name.
    pub host: String,
    /// The upstream's port.
    pub port: u16,
    /// What happened at this step.
    #[serde(flatten)]
    pub cause: UpstreamCause,
    /// How long the upstream asks to wait, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// The step of an exchange at which it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UpstreamStep {
    /// Looking up the host name.
    NameResolution,
    /// Connecting.
    Connection,
    /// The TLS handshake, or STARTTLS.
    Tls,
    /// A mail server's greeting and its reply to EHLO.
    Greeting,
    /// Login: AUTH, HTTP 401, an access token.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// The message or the HTTP request itself.
    Message,
}

/// What happened at that step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum UpstreamCause {
    /// The name has no address.
    NoAddress,
    /// The name resolves to addresses that are not public and that the operator did not allow.
    AddressNotAllowed,
    /// Nothing listens on the port.
    ConnectionRefused,
    /// No route to the address.
    Unreachable,
    /// No response in time.
    TimedOut,
    /// The upstream closed the connection.
    Closed,
    /// The upstream does not use TLS where TLS should begin immediately.
    NoTls,
    /// The upstream begins TLS immediately where it should send a greeting first.
    TlsAtOnce,
    /// The certificate is for other names.
    CertificateName {
        /// The names that the certificate is for, as sent by the upstream.
        certificate_names: Vec<String>,
    },
    /// The certificate has expired or is not valid yet.
    CertificateTime,
    /// The certificate's issuer is not trusted by this installation.
    CertificateIssuer,
    /// The certificate is invalid for another reason.
    Certificate,
    /// The TLS handshake failed: no common version or cipher, or an alert.
    TlsHandshake,
    /// The upstream does not offer what the options require: STARTTLS or a login.
    NotOffered,
    /// The upstream refused.
    Refused {
        /// The reply code of SMTP, 400 to 599, or the status of HTTP.
        reply_code: u16,
        /// The enhanced status code (RFC 3463) such as `5.7.8`; empty if there was none.
        enhanced_code: String,
    },
    /// The upstream's response does not belong to this step.
    OutOfStep,
    /// The upstream's response violates the protocol or its size limits.
    Malformed,
}

impl UpstreamFailure {
    pub(crate) fn new(step: UpstreamStep, host: &str, port: u16, cause: UpstreamCause) -> Self {
        Self { step, host: host.to_owned(), port, cause, retry_after_seconds: None }
    }

    /// Returns what a status of HTTP means for a request, if it is a failure.
    pub(crate) fn of_status(url: &str, status: u16) -> Option<Self> {
        if status < 400 {
            return None;
        }
        let (origin, _) = Origin::of_url(url).ok()?;
        let step = if matches!(status, 401 | 407) { UpstreamStep::Login } else { UpstreamStep::Message };
        let cause = UpstreamCause::Refused { reply_code: status, enhanced_code: String::new() };
        Some(Self::new(step, origin.host(), origin.port(), cause))
    }
}

impl UpstreamCause {
    /// Returns the cause in an error of the operating system, or of TLS within it.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(tls);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::InvalidData => Self::Malformed,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
                Self::Unreachable
            }
            _ => Self::Closed,
        }
    }

    /// Returns the cause in an error of a TLS handshake.
    pub(crate) fn of_tls(error: &rustls::Error) -> Self {
        match error {
            // The upstream sent something other than a TLS record, such as an SMTP greeting or an
            // HTTP response.
            rustls::Error::InvalidMessage(_) => Self::NoTls,
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::NotValidForNameContext { presented, .. } => {
                    let names = presented.iter().take(NAMES).map(|name| printable_name(name));
                    Self::CertificateName { certificate_names: names.collect() }
                }
                CertificateError::NotValidForName => Self::CertificateName { certificate_names: Vec::new() },
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::CertificateTime,
                CertificateError::UnknownIssuer => Self::CertificateIssuer,
                _ => Self::Certificate,
            },
            _ => Self::TlsHandshake,
        }
    }
}

impl From<NotDialled> for UpstreamCause {
    fn from(why: NotDialled) -> Self {
        match why {
            NotDialled::NoAddress => Self::NoAddress,
            NotDialled::NotAllowed => Self::AddressNotAllowed,
        }
    }
}

/// Returns a certificate's name. The TLS library formats it as `DnsName("example.com")`. Anything
/// that is not a name is left out: the upstream chose it.
fn printable_name(presented: &str) -> String {
    let name = presented.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")")).unwrap_or(presented);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | ':' | '_');
    if name.len() <= NAME_BYTES && name.chars().all(fits) { name.to_owned() } else { "?".to_owned() }
}

impl fmt::Display for UpstreamStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameResolution => "name resolution",
            Self::Connection => "connection",
            Self::Tls => "TLS",
            Self::Greeting => "greeting",
            Self::Login => "login",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Message => "message",
        })
    }
}

/// An English sentence, for logs and for components.
impl fmt::Display for UpstreamFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use UpstreamCause as Cause;
        let Self { step, host, port, cause, .. } = self;
        write!(f, "{step} at {host}:{port}: ")?;
        match cause {
            Cause::NoAddress => f.write_str("the name has no address"),
            Cause::AddressNotAllowed => f.write_str(
                "the name does not resolve to a public address: if this is intended, the operator must list its network under \
                 `allowed_networks`",
            ),
            Cause::ConnectionRefused => f.write_str("nothing listens on this port"),
            Cause::Unreachable => f.write_str("the address cannot be reached"),
            Cause::TimedOut => f.write_str("the server did not answer in time"),
            Cause::Closed => f.write_str("the server closed the connection"),
            Cause::NoTls => f.write_str("the server does not use TLS on this port"),
            Cause::TlsAtOnce => f.write_str("the server starts TLS immediately on this port"),
            Cause::CertificateName { certificate_names } if certificate_names.is_empty() => {
                f.write_str("the certificate is for another name")
            }
            Cause::CertificateName { certificate_names } => {
                write!(f, "the certificate is for {}", certificate_names.join(", "))
            }
            Cause::CertificateTime => f.write_str("the certificate has expired or is not valid yet"),
            Cause::CertificateIssuer => f.write_str("the certificate's issuer is not trusted"),
            Cause::Certificate => f.write_str("the certificate is not acceptable"),
            Cause::TlsHandshake => f.write_str("the handshake failed"),
            Cause::NotOffered => match step {
                UpstreamStep::Tls => f.write_str("the server does not offer STARTTLS"),
                _ => f.write_str("the server offers no way to log in (AUTH PLAIN or LOGIN)"),
            },
            Cause::Refused { reply_code, enhanced_code } if enhanced_code.is_empty() => {
                write!(f, "the server answered {reply_code}")
            }
            Cause::Refused { reply_code, enhanced_code } => {
                write!(f, "the server answered {reply_code} {enhanced_code}")
            }
            Cause::OutOfStep => f.write_str("the server's reply is out of sequence"),
            Cause::Malformed => f.write_str("the server's reply is malformed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_data_that_each_surface_words() {
        let names = vec!["other.example.com".to_owned()];
        let cause = UpstreamCause::CertificateName { certificate_names: names };
        let failure = UpstreamFailure::new(UpstreamStep::Tls, "mail.example.com", 465, cause);
        assert_eq!(
            serde_json::json!(failure),
            serde_json::json!({"step": "tls", "host": "mail.example.com", "port": 465, "cause": "certificate-name",
                "certificate_names": ["other.example.com"]})
        );
        assert_eq!(failure.to_string(), "TLS at mail.example.com:465: the certificate is for other.example.com");
    }

    #[test]
    fn a_name_in_a_certificate_is_shown_only_if_it_is_one() {
        assert_eq!(printable_name("DnsName(\"*.example.com\")"), "*.example.com");
        assert_eq!(printable_name("IpAddress(192.0.2.1)"), "?");
        assert_eq!(printable_name("DnsName(\"a b<script>\")"), "?");
    }
}
