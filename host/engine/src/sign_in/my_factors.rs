//! What a person changes on the page of their own factors: add, name, remove. A sign-in offers to add some, too.
//!
//! The page asks for a factor first. What the person proved is sealed in the sign-in's record and is valid for some minutes, for
//! several changes of the same browser. The first factor of a user is enrolled without such a proof, where policy allows it.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::factors::{
    AnswerForm, Enrollable, EnrolmentForm, EnrolmentKind, EnrolmentOutcome, FactorOption, HostedPage, OpenEnrolment,
};
use super::request::Visit;
use super::{HostedSignIns, SignInDetails};
use crate::challenge::Verified;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::factor::{
    AnswerKind, Assurance, Basis, CodeAlphabet, EnrollableFactor, EnrolmentAnswer, FactorStatus, NewEnrolment, Proof,
    RequiredFactor, SignedInBy, UserFactor,
};

/// How long a factor that was used on the page permits changes.
const PROVED: Duration = Duration::from_secs(600);

/// What happened on a hosted page so far.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Session {
    /// What the person proved. The result of a sign-in says this and nothing more.
    pub(super) proved: Option<Proved>,
    /// The first factor, if it was added within this sign-in.
    #[serde(default)]
    pub(super) added: Option<Proved>,
    pub(super) enrolment: Option<OpenEnrolment>,
    /// The enrolment that the person gave up. Another one may rest on the same proof.
    #[serde(default)]
    pub(super) given_up: Option<String>,
    /// What the browser is to learn of the last removal.
    #[serde(default)]
    pub(super) signals: Vec<Value>,
    /// The count of the person's changes with that removal. After another one, the signals are out of date.
    #[serde(default)]
    pub(super) signals_changes: u64,
}

/// A factor that was used on a hosted page.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Proved {
    pub(super) at: Timestamp,
    /// The challenge. None for a factor that was enrolled here.
    pub(super) challenge: Option<String>,
    /// Whether the person holds the factor. A code that was delivered is weaker.
    pub(super) by_factor: bool,
    /// The temporary pass, if it was one, which only allows adding factors.
    #[serde(default)]
    pub(super) pass: Option<String>,
    /// The factor. Its proof ends when it is suspended or removed.
    #[serde(default)]
    pub(super) factor: Option<String>,
    pub(super) two_factor: String,
    pub(super) amr: Vec<String>,
    pub(super) acr: Option<String>,
    pub(super) assurance: Option<Assurance>,
    /// The `User-Agent` of the browser, if the person asked to remember it.
    #[serde(default)]
    pub(super) remember: Option<String>,
    /// The count of the person's changes before the answer was verified ([`UserChangeStore`](crate::store::UserChangeStore)), and what the
    /// person has changed on this page since. Within a sign-in, another count ends what was proved.
    /// None if the person was not known before.
    #[serde(default)]
    pub(super) changes: Option<u64>,
}

/// The factors of a person, and what the person can do with them.
#[derive(Default)]
pub(super) struct Held {
    pub(super) factors: Vec<UserFactor>,
    pub(super) options: Vec<FactorOption>,
    /// What a factor would have to be, if there are no options for want of one.
    pub(super) unmet: Option<RequiredFactor>,
    pub(super) enrollable: Vec<Enrollable>,
}

impl Held {
    /// Returns whether the person holds factors, none of which satisfies what is required.
    pub(super) fn is_unmet(&self) -> bool {
        self.unmet.is_some() && !self.factors.is_empty()
    }
}

impl Session {
    /// Takes what was proved now. Whatever rested on an earlier proof does not rest on this one.
    pub(super) fn prove(&mut self, proved: Proved) {
        (self.proved, self.given_up) = (Some(proved), None);
    }

    /// Returns what was proved here recently. A factor that was suspended or removed since proves nothing.
    pub(super) fn proof(&self, factors: &[UserFactor], now: Timestamp) -> Option<&Proved> {
        let proved = self.added.as_ref().or(self.proved.as_ref());
        proved.filter(|proved| proved.at + PROVED > now && proved.is_by_one_of(factors))
    }

