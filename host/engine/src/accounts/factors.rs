//! The factors of an account's owner: passkeys, authenticator apps, recovery codes.
//!
//! They are those of a user whose id is the account's, in the subscription that serves logins to accounts. Only their owner binds them,
//! in a session: applications cannot (`factor/proof.rs`). Whoever holds one is asked for it at each login; neither a code that is
//! delivered nor a password alone replaces it.

use std::cmp::Reverse;
use std::time::Duration;

use super::second_factor::CLIENT_APPLICATION;
use super::{Account, Accounts, Client, OpenedSession, Session};
use crate::challenge::ChallengeKind;
use crate::completion::to_the_end;
use crate::error::{Error, ErrorKind};
use crate::factor::{AnswerKind, Basis, EnrollableFactor, Enrolment, EnrolmentAnswer, NewEnrolment, RemovedFactors};
use crate::instance::SignIn;
use crate::store::{FactorReset, FactorStatus};
use crate::user_factor::{UserFactor, account_persons, user_persons};

/// For how long after a login through an identity provider factors can be changed. With a password, each change asks for it.
const FRESH: Duration = Duration::from_secs(600);

/// The most characters of a name that apps and browsers show.
const NAME_CHARS: usize = 100;

/// The factors of an account's owner.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct OwnFactors {
    /// Those that have not ended, the oldest first.
    pub factors: Vec<UserFactor>,
    /// The instances with which another one can be enrolled now, passkeys first and fallbacks last.
    pub enrollable: Vec<EnrollableFactor>,
}

/// A kind of factor with which a login can be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginFactor {
    /// The instance.
    pub two_factor: String,
    /// Its type, such as `totp`.
    pub type_id: String,
    /// Its display name.
    pub name: String,
    /// How it is answered.
    pub kind: ChallengeKind,
    /// Whether it is only a fallback.
    pub fallback: bool,
}

/// A factor that was enrolled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AddedFactor {
    /// The factor.
    pub factor: UserFactor,
    /// The session that continues this one, if it did not have a second factor before.
    pub session: Option<OpenedSession>,
    /// The enrolment of recovery codes, which began because this is the account's first factor.
    pub recovery_codes: Option<Enrolment>,
}

impl Accounts {
    /// Returns what a login to an account is to the engine; none if no subscription serves logins.
    pub(super) async fn login_sign_in(&self, account: &str) -> Result<Option<SignIn>, Error> {
        let subscription = self.guard.settings().await?.subscription;
        Ok(subscription.map(|id| SignIn::new(id).client_application(CLIENT_APPLICATION).user(account)))
    }

    async fn own_sign_in(&self, session: &Session) -> Result<SignIn, Error> {
        self.login_sign_in(&session.account.id).await?.ok_or_else(Error::no_instance_available)
    }

