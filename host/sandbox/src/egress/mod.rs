//! The only code that opens a connection.
//!
//! What an instance may reach is its [`Grants`]: parsed once, compared at every call. How anything is reached is the
//! [`Network`]'s: which addresses are allowed, which roots are trusted, one pooled HTTP client, one way to hand over mail.
//! Credentials are attached here and nowhere else.

mod address;
mod connection;
mod echo;
mod failure;
mod grants;
mod http;
mod mail;
mod network;
mod oauth;
mod origin;
mod outbox;
mod reach;
mod recording;
mod resolver;
mod retry_after;
mod secret;
mod signature;
mod smtp;
mod smtp_stream;

pub(crate) use connection::{AwsKey, Connection, Credentials, HttpAuthentication};
pub use failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
pub(crate) use grants::Grants;
pub(crate) use http::{Failed, HttpError, HttpRequest, HttpResponse};
pub(crate) use mail::Mail;
pub use network::{Network, NetworkBuilder, NetworkError};
pub use outbox::{KeptMail, Outbox};
pub use reach::{Authentication, Destination, GrantedConnection, SmtpSecurity};
pub use recording::{Exchange, Recording};
pub use resolver::Resolver;
pub use secret::Secret;
pub(crate) use signature::ReportSignature;
pub use signature::{Arrived, NotSigned};
pub(crate) use smtp::{MailError, MailStage};