    /// Counts a change that the person made on this page.
    fn count_change(&mut self) {
        if let Some(changes) = self.proved.as_mut().and_then(|proved| proved.changes.as_mut()) {
            *changes += 1;
        }
    }
}

impl Proved {
    pub(super) fn of(verified: Verified, challenge: Option<String>) -> Self {
        let Verified { two_factor, amr, acr, assurance, factor, verified_at: at, .. } = verified;
        let (by_factor, assurance) = (factor.is_some(), Some(assurance));
        Self {
            at,
            challenge,
            by_factor,
            pass: None,
            factor,
            two_factor,
            amr,
            acr,
            assurance,
            remember: None,
            changes: None,
        }
    }

    /// Returns the proof by a temporary pass, on the page of a person's own factors.
    pub(super) fn by_pass(at: Timestamp, pass: Option<String>) -> Self {
        Self {
            at,
            challenge: None,
            by_factor: false,
            pass,
            factor: None,
            two_factor: String::new(),
            amr: Vec::new(),
            acr: None,
            assurance: None,
            remember: None,
            changes: None,
        }
    }

    /// Returns the proof by a factor that was just enrolled, and so used.
    fn by_new_factor(at: Timestamp, factor: String, two_factor: String) -> Self {
        Self { by_factor: true, factor: Some(factor), two_factor, ..Self::by_pass(at, None) }
    }

    /// Returns whether the factor that was used, if one was, is still an active one of these.
    pub(super) fn is_by_one_of(&self, factors: &[UserFactor]) -> bool {
        let is_used = |factor: &UserFactor| {
            factor.status == FactorStatus::Active && self.factor.as_deref() == Some(factor.id.as_str())
        };
        !self.by_factor || factors.iter().any(is_used)
    }
}

impl HostedSignIns {
    /// Returns the factors of the person who signs in.
    pub(super) async fn held(&self, details: &SignInDetails) -> Result<Held, Error> {
        let Some(user) = &details.sign_in.user else { return self.passwordless(details).await };
        let subscription = &details.sign_in.subscription;
        let mut held = Held { factors: self.factors.list(subscription, user, false).await?, ..Held::default() };
        let active = |factor: &&UserFactor| factor.status == FactorStatus::Active;
        let has_another = held.factors.iter().filter(active).any(|factor| !factor.fallback);
        let enrollables = self.factors.enrollable(&details.sign_in).await?;
        let mut options = Vec::new();
        for one in &enrollables {
            let manifest = &one.manifest;
            let own: Vec<_> = held.factors.iter().filter(|factor| factor.two_factor == one.two_factor).collect();
            let is_webauthn = manifest.challenge == AnswerKind::WebauthnGet;
            let required = details.required.max(one.required);
            let usable = |factor: &&&UserFactor| active(factor) && required.is_met(is_webauthn, &factor.facts);
            if let Some(best) = own.iter().filter(usable).map(|factor| factor.rank(is_webauthn)).max() {
                let last_used_at = own.iter().filter(usable).filter_map(|factor| factor.last_used_at).max();
                options.push((best, option(one, last_used_at)));
            }
            let room = manifest.replaces_earlier || own.len() < manifest.max_per_user as usize;
            if room && (has_another || !manifest.never_sole) {
                held.enrollable.extend(enrollable(one));
            }
        }
        let is_passkey = |factor: &UserFactor| {
            let of = enrollables.iter().find(|one| one.two_factor == factor.two_factor);
            of.is_some_and(|one| one.manifest.challenge == AnswerKind::WebauthnGet)
        };
        held.factors.sort_by_key(|factor| (factor.fallback, !is_passkey(factor), factor.created_at));
        // Stable, as where the engine picks a factor: of equal ones the most specific instance is first.
        options.sort_by_key(|(best, _)| Reverse(*best));
        held.options = options.into_iter().map(|(_, option)| option).collect();
        let required = |one: &EnrollableFactor| details.required.max(one.required);
        let is_held = |one: &&EnrollableFactor| held.factors.iter().any(|factor| factor.two_factor == one.two_factor);
        let least = enrollables.iter().filter(is_held).map(required).min();
        let least = least.or_else(|| enrollables.iter().map(required).min()).unwrap_or(details.required);
        held.unmet = Some(least).filter(|least| held.options.is_empty() && *least != RequiredFactor::Any);
        held.enrollable.sort_by_key(|one| match one.kind {
            EnrolmentKind::Passkey => 0,
            EnrolmentKind::Secret => 1,
            EnrolmentKind::Codes => 2,
        });
        Ok(held)
    }

