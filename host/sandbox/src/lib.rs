//! The sandbox in which TwoFactor runs its providers.
//!
//! A provider is a WebAssembly component that implements the contract `twofactor:provider`. This crate loads it, validates options,
//! and has it deliver messages or verify codes, over exactly the connections that these options request. A factor component implements
//! `twofactor:factor`: it verifies the answers of authenticator apps, passkeys and the like, and imports nothing. This crate has no store,
//! no keys and no users: the crate `twofactor` adds them.
//!
//! # Where to find things
//! - [`Component`]: one component, without an engine. [`Sandbox`] and [`Provider`]: many, in one sandbox.
//! - [`Configured`]: a provider with valid options, ready to send. [`ConfiguredFactor`]: one that verifies factors that a person holds.
//! - [`Network`]: how upstreams are reached, and what the operator allows. [`Destination`], [`GrantedConnection`]: what was granted.
//! - [`SandboxLimits`]: every bound on what a component may use.
//! - [`CodeCache`], [`CacheSeal`]: a cache of compiled code.
//! - [`Outbox`], [`Recording`]: for tests.
//! - [`readable`]: checks of names that are shown to people, so that they cannot mislead.
//!
//! # Example
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use twofactor_sandbox::{Component, Network, SandboxLimits};
//!
//! let bytes = std::fs::read("email.wasm")?;
//! let component = Component::load(&bytes, Network::builder().build()?, SandboxLimits::default()).await?;
//! println!("{} {}", component.info().manifest.name, component.info().manifest.version);
//!
//! let options = serde_json::from_str(&std::fs::read_to_string("options.json")?)?;
//! match component.configure(&options).await {
//!     Ok(configured) => configured.connections().iter().for_each(|connection| println!("may reach {connection}")),
//!     Err(problems) => problems.iter().for_each(|problem| println!("{} {}", problem.pointer, problem.detail)),
//! }
//! # Ok(())
//! # }
//! ```

mod call;
mod component;
mod contract;
mod egress;
mod factor;
mod field_error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
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
    DeliveryFailure, DeliveryReport, DeliveryStatus, Message, Price, Reason, Receipt, Sandbox, SandboxError, Sent,
    StartedVerification, Verdict,
};
pub use component::{
    CacheSeal, Capability, CodeCache, LoadError, Manifest, ProviderChanges, ProviderInfo, RecipientKind, SignerError,
    Signers,
};
pub use egress::{
    Authentication, Destination, GrantedConnection, LoginFormat, Network, NetworkBuilder, NetworkError,
    ParseConnectionError, ReportProofError, ReportRequest, Resolver, Secret, SmtpSecurity, TokenPlace, UpstreamCause,
    UpstreamFailure, UpstreamStep,
};
pub use factor::{
    AcceptedAnswer, AnswerKind, BegunEnrolment, BegunFactorChallenge, CodeAlphabet, CodeFormat, EnrolledFactor,
    EnrolmentVerdict, FactorContext, FactorFacts, FactorManifest, FactorState, FactorUser, FactorVerdict, Observation,
    Requirements, Reveal, Signal, SignalKind, Site, StateError, Suspicion, TrustedAuthenticator, UnmetRequirement,
    UserVerification,
};
pub use field_error::FieldError;
pub use ipnet::IpNet;
pub use limits::SandboxLimits;
pub use options::{Configured, ConfiguredFactor, Layers, Validation};
pub use provider::{CODE_LENGTHS, Provider};
pub use redact::Redactor;
pub use schedule::on_thread_start;
pub use schema::{OptionsSchema, ParsePartsError, Part, Parts, Placement, escape, is_map_of_texts};
pub use standalone::{Component, ProofOfReports, inspect, satisfies};
pub use testing::{CapturedMail, Exchange, Outbox, Recording};
