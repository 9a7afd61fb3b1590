//! Verified addresses: email addresses and phone numbers that a user has proved to control.
//!
//! A code that is delivered to the address proves it. From then on an application need not send the recipient with each challenge, and
//! codes that go there prove changes of the user's sign-in methods, as long as the user holds no factor. Verifying an address requires
//! the same proof as enrolling a factor; so does removing one.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::Factors;
use super::notices::{Happened, UserEventKind, address_subject};
use super::proof::{Change, ProofFor};
use super::request::Proof;
use super::request::checked_user;
use crate::challenge::{
    AddressProof, Answer, Challenge, NewChallenge, OwnedAnswer, Recipient, UserAddress, user_person,
};
use crate::completion::to_the_end;
use crate::error::{Error, FactorConflict};
use crate::instance::SignIn;
use crate::store::{AddressKind, AddressRemoved, AddressVerified};

/// How many verified addresses a user may have.
const MOST: u32 = 5;

/// A request to verify an address of a user. `Debug` shows neither.
#[derive(Clone)]
pub struct NewAddress {
    /// Whose address it is, and where; the user is required. It selects the instances that deliver to the address.
    pub sign_in: SignIn,
    /// The address: an email address or a phone number, and not both.
    pub recipient: Recipient,
    /// The instance that delivers the code; by default the most specific one that fits.
    pub two_factor: Option<String>,
    /// Evidence that the request comes from the user.
    pub proof: Proof,
    /// The language of the message (BCP 47, or a list as in `Accept-Language`).
    pub locale: Option<String>,
    /// The person's own network address, for limits.
    pub client_address: Option<IpAddr>,
    /// Makes a repeat return the first response, for a day.
    pub idempotency_key: Option<String>,
}

impl NewAddress {
    /// Creates a request.
    pub fn new(sign_in: SignIn, recipient: Recipient, proof: Proof) -> Self {
        Self { sign_in, recipient, two_factor: None, proof, locale: None, client_address: None, idempotency_key: None }
    }
}

impl fmt::Debug for NewAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAddress").field("sign_in", &self.sign_in).field("proof", &self.proof).finish_non_exhaustive()
    }
}

/// A verified address of a user, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifiedAddress {
    /// The opaque id.
    pub id: String,
    /// Its kind.
    pub kind: AddressKind,
    /// The masked address, which its owner can recognize.
    pub hint: String,
    /// When it was verified.
    pub verified_at: Timestamp,
}

impl Factors {
    /// Returns the verified addresses of a user.
    pub(crate) async fn addresses(&self, subscription: &str, user: &str) -> Result<Vec<VerifiedAddress>, Error> {
        let person = user_person(&self.keyring, subscription, &checked_user(user)?);
        let addresses = self.challenges.user_addresses(person).await?;
        Ok(addresses.into_iter().filter_map(view).collect())
    }

    /// Remembers an email address of a user, not verified, so that the user is notified there of changes.
    pub(crate) async fn know_email(&self, sign_in: &SignIn, email: &str, locale: Option<&str>) -> Result<(), Error> {
        let record = self.challenges.email_record(sign_in, email, locale)?;
        Ok(self.store.put_addresses(vec![record], super::notices::MOST_GIVEN).await?)
    }

    /// Sends a code to an address that is to be verified.
    pub(crate) async fn add_address(&self, new: NewAddress) -> Result<Challenge, Error> {
        let this = self.clone();
        // Runs to completion even if the caller disconnects: a proof that was used must lead to a challenge.
        to_the_end(async move { this.begin_address(new).await }).await
    }

    async fn begin_address(&self, new: NewAddress) -> Result<Challenge, Error> {
        let sign_in = new.sign_in.in_one_spelling()?;
        let user = sign_in.user.clone().ok_or_else(|| Error::invalid_at("/user", "is required"))?;
        let Recipient { email, phone, handle } = &new.recipient;
        if email.is_some() == phone.is_some() || handle.is_some() {
            return Err(Error::invalid_at("/recipient", "must have an `email` or a `phone`, and nothing else"));
        }
        let subscription = &sign_in.subscription;
        let start = NewChallenge {
            recipient: new.recipient,
            two_factor: new.two_factor,
            locale: new.locale,
            client_address: new.client_address,
            first_factor: true,
            idempotency_key: new.idempotency_key,
            ..NewChallenge::new(sign_in.clone())
        };
        let _key_in_use = self.keys_in_use.take("address", subscription, start.idempotency_key.as_deref())?;
        // The proof of a repeat was used by the first request.
        if let Some(first) = self.challenges.repeat_to_verify_address(&start).await? {
            return Ok(first);
        }
        // Checked again when the code is entered.
        if self.verified_addresses(&sign_in).await?.len() >= MOST as usize {
            return Err(too_many());
        }
        let policy = self.challenges.policy_for_delivery(&start).await?;
        let changes = self.changes(&sign_in).await?;
        let held = self.held.of(subscription, &user, false).await?;
        let what = ProofFor {
            sign_in: &sign_in,
            change: Change::AddAddress(&policy),
            held: &held,
            client_address: new.client_address,
            holder: None,
        };
        // Before the proof: what fails before it does not use it up.
        self.challenges.check_delivery(&start).await?;
        let first_factor_only = match self.accept_proof(&new.proof.clone().into(), what).await {
            Ok(proof) => proof.first_factor_only,
            // Another server may have handled the same request since, and used the proof.
            Err(error) => return self.challenges.repeat_to_verify_address(&start).await?.ok_or(error),
        };
        self.challenges.start_to_verify_address(start, AddressProof { changes, first_factor_only }).await
    }