    /// Returns what a sign-in offers to add once something was proved: to a person who holds no factor the first one, where policy says
    /// so; to others only recovery codes.
    pub(super) async fn offers(
        &self,
        id: &str,
        details: &SignInDetails,
        held: &Held,
        now: Timestamp,
    ) -> Result<Vec<Enrollable>, Error> {
        let Some(proved) = details.session.proof(&held.factors, now) else { return Ok(Vec::new()) };
        let is_codes = |one: &&Enrollable| one.kind == EnrolmentKind::Codes;
        if proved.by_factor {
            return Ok(held.enrollable.iter().filter(is_codes).cloned().collect());
        }
        let by = match (&proved.pass, &proved.challenge) {
            (Some(_), _) => SignedInBy::Pass,
            (None, Some(challenge)) => {
                if !self.is_as_begun(details).await? {
                    return Ok(Vec::new());
                }
                // A challenge proves one enrolment. Another one may take its place as long as it is open.
                let subscription = &details.sign_in.subscription;
                if let Some(given_up) = &details.session.given_up
                    && self.factors.enrolment(subscription, given_up, Some(id)).await.is_err()
                {
                    return Ok(Vec::new());
                }
                SignedInBy::Challenge(challenge)
            }
            (None, None) => return Ok(Vec::new()),
        };
        let offered = self.factors.offered_in_sign_in(&details.sign_in, by).await?;
        let is_offered = |one: &&Enrollable| !is_codes(one) && offered.contains(&one.two_factor);
        Ok(held.enrollable.iter().filter(is_offered).cloned().collect())
    }

    /// Keeps a sign-in open after the right answer, if its page has something to offer. Otherwise, or if that fails, it ends now: the
    /// answer was used.
    pub(super) async fn offer(&self, visit: &Visit, proved: &Proved, has_few_codes: bool) -> bool {
        // A passkey names a user whose factors the visit does not know.
        let holds_a_factor = proved.by_factor || !visit.factors.is_empty();
        if !has_few_codes
            && (holds_a_factor
                || !self.factors.are_offered_in_sign_ins(&visit.details.sign_in).await.unwrap_or_default())
        {
            return false;
        }
        let mut details = visit.details.clone();
        details.session.prove(proved.clone());
        let offered = async {
            if !has_few_codes {
                let held = self.held(&details).await?;
                if self.offers(visit.id(), &details, &held, self.clock.now()).await?.is_empty() {
                    return Ok(false);
                }
            }
            self.rewrite(visit, |session| session.prove(proved.clone())).await.map(|()| true)
        };
        offered.await.unwrap_or_else(|error: Error| {
            tracing::warn!(error = error.operator_detail(), "a sign-in ends without an offer to add a factor");
            false
        })
    }

    /// Returns the passkeys that sign in a person whom the application does not know yet.
    async fn passwordless(&self, details: &SignInDetails) -> Result<Held, Error> {
        let enrollable = self.factors.enrollable(&details.sign_in).await?;
        let options = enrollable.iter().filter(|one| one.passwordless).map(|one| option(one, None));
        Ok(Held { options: options.collect(), ..Held::default() })
    }

