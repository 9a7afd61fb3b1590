//! Decides what may be reached: the connections that an instance was granted, and the operator's
//! rules for addresses and servers. It sends nothing.

mod address;
mod byte_meter;
mod connection;
mod destination;
mod grants;
mod host_headers;
mod origin;
pub(crate) mod reflected_secrets;
mod resolver;
mod rules;
mod secret;
mod signature;

pub(crate) use byte_meter::ByteMeter;
pub(crate) use connection::{AwsKey, Connection, Credentials, HttpAuthentication};
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