    /// Returns the factors of this session's account, and which can be added.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn own_factors(&self, session: &Session) -> Result<OwnFactors, Error> {
        self.factors_of(&session.account.id).await
    }

    pub(super) async fn factors_of(&self, account: &str) -> Result<OwnFactors, Error> {
        let Some(sign_in) = self.login_sign_in(account).await? else { return Ok(OwnFactors::default()) };
        let factors = self.factors.list(&sign_in.subscription, account, false).await?;
        let has_another = factors.iter().any(is_usable_alone);
        let mut enrollable = self.enrollable(&sign_in).await?;
        enrollable.retain(|one| {
            let own = factors.iter().filter(|factor| factor.two_factor == one.two_factor).count();
            let has_room = one.manifest.replaces_earlier || own < one.manifest.max_per_user as usize;
            has_room && (has_another || !one.manifest.never_sole)
        });
        enrollable.sort_by_key(|one| (one.manifest.never_sole, one.manifest.enrolment != AnswerKind::WebauthnCreate));
        Ok(OwnFactors { factors, enrollable })
    }

    /// Returns the instances that serve logins with factors. Passkeys are bound to a site: they only work if it is this server's.
    async fn enrollable(&self, sign_in: &SignIn) -> Result<Vec<EnrollableFactor>, Error> {
        let mut all = self.factors.enrollable(sign_in).await?;
        if !self.instances.sites.is_own(&sign_in.subscription).await? {
            all.retain(|one| one.manifest.challenge != AnswerKind::WebauthnGet);
        }
        Ok(all)
    }

    /// Returns the kinds of factors with which a login can be completed, the strongest first and fallbacks last.
    pub(super) async fn login_factors(&self, sign_in: &SignIn, held: &[UserFactor]) -> Result<Vec<LoginFactor>, Error> {
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let usable = |one: EnrollableFactor| {
            let is_webauthn = one.manifest.challenge == AnswerKind::WebauthnGet;
            let fits = |held: &&UserFactor| {
                let is_of_it = held.status == FactorStatus::Active && held.two_factor == one.two_factor;
                is_of_it && one.required.is_met(is_webauthn, &held.facts)
            };
            let best = held.iter().filter(fits).map(|held| held.rank(is_webauthn)).max()?;
            let factor = LoginFactor {
                two_factor: one.two_factor,
                type_id: one.type_id,
                name: one.name,
                kind: if is_webauthn { ChallengeKind::WebauthnGet } else { ChallengeKind::TypedCode },
                fallback: one.manifest.never_sole,
            };
            Some((best, factor))
        };
        let mut usable: Vec<_> = self.enrollable(sign_in).await?.into_iter().filter_map(usable).collect();
        usable.sort_by_key(|(best, _)| Reverse(*best));
        Ok(usable.into_iter().map(|(_, one)| one).collect())
    }

    /// Begins the enrolment of a factor of this session's account.
    ///
    /// # Errors
    /// [`Error::is_proof_required`] if the account holds a factor and this session was opened without one, or if the login through an
    /// identity provider is more than ten minutes ago. As [`Accounts::change_password`] for a wrong password. Those of
    /// [`TwoFactor::enrol`](crate::TwoFactor::enrol).
    pub async fn enrol_own_factor(
        &self,
        session: &Session,
        two_factor: &str,
        password: &str,
        client: &Client,
    ) -> Result<Enrolment, Error> {
        let sign_in = self.own_sign_in(session).await?;
        self.may_change_factors(session, &sign_in, password, client).await?;
        self.begin_enrolment(session, sign_in, two_factor, client).await
    }

    async fn begin_enrolment(
        &self,
        session: &Session,
        sign_in: SignIn,
        two_factor: &str,
        client: &Client,
    ) -> Result<Enrolment, Error> {
        if !self.enrollable(&sign_in).await?.iter().any(|one| one.two_factor == two_factor) {
            return Err(Error::no_instance_available());
        }
        let Account { id, name, email, .. } = &session.account;
        let mut new = NewEnrolment::on(sign_in, two_factor, Basis::Account);
        new.user_name = Some(if email.chars().count() <= NAME_CHARS { email.clone() } else { name.clone() });
        new.display_name = Some(name.clone());
        new.holder = Some(holder(id));
        new.locale.clone_from(&client.locale);
        new.client_address = client.address;
        self.know_owner(session, &new.sign_in, client).await?;
        self.factors.enrol(new).await
    }

    /// Returns an open enrolment of this session's account, for its page.
    ///
    /// # Errors
    /// [`Error::is_enrolment_closed`].
    pub async fn own_enrolment(&self, session: &Session, id: &str) -> Result<Enrolment, Error> {
        let sign_in = self.own_sign_in(session).await?;
        self.factors.enrolment(&sign_in.subscription, id, Some(&holder(&session.account.id))).await
    }

    /// Finishes an enrolment of this session's account. With the account's first factor all other sessions and pending logins end, and the enrolment of
    /// recovery codes begins if an instance for them serves logins.
    ///
    /// # Errors
    /// Those of [`TwoFactor::finish_enrolment`](crate::TwoFactor::finish_enrolment).
    pub async fn finish_own_enrolment(
        &self,
        session: &Session,
        mut answer: EnrolmentAnswer,
        client: &Client,
    ) -> Result<AddedFactor, Error> {
        let sign_in = self.own_sign_in(session).await?;
        let account = &session.account.id;
        let is_first = !self.factors.list(&sign_in.subscription, account, false).await?.iter().any(is_usable_alone);
        (answer.holder, answer.client_address) = (Some(holder(account)), client.address);
        let (this, session_now, by) = (self.clone(), session.clone(), client.clone());
        let subscription = sign_in.subscription.clone();
        // Runs to completion even if the browser disconnects: with the factor stored, the other sessions must end.
        let mut added = to_the_end(async move {
            let finished = this.factors.finish_enrolment(&subscription, answer).await;
            // A commit whose outcome is unknown may have stored the factor.
            let may_be_added = finished.as_ref().map_or_else(|error| error.kind() == ErrorKind::Unavailable, |_| true);
            if is_first && may_be_added {
                // Whoever has opened one of them did not have this factor.
                this.end_other_sessions(&session_now, &by).await?;
            }
            let mut added = AddedFactor { factor: finished?, session: None, recovery_codes: None };
            if is_first && !session_now.second_factor {
                added.session = Some(this.with_second_factor(&session_now).await?);
            }
            Ok(added)
        })
        .await?;
        if !is_first {
            return Ok(added);
        }
        let codes = self.own_factors(session).await?.enrollable;
        if let Some(codes) = codes.into_iter().find(|one| one.manifest.never_sole) {
            match self.begin_enrolment(session, sign_in, &codes.two_factor, client).await {
                Ok(enrolment) => added.recovery_codes = Some(enrolment),
                // The factor is enrolled, whatever becomes of the codes. The page still offers them.
                Err(error) => tracing::warn!(error = error.operator_detail(), "could not begin recovery codes"),
            }
        }
        Ok(added)
    }

    /// Removes a factor of this session's account. Fallbacks end with the last other factor.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; otherwise as [`Accounts::enrol_own_factor`].
    pub async fn remove_own_factor(
        &self,
        session: &Session,
        id: &str,
        password: &str,
        client: &Client,
    ) -> Result<RemovedFactors, Error> {
        let sign_in = self.own_sign_in(session).await?;
        self.may_change_factors(session, &sign_in, password, client).await?;
        self.know_owner(session, &sign_in, client).await?;
        self.factors.remove(&sign_in.subscription, &session.account.id, id, &Basis::Account).await
    }

    /// Remembers the email address of this session's account, where its owner is notified of changes of factors.
    async fn know_owner(&self, session: &Session, sign_in: &SignIn, client: &Client) -> Result<(), Error> {
        self.factors.know_email(sign_in, &session.account.email, client.locale.as_deref()).await
    }

    /// Checks that it is the owner who changes the factors of this session's account, and not somebody at an unattended screen.
    async fn may_change_factors(
        &self,
        session: &Session,
        sign_in: &SignIn,
        password: &str,
        client: &Client,
    ) -> Result<(), Error> {
        let held = self.factors.list(&sign_in.subscription, &session.account.id, false).await?;
        if !held.is_empty() && !session.second_factor {
            return Err(Error::proof_required("log in again, with a second factor, to change your second factors"));
        }
        if !session.account.is_external() {
            return self.own_password(session, password, client).await.map(drop);
        }
        if !session.is_fresh(FRESH) {
            return Err(Error::proof_required(
                "log in again: you can change your second factors in the first ten minutes after a login",
            ));
        }
        self.check_alive(session).await
    }

    /// Ends the factors of an account that was removed, and its open challenges.
    pub(super) async fn end_factors(&self, account: &str) -> Result<(), Error> {
        let Some(sign_in) = self.login_sign_in(account).await? else { return Ok(()) };
        let subscription = &sign_in.subscription;
        let persons = [user_persons(&self.keyring, subscription, account), account_persons(&self.keyring, account)];
        let reset = FactorReset {
            user: self.factors.held.key(subscription, account),
            persons: persons.concat(),
            // Its sessions have ended with it.
            account: None,
            now: self.clock.now(),
        };
        self.store.reset_factors(reset).await?;
        Ok(())
    }
}

fn is_usable_alone(factor: &UserFactor) -> bool {
    factor.status == FactorStatus::Active && !factor.fallback
}

/// Returns who begins and finishes an enrolment of an account.
fn holder(account: &str) -> String {
    format!("account {account}")
}
