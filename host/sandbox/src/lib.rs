//! The sandbox that TwoFactor's providers run in.
//!
//! A provider is a WebAssembly component. This crate loads it, validates options by its schema and by itself, and has it deliver messages
//! over exactly the connections that these options ask for. It knows of no store, no keys and no people.

mod capability;
mod component;
mod configure;
mod provider;
pub mod readable;
mod redact;

pub use capability::{
    Arrived, Authentication, Destination, Exchange, GrantedConnection, KeptMail, Network, NetworkBuilder, NetworkError,
    NotSigned, Outbox, Recording, Resolver, Secret, SmtpSecurity, UpstreamCause, UpstreamFailure, UpstreamStep,
};
pub use component::{Component, inspect, satisfies};
pub use configure::{Configured, Layers, Validation};
pub use ipnet::IpNet;
pub use provider::{
    Begun, CODE_LENGTHS, CacheSeal, Capability, CodeCache, DeliveryFailure, Fate, Limits, LoadError, Manifest, Message,
    OptionsSchema, Problem, Provider, ProviderChanges, ProviderInfo, Reason, Receipt, RecipientKind, Sandbox,
    SandboxError, Sent, SignerError, Signers, Verdict, escape, on_thread_start,
};
pub use redact::Redactor;