    /// Begins an enrolment on a hosted page, at most once for each step. The page shows it until it is finished or given up.
    ///
    /// # Errors
    /// A proof is required if none was given on this page. Those of [`TwoFactor::enrol`](crate::TwoFactor::enrol).
    pub async fn enrol(
        &self,
        visit: &Visit,
        two_factor: &str,
        step: u32,
        client_address: Option<IpAddr>,
        locale: &str,
    ) -> Result<(), Error> {
        if step != visit.step() {
            return Ok(());
        }
        let enrollable = visit.enrollable.iter().find(|one| one.two_factor == two_factor);
        let name = enrollable.map(|one| one.name.clone()).ok_or_else(Error::no_instance_available)?;
        let proved = visit.details.session.proof(&visit.factors, visit.now);
        let given_up = visit.details.session.given_up.clone();
        // A delivered code and the first factor count as long as nothing has changed since the link was made.
        let (basis, changes) = match proved {
            Some(Proved { by_factor: true, factor: Some(factor), .. }) => (Basis::UsedFactor(factor.clone()), None),
            Some(Proved { pass: Some(pass), .. }) => (Basis::UsedPass(pass.clone()), None),
            Some(Proved { challenge: Some(challenge), .. }) => {
                let basis = match given_up {
                    Some(enrolment) => Basis::UsedChallenge { challenge: challenge.clone(), enrolment },
                    None => Proof::Challenge(challenge.clone()).into(),
                };
                (basis, visit.details.changes)
            }
            _ if visit.first_factor => (Proof::FirstFactor.into(), visit.details.changes),
            _ => return Err(Error::proof_required("no factor was used on this page in the last ten minutes")),
        };
        let mut new = NewEnrolment::on(visit.details.sign_in.clone(), two_factor, basis);
        new.user_name.clone_from(&visit.details.user_name);
        new.passwordless = enrollable.is_some_and(|one| one.passwordless);
        new.holder = Some(visit.id().to_owned());
        new.locale = Some(locale.to_owned());
        new.client_address = visit.details.client_address.or(client_address);
        new.changes = changes;
        let replaces = enrollable.is_some_and(|one| one.kind == EnrolmentKind::Codes)
            && visit.factors.iter().any(|factor| factor.two_factor == two_factor);
        let (this, visit) = (self.clone(), visit.clone());
        // Runs to completion even if the browser disconnects: a proof that was used leads to an enrolment that the page shows.
        to_the_end(async move {
            let open = OpenEnrolment::of(this.factors.enrol(new).await?, name, replaces)?;
            this.rewrite(&visit, |session| session.enrolment = Some(open)).await
        })
        .await
    }

    /// Begins the enrolment of recovery codes, if a person can have some who has just added the first factor within a sign-in. The factor
    /// is added, whatever becomes of the codes.
    async fn first_codes(&self, visit: &Visit, added: &str) -> Option<OpenEnrolment> {
        let begun = async {
            let codes =
                self.held(&visit.details).await?.enrollable.into_iter().find(|one| one.kind == EnrolmentKind::Codes);
            let Some(codes) = codes else { return Ok(None) };
            let basis = Basis::UsedFactor(added.to_owned());
            let mut new = NewEnrolment::on(visit.details.sign_in.clone(), codes.two_factor, basis);
            new.user_name.clone_from(&visit.details.user_name);
            new.holder = Some(visit.id().to_owned());
            new.locale.clone_from(&visit.details.locale);
            OpenEnrolment::of(self.factors.enrol(new).await?, codes.name, false).map(Some)
        };
        begun.await.unwrap_or_else(|error: Error| {
            tracing::warn!(error = error.operator_detail(), "could not begin recovery codes");
            None
        })
    }

    /// Finishes the enrolment that is open on a hosted page: with a code or a credential, or with neither for codes that were stored.
    ///
    /// # Errors
    /// Those of [`TwoFactor::finish_enrolment`](crate::TwoFactor::finish_enrolment).
    pub async fn finish_enrolment(
        &self,
        visit: &Visit,
        given: (Option<String>, Option<String>, Option<String>),
        client_address: Option<IpAddr>,
    ) -> Result<EnrolmentOutcome, Error> {
        let (this, visit) = (self.clone(), visit.clone());
        // Runs to completion even if the browser disconnects: the page knows of a factor that was added.
        to_the_end(async move { this.finish(&visit, given, client_address).await }).await
    }

