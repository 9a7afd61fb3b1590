//! Factors that users hold: enrolling, listing, renaming, removing.
//!
//! This module does what is asked for with factors, if a proof and the policy allow it; `user_factor`, below it, stores them and knows
//! what they prove, for challenges too.
//!
//! An enrolment has three parts: what is shown once, what goes to the page, and what is stored until it ends, sealed and bound to its user,
//! instance, component and holder. Each answer is counted before the component sees it. An enrolment that is answered by a credential
//! accepts one answer.

mod addresses;
mod enrol;
mod finish;
mod keys_in_use;
mod manage;
mod notice_turns;
mod notices;
mod passes;
mod pending;
mod proof;
mod remembered;
mod request;

use std::sync::Arc;

pub use addresses::{NewAddress, VerifiedAddress};
pub(crate) use keys_in_use::KeysInUse;
pub(crate) use notices::{Happened, Notices};
pub use notices::{UserEvent, UserEventKind};
pub use passes::IssuedPass;
pub(crate) use passes::{PassKeeper, lifetime as pass_lifetime};
pub(crate) use proof::SignedInBy;
pub use remembered::{RecognizedBrowser, RememberedBrowser, RememberedBrowsers, SignInRequirements};
pub(crate) use request::Basis;
pub use request::{EnrollableFactor, Enrolment, EnrolmentAnswer, NewEnrolment, Proof, RemovedFactors};
pub(crate) use request::{checked_user, label as checked_label};
pub use twofactor_sandbox::{
    AnswerKind, CodeAlphabet, CodeFormat, FactorFacts, FactorManifest, Reveal, Signal, SignalKind, TrustedAuthenticator,
};

pub use crate::store::{AddressKind, FactorStatus};
pub use crate::user_factor::{Aal, Acr, Assurance, FactorEvent, FactorEventKind, RequiredFactor, UserFactor};

use crate::audit::{Actor, AuditLog};
use crate::challenge::Challenges;
use crate::clock::Clock;
use crate::error::Error;
use crate::instance::{Available, ChosenFactor, Instances, SignIn};
use crate::keyring::Keyring;
use crate::store::Store;
use crate::user_factor::UserFactors;

/// The factors of an engine's users. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Factors {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) instances: Arc<Instances>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) held: UserFactors,
    pub(crate) passes: PassKeeper,
    pub(crate) notices: Notices,
    pub(crate) keys_in_use: KeysInUse,
}

impl Factors {
    /// Returns the instance with which users enrol factors, if it is available to a sign-in.
    async fn instance(&self, sign_in: &SignIn, id: &str) -> Result<ChosenFactor, Error> {
        let available = self.instances.choose_any(sign_in, Some(id)).await?;
        match available.into_iter().next() {
            Some(Available::Factor(chosen)) => Ok(chosen),
            Some(Available::Delivery(_)) => {
                Err(Error::invalid_at("/two_factor", "delivers codes: there is nothing to enrol"))
            }
            None => Err(Error::no_instance_available()),
        }
    }

    /// Returns the actor of a change that a user made.
    fn person(user: &str) -> Actor {
        Actor::new(format!("user {user}"))
    }

    /// Returns the remembered browsers of users.
    pub(crate) fn remembered(&self) -> RememberedBrowsers {
        RememberedBrowsers {
            store: self.store.clone(),
            keyring: self.keyring.clone(),
            clock: self.clock.clone(),
            audit: self.audit.clone(),
            instances: self.instances.clone(),
            notices: self.notices.clone(),
        }
    }

    /// Records an event and notifies the user, in the background.
    pub(crate) fn happened(&self, subscription: &str, user: &str, kind: UserEventKind, subject: Option<&str>) {
        self.notices.happened(Happened {
            subscription: subscription.to_owned(),
            user: user.to_owned(),
            kind,
            subject: subject.map(str::to_owned),
            at: self.clock.now(),
            also: Vec::new(),
        });
    }

    /// Notifies the listener of what was committed.
    pub(crate) fn announce(&self, subscription: &str, user: &str, factor: UserFactor, kind: FactorEventKind) {
        let (subscription, user, at) = (subscription.to_owned(), user.to_owned(), self.clock.now());
        self.held.events.happened(FactorEvent { subscription, user, factor, kind, at });
    }
}
