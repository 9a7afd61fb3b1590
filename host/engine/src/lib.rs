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
//! - [`Network`]: what may be reached at all. [`Policy`]: codes. [`RateLimits`]: abuse. [`SandboxLimits`]: what a component may use.
//! - [`ManualClock`], [`Outbox`], [`SqliteStore::in_memory`], [`NetworkBuilder::stand_in`]: for the tests of programs that embed the engine.
//!
//! # Tests of programs that embed the engine
//! An [`Outbox`] keeps mails instead of sending them:
//!
//! ```
//! use twofactor::{Actor, Assignment, Network, NewInstance, Outbox, SignIn, Start, TwoFactor};
//!
//! # #[twofactor::tokio::main(crate = "twofactor::tokio")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let outbox = Outbox::new();
//! let network = Network::builder().outbox(&outbox).build()?;
//! let engine = TwoFactor::builder().network(network).bundled_providers().build().await?;
//! let admin = engine.administration(Actor::new("test"));
//! admin.create_subscription("shop", "Shop").await?;
//! let options = r#"{"EMailSenderAddress": "codes@example.com", "MailServerConfig": {"MailType": "SMTP",
//!     "Host": "smtp.example.com", "Port": 465, "EnableSSL": true, "UserName": "u", "Password": "p", "Timeout": 20000}}"#;
//! let email = admin.create_instance("shop", NewInstance::new("email", "Email", options.parse()?)).await?;
//! admin.set_assignments("shop", &email.id, vec![Assignment::tenant("main")]).await?;
//!
//! let sign_in = SignIn::new("shop").tenant("main").user("alice");
//! let challenge = engine.start(Start::new(sign_in).email("alice@example.com")).await?;
//! let mail = outbox.newest("alice@example.com").ok_or("no mail")?;
//! let code = mail.text.lines().find(|line| line.len() == 6).ok_or("no code")?;
//! assert_eq!(engine.verify("shop", &challenge.id, code, None).await?.user.as_deref(), Some("alice"));
//! # Ok(())
//! # }
//! ```

mod account;
mod administration;
mod audit;
mod builder;
mod challenge;
mod clock;
mod error;
mod instance;
mod keyring;
mod language;
mod random;
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
pub use challenge::{
    Available, Challenge, HistoryLimits, MessageOutcome, Policy, PolicyError, PolicyWarning, Quota, RateLimits,
    ReachedLimit, Recipient, SignIn, Standing, Start, Verified, Way,
};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Error, ErrorKind, FieldError};
pub use instance::{AffectedInstance, MASK, RefusedProvider};
pub use keyring::{KeyId, Keyring, KeyringError};
pub use language::preferred_language;
pub use sign_in::{
    BegunSignIn, Colours, Ended, HostedSignIn, HostedSignIns, Logo, NewHostedSignIn, ResultKey, SignInPage,
    SignInResult, SignInStatus, Theme, Visit, Visited,
};
pub use statistics::Statistic;
pub use store::{AssignmentKind, AuditFrom, SqliteStore, Store, Subscription};
pub use token::{Identity, Role, TokenInfo};
pub use twofactor_sandbox as sandbox;
pub use twofactor_sandbox::{
    Authentication, Capability, Component, Configured, DeliveryFailure, DeliveryStatus, Destination, Exchange,
    GrantedConnection, IpNet, KeptMail, LoadError, Manifest, Message, Network, NetworkBuilder, NetworkError, Outbox,
    Problem, ProviderChanges, ProviderInfo, Reason, Receipt, RecipientKind, Recording, Redactor, Resolver,
    SandboxLimits, Secret, SignerError, Signers, SmtpSecurity, StartedVerification, UpstreamCause, UpstreamFailure,
    UpstreamStep, Verdict, inspect, on_thread_start, readable::Unreadable, satisfies,
};

/// The runtime the engine runs on, for programs that have none of their own.
pub use tokio;

/// The program in the guide is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../embedding.md")]
struct Embedding;