    async fn finish(
        &self,
        visit: &Visit,
        (code, credential, label): (Option<String>, Option<String>, Option<String>),
        client_address: Option<IpAddr>,
    ) -> Result<EnrolmentOutcome, Error> {
        let open = visit.enrolment.as_ref().ok_or_else(Error::enrolment_closed)?;
        let holder = Some(visit.id().to_owned());
        let client_address = visit.details.client_address.or(client_address);
        let answer = EnrolmentAnswer { enrolment: open.id.clone(), code, credential, label, holder, client_address };
        let finished = self.factors.finish_enrolment(&visit.record.subscription, answer).await;
        let codes = matches!(open.form, EnrolmentForm::Codes(_));
        match finished {
            Ok(added) => {
                let (two_factor, at) = (open.two_factor.clone(), visit.now);
                if visit.details.page == HostedPage::SignIn && !codes {
                    let next = self.first_codes(visit, &added.id).await;
                    self.rewrite(visit, |session| {
                        session.count_change();
                        session.enrolment = next;
                        session.added = Some(Proved::by_new_factor(at, added.id, two_factor));
                    })
                    .await?;
                    return Ok(EnrolmentOutcome::Added { codes });
                }
                self.rewrite(visit, |session| {
                    session.count_change();
                    session.enrolment = None;
                    // New codes replace those of which one was just used.
                    let replaced = |one: &&mut Proved| {
                        open.replaces && one.two_factor == two_factor && one.is_by_one_of(&visit.factors)
                    };
                    if let Some(proved) = session.proved.as_mut().filter(replaced) {
                        proved.factor = Some(added.id.clone());
                    }
                    // Whoever has just used a new factor need not use it again. Stored codes were not used.
                    if !codes && !session.proved.as_ref().is_some_and(|proved| proved.by_factor) {
                        session.prove(Proved::by_new_factor(at, added.id, two_factor));
                    }
                })
                .await?;
                Ok(EnrolmentOutcome::Added { codes })
            }
            Err(error) => {
                // An enrolment is answered with one credential only.
                let is_over = error.is_enrolment_closed() || matches!(open.form, EnrolmentForm::Passkey { .. });
                if is_over && !error.is_unavailable() && !error.is_rate_limited() {
                    self.rewrite(visit, give_up).await?;
                }
                Err(error)
            }
        }
    }

    /// Gives up the enrolment that is open on a hosted page.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if another window of the browser was faster.
    pub async fn drop_enrolment(&self, visit: &Visit) -> Result<(), Error> {
        if visit.enrolment.is_none() {
            return Ok(());
        }
        self.rewrite(visit, give_up).await
    }

    /// Names a factor of the person.
    ///
    /// # Errors
    /// A proof is required if none was given on this page. Not found, or invalid input for the name.
    pub async fn rename_factor(&self, visit: &Visit, factor: &str, label: Option<&str>) -> Result<(), Error> {
        let (user, _) = proved_user(visit)?;
        self.factors.rename(&visit.record.subscription, user, factor, label).await.map(drop)
    }

    /// Removes a factor of the person.
    ///
    /// # Errors
    /// A proof is required if none was given on this page. Not found.
    pub async fn remove_factor(&self, visit: &Visit, factor: &str) -> Result<(), Error> {
        let (this, visit, factor) = (self.clone(), visit.clone(), factor.to_owned());
        // Runs to completion even if the browser disconnects: it forgets a passkey that was removed.
        to_the_end(async move { this.remove(&visit, &factor).await }).await
    }

