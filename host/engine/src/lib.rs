//! TwoFactor: an engine for second factors.
//!
//! An application starts a challenge. The engine generates a one-time code, has a *provider* deliver it, and later verifies
//! what the person entered. Each provider is a WebAssembly component in a sandbox: it reaches only the connections that its
//! instance was granted, and sees no secret while it delivers.
//!
//! Start with [`TwoFactor::builder`]; `docs/embedding.md` has a complete program of 25 lines.
//!
//! # Where to find things
//! - [`TwoFactor`]: start, verify, resend, cancel. [`Error`]: why a call failed.
//! - [`sign_in`]: hosted sign-ins, for a sign-in page.
//! - [`admin`]: subscriptions, instances, assignments, base service settings, providers, tokens; [`admin::as_code`].
//! - [`accounts`]: administrators: invitations, passwords, sessions. [`token`]: access tokens. [`audit`]: the audit log.
//! - [`factor`]: factors that users hold: enrolling, listing, removing.
//! - [`challenge`]: rate limits and the history of messages. [`instance`]: the policy of codes. [`statistics`].
//! - [`sandbox`]: components of providers, their limits, the network they can reach.
//! - [`store`]: the traits that a database implements. [`keyring`]: the keys, which are stored separately. [`clock`].
//! - For tests of programs that embed the engine: [`clock::ManualClock`], [`sandbox::Outbox`], [`SqliteStore::in_memory`],
//!   [`sandbox::NetworkBuilder`].
//!
//! # Tests of programs that embed the engine
//! An [`Outbox`](sandbox::Outbox) stores emails instead of sending them:
//!
//! ```
//! use twofactor::sandbox::Outbox;
//! use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
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
//! let challenge = engine.start(NewChallenge::new(sign_in).email("alice@example.com")).await?;
//! let mail = outbox.newest("alice@example.com").ok_or("no mail")?;
//! let code = mail.text.lines().find(|line| line.len() == 6).ok_or("no code")?;
//! assert_eq!(engine.verify("shop", Answer::new(&challenge.id, code)).await?.user.as_deref(), Some("alice"));
//! # Ok(())
//! # }
//! ```

pub mod accounts;
pub mod admin;
pub mod audit;
mod builder;
pub mod challenge;
mod changes;
pub mod clock;
mod completion;
mod display_name;
mod engine;
mod error;
pub mod factor;
mod file_owner;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod instance;
pub mod keyring;
pub mod language;
pub mod node;
mod random;
mod restore;
mod secret_kind;
pub mod sign_in;
mod site;
pub mod statistics;
pub mod store;
pub mod token;
mod user_factor;

pub use admin::{Assignment, NewInstance};
pub use audit::Actor;
pub use builder::Builder;
#[cfg(feature = "bundled")]
pub use builder::bundled_components;
pub use challenge::{Answer, Challenge, ChallengeKind, NewChallenge, Recipient, Verified};
pub use engine::TwoFactor;
pub use error::{Error, ErrorKind, FactorConflict};
pub use factor::{Enrolment, EnrolmentAnswer, NewEnrolment, Proof, UserFactor};
pub use instance::SignIn;
pub use restore::Restored;
pub use site::Site;
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
pub use store::SqliteStore;
pub use twofactor_sandbox as sandbox;
pub use twofactor_sandbox::{FieldError, Network};

/// The crate whose timestamps this interface uses.
pub use jiff;
/// The crate whose JSON values this interface uses.
pub use serde_json;
/// The runtime that the engine uses, for programs without their own.
pub use tokio;

/// The program in the guide is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../embedding.md")]
struct Embedding;
