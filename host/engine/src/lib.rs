//! TwoFactor: an engine for second factors.
//!
//! A sign-in asks for a challenge; the engine makes a one-time code, has a *provider* deliver it, and later says whether what
//! the person typed is right. Each provider is a WebAssembly component in a sandbox: it reaches exactly the connections
//! that its instance was granted, and sees no secret while it delivers.
//!
//! Begin with [`TwoFactor::builder`]; `docs/embedding.md` has a whole program of 25 lines.
//!
//! # Where to find things
//! - [`TwoFactor`]: start, verify, resend, cancel.
//! - [`HostedSignIns`]: what a sign-in page works with.
//! - [`Administration`]: subscriptions, instances, assignments, base service settings, providers, tokens.
//! - [`Accounts`]: people who administer: invitations, passwords, sessions.
//! - [`Network`]: what may be reached at all. [`Policy`]: codes. [`RateLimits`]: abuse. [`Limits`]: what a component may use.
//! - [`ManualClock`], [`Outbox`], [`SqliteStore::in_memory`], [`NetworkBuilder::stand_in`]: for the tests of programs that embed the engine.

mod account;
mod administration;
mod audit;
mod builder;
mod capability;
mod challenge;
mod clock;
mod component;
mod error;
mod instance;
mod keyring;
mod language;
mod provider;
mod random;
mod readable;
mod redact;
mod sign_in;
mod statistics;
pub mod store;
mod token;

pub use account::{
    Account, AccountChange, AccountState, Accounts, Client, Errand, Invitation, Invited, LoggedIn, NewAccount,
    OpenedSession, SecondFactor, SecondFactorState, Session, SessionInfo, Vouched,
};
pub use administration::as_code;
pub use administration::{
    Actor, Administration, Assigned, Assignment, Assignments, AuditSearch, BaseSettings, BaseSettingsCheck,
    ChallengeFacts, ChallengeState, DirectoryChanges, DirectoryEntry, DirectoryFilter, ExaminedProvider, Instance,
    InstanceChange, MessageEvent, MessageHistory, MessageQuery, NamedTarget, NewInstance, NewProvider, Page,
    TestMessage, TestReport, UpstreamHealth,
};
pub use audit::{AuditCheck, Entry as AuditEntry};
#[cfg(feature = "bundled")]
pub use builder::bundled_components;
pub use builder::{Builder, TwoFactor};
pub use capability::{
    Authentication, Destination, Exchange, GrantedConnection, KeptMail, Network, NetworkBuilder, NetworkError, Outbox,
    Recording, Resolver, Secret, SmtpSecurity, UpstreamCause, UpstreamFailure, UpstreamStep,
};
pub use challenge::{
    Available, Challenge, HistoryLimits, MessageOutcome, Policy, PolicyError, Quota, RateLimits, ReachedLimit,
    Recipient, SignIn, Standing, Start, Verified, Way,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use component::{Component, Configured, inspect, satisfies};
pub use error::{Error, InputProblem};
pub use instance::{AffectedInstance, MASK, RefusedProvider};
pub use ipnet::IpNet;
pub use keyring::{KeyId, Keyring, KeyringError};
pub use language::preferred_language;
pub use provider::{
    Begun, Capability, DeliveryFailure, Fate, Limits, LoadError, Manifest, Message, Problem, ProviderChanges,
    ProviderInfo, Reason, Receipt, RecipientKind, SignerError, Signers, Verdict, on_thread_start,
};
pub use readable::Unreadable;
pub use sign_in::{
    BegunSignIn, Colours, Ended, HostedSignIn, HostedSignIns, Logo, NewHostedSignIn, ResultKey, SignInPage,
    SignInResult, SignInStatus, Theme, Visit, Visited,
};
pub use statistics::Statistic;
pub use store::{AssignmentKind, SqliteStore, Store, Subscription};
pub use token::{Identity, Role, TokenInfo};

/// The runtime the engine runs on, for programs that have none of their own.
pub use tokio;

/// The program in the guide is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Embedding;
