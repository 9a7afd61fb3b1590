//! Decides what may be reached: the connections that an instance was granted, and the operator's
//! rules for addresses and servers. It sends nothing.

mod address;
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
mod request_signature;
mod resolver;
mod rules;
mod secret;
mod signature;
mod template;

pub(crate) use authentication::{
    AwsKey, ClientAuthentication, Credentials, HttpAuthentication, LoginFormat, OAuth2Client, OAuth2Grant, SignedJwt,
    TokenKey, TokenLogin, TokenPlace,
};
pub(crate) use byte_meter::ByteMeter;
pub(crate) use connection::Connection;
pub use destination::{Authentication, Destination, GrantedConnection, ParseConnectionError, SmtpSecurity};
pub(crate) use grants::{Grants, HttpGrant, SmtpGrant};
pub(crate) use host_headers::belongs_to_host;
pub(crate) use origin::Origin;
pub use resolver::Resolver;
pub(crate) use resolver::SystemResolver;
pub(crate) use rules::{Names, NotDialled, Overrides, Rules, endpoint};
pub use secret::Secret;
pub use signature::{Arrived, NotSigned};
pub(crate) use signature::{ReportSignature, SigningError, sign_aws, sign_webhook};
