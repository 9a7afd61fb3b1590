//! The only code that opens a connection.
//!
//! The [`Grants`] say what an instance may reach: they are parsed once and checked in every call.
//! The operator's rules, in [`policy`], say which addresses and servers may be reached at all.
//! [`http`] and [`smtp`] send requests and emails and attach credentials. [`Network`] combines them.

mod failure;
mod http;
mod network;
mod policy;
mod smtp;

#[cfg(any(test, fuzzing))]
pub(crate) use self::http::retry_after_seconds;
pub(crate) use self::http::{Failed, HttpError, HttpRequest, HttpResponse};
pub use failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
pub use network::{Network, NetworkBuilder, NetworkError};
pub use policy::{
    Authentication, Destination, GrantedConnection, LoginFormat, ParseConnectionError, ReportProofError, ReportRequest,
    Resolver, Secret, SmtpSecurity, TokenPlace,
};
pub(crate) use policy::{
    Connection, Grants, HttpSetting, Origin, Placeable, ReportJwt, ReportKey, ReportProof, ReportSignature,
    ReportVerifier, authentication, reflected_secrets,
};
#[cfg(any(test, fuzzing))]
pub(crate) use smtp::Replies;
pub(crate) use smtp::{Mail, MailError, MailStage};
