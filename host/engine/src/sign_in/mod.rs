//! Hosted sign-ins: an application sends a browser to the sign-in page and gets it back with a
//! result.
//!
//! The link is a capability: only the browser knows its secret, and only the digest is stored. Only
//! the first browser that opens it can use it. All state is in the store, so any node can serve any
//! request.
//!
//! Somebody who starts a sign-in can send its link to another person, who then confirms it. So the
//! end of a sign-in proves nothing to the application. Only a handle proves something, if it comes
//! back in the browser session that started the sign-in: the application redeems it and learns who
//! signed in.

mod color;
mod factors;
mod flow;
mod my_factors;
mod page;
mod pass;
mod remembered;
mod request;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use factors::{
    AnswerForm, Enrollable, EnrolmentForm, EnrolmentKind, EnrolmentOutcome, FactorOption, HostedPage, OpenEnrolment,
};
pub use page::{Colors, Logo, SignInPage, Theme};
pub use request::{
    BrowserSecret, Ended, HostedSignIn, NewHostedSignIn, NextStep, SignInResult, SignInStatus, StartedSignIn,
    SubmittedAnswer, Visit, VisitOutcome,
};

use my_factors::Session;

use crate::challenge::{Challenges, NewChallenge, Recipient};
use crate::clock::Clock;
use crate::error::Error;
use crate::factor::{Factors, RequiredFactor};
use crate::instance::SignIn;
use crate::keyring::Keyring;
use crate::store::{HostedSignInRecord, Store};

/// The hosted sign-ins of an engine. Cheap to clone.
#[derive(Clone)]
pub struct HostedSignIns {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    challenges: Arc<Challenges>,
    factors: Factors,
}

/// A secret to sign the results of sign-ins with: the seed of an Ed25519 key (RFC 8032).
#[non_exhaustive]
pub struct ResultKey {
    /// The key id.
    pub id: String,
    /// 32 random bytes.
    pub seed: Zeroizing<[u8; 32]>,
}

/// The data of a hosted sign-in, sealed at rest.
#[derive(Clone, Serialize, Deserialize)]
struct SignInDetails {
    sign_in: SignIn,
    recipient: Recipient,
    locale: Option<String>,
    purpose: Option<String>,
    client_address: Option<std::net::IpAddr>,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(default)]
    first_factor: bool,
    /// The count of the person's changes when the link was made. None if nobody was known then.
    #[serde(default)]
    changes: Option<u64>,
    return_url: String,
    state: String,
    #[serde(default)]
    page: HostedPage,
    #[serde(default)]
    user_name: Option<String>,
    #[serde(default)]
    required: RequiredFactor,
    #[serde(default)]
    acr: Option<String>,
    #[serde(default)]
    session: Session,
}

const SEALED: &str = "hosted-sign-in";

const RESULTS: &str = "hosted-sign-in-results";

impl HostedSignIns {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        keyring: Keyring,
        clock: Arc<dyn Clock>,
        challenges: Arc<Challenges>,
        factors: Factors,
    ) -> Self {
        Self { store, keyring, clock, challenges, factors }
    }

    /// Returns the key that signs results. It is derived from the newest key of the keyring, so all
    /// nodes have the same.
    ///
    /// # Errors
    /// None today.
    pub fn result_key(&self) -> Result<ResultKey, Error> {
        let newest = self.keyring.derived(RESULTS, 1).into_iter().next();
        newest.map(ResultKey::from).ok_or_else(|| Error::unavailable("the keyring is empty"))
    }

    /// Returns the keys whose public parts verify results: the newest two of the key file, and this
    /// node's if it still uses an older one. A result is valid for two minutes, so older ones are
    /// not needed; once other nodes know a key, two rotations remove it from here.
    pub fn result_keys(&self) -> Vec<ResultKey> {
        self.keyring.derived_in_file(RESULTS, 2).into_iter().map(ResultKey::from).collect()
    }

    fn seal(&self, record: &HostedSignInRecord, details: &SignInDetails) -> Result<Vec<u8>, Error> {
        let plain = Zeroizing::new(serde_json::to_vec(details).map_err(Error::unavailable)?);
        self.keyring.seal(SEALED, &place(record), &plain).map_err(Error::unavailable)
    }

    fn details(&self, record: &HostedSignInRecord) -> Result<SignInDetails, Error> {
        let plain = self.keyring.open(SEALED, &place(record), &record.sealed).map_err(Error::unavailable)?;
        serde_json::from_slice(&plain).map_err(Error::unavailable)
    }
}

impl From<(crate::keyring::KeyId, Zeroizing<[u8; 32]>)> for ResultKey {
    fn from((id, seed): (crate::keyring::KeyId, Zeroizing<[u8; 32]>)) -> Self {
        Self { id: format!("{id:08x}"), seed }
    }
}

impl SignInDetails {
    fn purpose(&self) -> &str {
        self.purpose.as_deref().unwrap_or(NewChallenge::PURPOSE)
    }

    fn start(&self) -> NewChallenge {
        let mut start = NewChallenge::new(self.sign_in.clone());
        start.recipient = self.recipient.clone();
        start.locale.clone_from(&self.locale);
        start.purpose.clone_from(&self.purpose);
        start.client_address = self.client_address;
        start.first_factor = self.first_factor;
        start.required = self.required;
        start.acr.clone_from(&self.acr);
        start
    }
}

fn place(record: &HostedSignInRecord) -> [&[u8]; 2] {
    [record.subscription.as_bytes(), record.id.as_bytes()]
}

/// A secret of 144 random bits is looked up by its digest, so the time of a lookup reveals nothing.
fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
