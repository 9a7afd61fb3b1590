//! The sandbox that TwoFactor's providers run in.
//!
//! A provider is a WebAssembly component. This crate loads it, validates options by its schema and by itself, and has it deliver messages
//! over exactly the connections that these options ask for. It knows of no store, no keys and no people.

mod call;
mod component;
mod contract;
mod egress;
mod limits;
mod options;
mod provider;
pub mod readable;
mod redact;
mod schedule;
mod schema;
mod standalone;
mod testing;

pub use call::{
    DeliveryFailure, DeliveryStatus, Message, Problem, Reason, Receipt, Sandbox, SandboxError, Sent,
    StartedVerification, Verdict,
};
pub use component::{
    CacheSeal, Capability, CodeCache, LoadError, Manifest, ProviderChanges, ProviderInfo, RecipientKind, SignerError,
    Signers,
};
pub use egress::{
    Arrived, Authentication, Destination, GrantedConnection, Network, NetworkBuilder, NetworkError, NotSigned,
    ParseConnectionError, Resolver, Secret, SmtpSecurity, UpstreamCause, UpstreamFailure, UpstreamStep,
};
pub use ipnet::IpNet;
pub use limits::SandboxLimits;
pub use options::{Configured, Layers, Validation};
pub use provider::{CODE_LENGTHS, Provider};
pub use schedule::on_thread_start;
pub use schema::{OptionsSchema, escape};
pub use standalone::{Component, inspect, satisfies};
pub use testing::{Exchange, KeptMail, Outbox, Recording};