    async fn remove(&self, visit: &Visit, factor: &str) -> Result<(), Error> {
        let (user, used) = proved_user(visit)?;
        let basis = Basis::UsedFactor(used.to_owned());
        let removed = self.factors.remove(&visit.record.subscription, user, factor, &basis).await?;
        let signals = removed.signals.iter().map(|signal| serde_json::to_value(signal).map_err(Error::unavailable));
        let signals = signals.collect::<Result<Vec<_>, _>>()?;
        let changes = self.factors.changes(&visit.details.sign_in).await?;
        let proved = visit.details.session.proved.as_ref();
        if proved.is_some_and(|proved| proved.factor.as_deref() == Some(factor)) {
            // Another factor must be used for the next change.
            let end = |session: &mut Session| {
                (session.signals, session.signals_changes, session.proved) = (signals, changes, None);
            };
            return self.rewrite_with(visit, None, end).await;
        }
        self.rewrite(visit, |session| (session.signals, session.signals_changes) = (signals, changes)).await
    }

    /// Returns what a page tells the browser of the last removal, as long as nothing else has changed since.
    pub(super) async fn signals(&self, details: &SignInDetails) -> Result<Vec<Value>, Error> {
        let Session { signals, signals_changes, .. } = &details.session;
        let is_current = !signals.is_empty() && self.factors.changes(&details.sign_in).await? == *signals_changes;
        Ok(if is_current { signals.clone() } else { Vec::new() })
    }

    /// Changes the session of a hosted page, at the step at which the browser saw it.
    pub(super) async fn rewrite(&self, visit: &Visit, change: impl FnOnce(&mut Session)) -> Result<(), Error> {
        self.rewrite_with(visit, visit.record.challenge.clone(), change).await
    }

    async fn rewrite_with(
        &self,
        visit: &Visit,
        challenge: Option<String>,
        change: impl FnOnce(&mut Session),
    ) -> Result<(), Error> {
        let mut details = visit.details.clone();
        change(&mut details.session);
        let sealed = self.seal(&visit.record, &details)?;
        let rewritten =
            self.store.rewrite_sign_in(visit.id(), visit.step(), challenge, sealed, self.clock.now()).await?;
        if rewritten { Ok(()) } else { Err(Error::closed()) }
    }
}

fn give_up(session: &mut Session) {
    session.given_up = session.enrolment.take().map(|open| open.id);
}

/// Returns the person and the factor that was used on this page recently.
fn proved_user(visit: &Visit) -> Result<(&str, &str), Error> {
    let user = visit.details.sign_in.user.as_deref();
    let proved = visit.details.session.proof(&visit.factors, visit.now).filter(|proved| proved.by_factor);
    let factor =
        proved.filter(|_| visit.details.page == HostedPage::Factors).and_then(|proved| proved.factor.as_deref());
    user.zip(factor).ok_or_else(|| Error::proof_required("no factor was used on this page in the last ten minutes"))
}

fn option(one: &EnrollableFactor, last_used_at: Option<Timestamp>) -> FactorOption {
    let answer = one.code_format.as_ref().map_or(AnswerForm::Passkey, |format| AnswerForm::Code {
        letters: format.alphabet == CodeAlphabet::LettersAndDigits,
        length: format.length,
    });
    let (two_factor, type_id, name) = (one.two_factor.clone(), one.type_id.clone(), one.name.clone());
    FactorOption { two_factor, type_id, name, answer, fallback: one.manifest.never_sole, last_used_at }
}

fn enrollable(one: &EnrollableFactor) -> Option<Enrollable> {
    let kind = match one.manifest.enrolment {
        AnswerKind::WebauthnCreate => EnrolmentKind::Passkey,
        AnswerKind::TypedCode => EnrolmentKind::Secret,
        AnswerKind::ShowOnce => EnrolmentKind::Codes,
        AnswerKind::WebauthnGet => return None,
    };
    let (two_factor, type_id, name) = (one.two_factor.clone(), one.type_id.clone(), one.name.clone());
    Some(Enrollable { two_factor, type_id, name, kind, passwordless: one.passwordless })
}