    /// Verifies the answer to the challenge of an address, which is verified from then on.
    pub(crate) async fn confirm_address(
        &self,
        subscription: &str,
        answer: Answer<'_>,
    ) -> Result<VerifiedAddress, Error> {
        let (this, subscription, answer) = (self.clone(), subscription.to_owned(), OwnedAnswer::from(answer));
        // Runs to completion even if the caller disconnects: a code that was used verifies the address, and the user is notified of it.
        to_the_end(async move { this.confirm(&subscription, answer.get()).await }).await
    }

    async fn confirm(&self, subscription: &str, answer: Answer<'_>) -> Result<VerifiedAddress, Error> {
        let id = answer.challenge.to_owned();
        let proof = self.challenges.proof_of_address(subscription, &id).await?.ok_or_else(Error::closed)?;
        let verified = self.challenges.verify_address(subscription, answer).await?;
        let mut address = self.challenges.address_of(subscription, &id).await?.ok_or_else(Error::closed)?;
        address.record.verified_at = Some(verified.verified_at);
        address.record.first_factor_only = proof.first_factor_only;
        let user = verified.user.unwrap_or_default();
        let (kind, hash) = (address.record.kind, address.record.hash);
        let detail = format!("{} verified", address_subject(kind));
        let (actor, whose) = (Self::person(&user), format!("{subscription}/{user}"));
        self.audit.append(&actor, "address.add", &whose, &detail).await?;
        let refused = match self.store.verify_address(address.record.clone(), MOST, proof.changes).await? {
            AddressVerified::Verified => None,
            AddressVerified::TooMany => Some(("the user has as many as allowed", too_many())),
            AddressVerified::Changed => Some(("a sign-in method has changed since it was sent", Error::closed())),
        };
        if let Some((why, error)) = refused {
            self.audit.append(&actor, "address.add", &whose, &format!("not applied: {detail}: {why}")).await?;
            return Err(error);
        }
        self.happened(subscription, &user, UserEventKind::Added, Some(address_subject(kind)));
        // It may have been there before, with another id.
        let stored = self.challenges.user_addresses(address.record.person).await?;
        let stored = stored.into_iter().find(|one| (one.record.kind, one.record.hash) == (kind, hash));
        stored.and_then(view).ok_or_else(Error::closed)
    }

    /// Removes a verified address.
    pub(crate) async fn remove_address(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
        proof: &Proof,
    ) -> Result<(), Error> {
        let (this, proof) = (self.clone(), proof.clone());
        let (subscription, user, id) = (subscription.to_owned(), user.to_owned(), id.to_owned());
        // Runs to completion even if the caller disconnects: the removed address is notified.
        to_the_end(async move { this.remove_address_on(&proof, (&subscription, &user), &id).await }).await
    }

    async fn remove_address_on(
        &self,
        proof: &Proof,
        (subscription, user): (&str, &str),
        id: &str,
    ) -> Result<(), Error> {
        let user = checked_user(user)?;
        let sign_in = SignIn::new(subscription).user(&user);
        let changes = self.changes(&sign_in).await?;
        let addresses = self.verified_addresses(&sign_in).await?;
        let not_found = || Error::not_found("address");
        let address = addresses.into_iter().find(|one| one.record.id == id).ok_or_else(not_found)?;
        let held = self.held.of(subscription, &user, false).await?;
        let change = Change::RemoveAddress(&address.record);
        let what = ProofFor { sign_in: &sign_in, change, held: &held, client_address: None, holder: None };
        let accepted = self.accept_proof(&proof.clone().into(), what).await?;
        let subject = address_subject(address.record.kind);
        let detail = format!("{subject} removed; proof: {}", accepted.name);
        let (actor, whose) = (Self::person(&user), format!("{subscription}/{user}"));
        self.audit.append(&actor, "address.remove", &whose, &detail).await?;
        match self.store.remove_address(address.record.person, id, changes).await? {
            AddressRemoved::Removed => {}
            AddressRemoved::NotFound => return Err(not_found()),
            AddressRemoved::Changed => {
                return Err(self.overtaken(&actor, ("address.remove", &whose), &detail).await);
            }
        }
        // The removed address is notified, too.
        self.notices.happened(Happened {
            subscription: subscription.to_owned(),
            user,
            kind: UserEventKind::Removed,
            subject: Some(subject.to_owned()),
            at: self.clock.now(),
            also: vec![address],
        });
        Ok(())
    }
}

fn too_many() -> Error {
    let text = format!("the user has {MOST} verified addresses; remove one first");
    Error::factor_refused(FactorConflict::TooMany, text)
}

fn view(address: UserAddress) -> Option<VerifiedAddress> {
    let UserAddress { record, known } = address;
    Some(VerifiedAddress { id: record.id, kind: record.kind, hint: known.hint, verified_at: record.verified_at? })
}
