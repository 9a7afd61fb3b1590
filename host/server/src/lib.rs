//! The server: it translates between the REST API and the engine, and decides nothing but who may call what.

mod access;
mod api;
mod app;
mod as_code;
mod books;
mod client_address;
mod config;
mod connections;
mod cookies;
mod demo;
mod guard;
mod jwt;
#[cfg(feature = "manual")]
mod manual;
mod oidc;
mod outbox;
mod problem;
mod provider;
mod request_limits;
mod serve;
mod sign_in;
mod state;
mod telemetry;
mod ui;
mod wording;

pub use api::openapi;
pub use app::{router, router_at, router_with};
pub use as_code::{export, import};
pub use books::{invite_account, issue_token, rotate_keys, second_factor, verify_audit_log};
pub use config::{Accounts, Config, Keys, NetworkConfig, Providers, Store, Tls};
pub use connections::ConnectionLimits;
pub use demo::demo;
#[cfg(feature = "manual")]
pub use manual::write_manual;
pub use oidc::{Oidc, OidcConfig, OidcRole, OidcRoleName};
pub use provider::{
    Addition as ProviderAddition, add as add_provider, list as list_providers, remove as remove_provider,
    roll_back as roll_back_provider,
};
pub use serve::serve;
pub use sign_in::PublicUrl;
