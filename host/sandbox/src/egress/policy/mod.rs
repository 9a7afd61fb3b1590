//! Decides what may be reached: the connections that an instance was granted, and the operator's
//! rules for addresses and servers. It sends nothing.

mod address;
mod approved_name;
pub(crate) mod authentication;
mod byte_meter;
mod connection;
mod destination;
mod grants;
mod hmac_key;
mod host_headers;
pub(crate) mod jwt;
mod origin;
mod pem;
pub(crate) mod reflected_secrets;
mod report_proof;
mod request_signature;
mod resolver;
mod rules;
mod secret;
mod signature;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use authentication::{
    ClientAuthentication, Credentials, HttpAuthentication, OAuth2Client, OAuth2Grant, SignedJwt, TokenKey, TokenLogin,
};
pub use authentication::{LoginFormat, TokenPlace};
pub(crate) use byte_meter::ByteMeter;
pub(crate) use connection::{Connection, HttpSetting};
pub use destination::{Authentication, Destination, GrantedConnection, ParseConnectionError, SmtpSecurity};
pub(crate) use grants::{Grants, HttpGrant, Placeable, SmtpGrant};
pub(crate) use host_headers::belongs_to_host;
pub(crate) use origin::Origin;
pub(crate) use report_proof::{ReportJwt, ReportKey, ReportProof, ReportSignature, ReportVerifier};
pub use report_proof::{ReportProofError, ReportRequest};
pub use resolver::Resolver;
pub(crate) use resolver::SystemResolver;
pub(crate) use rules::{Names, NotDialled, Overrides, Rules, endpoint, parse_endpoint};
pub use secret::Secret;
pub(crate) use signature::{SigningError, sign_aws, sign_webhook};
