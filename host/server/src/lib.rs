//! The server: it translates between the REST API and the engine, and decides nothing but who may call what.

mod access;
mod api;
mod app;
mod assurance;
pub mod cli;
mod client_address;
mod config;
mod connections;
mod cookies;
mod demo;
mod fido_metadata;
mod jwt;
#[cfg(feature = "manual")]
mod manual;
mod middleware;
mod oidc;
mod outbox;
mod problem;
mod qr;
mod request_limits;
mod serve;
mod sign_in;
mod state;
mod telemetry;
mod ui;
mod wording;

pub use api::openapi;
pub use app::{router, router_at, router_with};
pub use config::{Accounts, Config, Keys, NetworkConfig, Providers, Store, Tls};
pub use connections::ConnectionLimits;
pub use fido_metadata::FidoMetadata;
pub use oidc::{Oidc, OidcConfig, OidcRole, OidcRoleName};
pub use sign_in::PublicUrl;
