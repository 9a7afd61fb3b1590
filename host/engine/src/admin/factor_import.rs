//! Importing authenticator apps that were set up with another program.
//!
//! The contract of factors has no function for it, and the host does not know how a component stores an app. So an app comes in as a state
//! of format 0, which is an otpauth URI: a component that reads it upgrades it to its own format, like every state of a lower one.

use std::collections::HashSet;
use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use jiff::Timestamp;
use twofactor_sandbox::{FactorFacts, FactorState};
use zeroize::{Zeroize as _, Zeroizing};

use super::Administration;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::factor::{checked_label, checked_user};
use crate::instance::ChosenFactor;
use crate::store::{FactorAdded, FactorRecord, FactorStatus, ImportFactors};
use crate::user_factor::FactorPlace;

/// How many apps are imported in one run.
pub const MAX_IMPORTED_APPS: usize = 1000;

/// The format of a state that is an otpauth URI.
const OTPAUTH: u32 = 0;

/// An app that was set up with another program. `Debug` shows neither the user nor the secret.
#[derive(Clone)]
pub struct ExistingApp {
    /// The user who holds it.
    pub user: String,
    /// The name that the user sees, at most 60 characters.
    pub label: Option<String>,
    /// The shared secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// The hash function, such as `SHA1`: ASCII letters and digits.
    pub algorithm: String,
    /// The number of digits of a code.
    pub digits: u32,
    /// How long the app shows a code, in seconds.
    pub period: u32,
}

impl ExistingApp {
    /// Returns an app of a user with the values that most apps have: SHA-1, 6 digits, 30 seconds.
    pub fn new(user: impl Into<String>, secret: Vec<u8>) -> Self {
        let (user, secret) = (user.into(), Zeroizing::new(secret));
        Self { user, label: None, secret, algorithm: "SHA1".to_owned(), digits: 6, period: 30 }
    }
}

impl fmt::Debug for ExistingApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ExistingApp");
        shown.field("algorithm", &self.algorithm).field("digits", &self.digits).field("period", &self.period);
        shown.finish_non_exhaustive()
    }
}

/// Why an app cannot be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportRefusal {
    /// The user's id is not valid.
    User,
    /// The label is not valid.
    Label,
    /// The instance accepts codes of another length: this one. Nothing if it accepts no codes.
    CodeLength(Option<u32>),
    /// The component does not support the algorithm, the number of digits, the period or the length of the secret.
    Unsupported,
    /// The user would have more factors of this instance than this.
    TooMany(u32),
    /// An app with this secret was imported before, or appears twice in the list.
    Duplicate,
}

impl fmt::Display for ImportRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str("the user's id is not valid"),
            Self::Label => f.write_str("the label is not valid"),
            Self::CodeLength(Some(length)) => write!(f, "the instance accepts codes of {length} digits"),
            Self::CodeLength(None) => f.write_str("the instance accepts no codes"),
            Self::Unsupported => f.write_str(
                "the component does not support the algorithm, the digits, the period or the length of the secret",
            ),
            Self::TooMany(most) => write!(f, "the user would have more than {most} factors of this instance"),
            Self::Duplicate => f.write_str("an app with this secret was imported before, or appears twice in the list"),
        }
    }
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppImport {
    /// How many apps were imported, or would be.
    pub apps: usize,
    /// How many users hold them.
    pub users: usize,
    /// The indexes of those that cannot be imported, and why. If there are any, none was.
    pub refused: Vec<(usize, ImportRefusal)>,
}

impl Administration {
    /// Imports apps as factors of an instance, given by its id or its name: all of them, or none. With `dry_run` they are only checked.
    /// An imported app needs no confirming code. Its codes up to this moment are not accepted: they may have been used before.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription or instance; invalid input for more than 1,000 apps, or an instance with
    /// which no factors are enrolled.
    pub async fn import_apps(
        &self,
        subscription: &str,
        two_factor: &str,
        apps: Vec<ExistingApp>,
        dry_run: bool,
    ) -> Result<AppImport, Error> {
        if apps.len() > MAX_IMPORTED_APPS {
            return Err(Error::invalid(format!("at most {MAX_IMPORTED_APPS} apps can be imported in one run")));
        }
        let chosen = self.import_target(subscription, two_factor).await?;
        let now = self.clock.now();
        let (mut indexes, mut factors, mut users) = (Vec::new(), Vec::new(), Vec::new());
        let mut refused = Vec::new();
        for (index, app) in apps.into_iter().enumerate() {
            match self.imported(subscription, &chosen, &app, now).await? {
                Ok((user, factor)) => {
                    indexes.push(index);
                    users.push(user);
                    factors.push(factor);
                }
                Err(why) => refused.push((index, why)),
            }
        }
        let most = chosen.manifest.max_per_user;
        let request = |dry_run| ImportFactors { factors: factors.clone(), max_per_user: most, dry_run, now };
        let refused_by_store = |of_store: Vec<(usize, FactorAdded)>| {
            let why = |added| match added {
                FactorAdded::TooMany => ImportRefusal::TooMany(most),
                _ => ImportRefusal::Duplicate,
            };
            of_store.into_iter().filter_map(|(n, added)| Some((*indexes.get(n)?, why(added)))).collect::<Vec<_>>()
        };
        refused.extend(refused_by_store(self.store().import_factors(request(true)).await?));
        let mut import = AppImport { apps: factors.len(), users: users.iter().collect::<HashSet<_>>().len(), refused };
        if dry_run || !import.refused.is_empty() {
            import.refused.sort_unstable_by_key(|(index, _)| *index);
            return Ok(import);
        }
        let (what, whole) =
            (format!("{subscription}/{}", chosen.id), format!("{} apps of {} users", import.apps, import.users));
        let mut entries = vec![(what.clone(), whole)];
        entries.extend(users.iter().zip(&factors).map(|(user, factor)| {
            (format!("{subscription}/{user}"), format!("factor {} of type {}", factor.id, factor.type_id))
        }));
        let (this, request) = (self.clone(), request(false));
        // Runs to completion even if the caller disconnects: the audit log must not list an import that was refused.
        let of_store = to_the_end(async move {
            for (subject, detail) in &entries {
                this.audit("factor.import", subject, detail).await?;
            }
            let refused = this.store().import_factors(request).await?;
            if !refused.is_empty() {
                this.audit("factor.import", &what, "not applied: factors changed in the meantime").await?;
            }
            Ok(refused)
        });
        import.refused = refused_by_store(of_store.await?);
        Ok(import)
    }

    async fn import_target(&self, subscription: &str, two_factor: &str) -> Result<ChosenFactor, Error> {
        let instances = self.instances(subscription).await?;
        let mut found = instances.iter().filter(|one| one.id == two_factor || one.name == two_factor);
        let (Some(instance), None) = (found.next(), found.next()) else { return Err(Error::not_found("instance")) };
        let chosen = self.instances.factor(subscription, &instance.id).await?;
        let chosen = chosen.ok_or_else(|| {
            Error::invalid("the instance is not active and valid, or no factors are enrolled with it")
        })?;
        if chosen.manifest.replaces_earlier || chosen.manifest.never_sole {
            return Err(Error::invalid("factors of this type cannot be imported"));
        }
        Ok(chosen)
    }

    /// Returns the user in its canonical form, and the factor as it will be stored.
    async fn imported(
        &self,
        subscription: &str,
        chosen: &ChosenFactor,
        app: &ExistingApp,
        now: Timestamp,
    ) -> Result<Result<(String, FactorRecord), ImportRefusal>, Error> {
        let Ok(user) = checked_user(&app.user) else { return Ok(Err(ImportRefusal::User)) };
        let Ok(label) = checked_label(app.label.as_deref()) else { return Ok(Err(ImportRefusal::Label)) };
        let length = chosen.code_length();
        if length != Some(app.digits) {
            return Ok(Err(ImportRefusal::CodeLength(length)));
        }
        let mut state = FactorState { format: OTPAUTH, data: otpauth(app, now).into_bytes() };
        let upgraded = chosen.configured()?.upgrade(&state).await;
        state.data.zeroize();
        let Ok(state) = upgraded.map_err(|why| chosen.failed(&why))? else {
            return Ok(Err(ImportRefusal::Unsupported));
        };
        let held = &self.factors.held;
        let key = held.key(subscription, &user);
        // It depends on the secret, so that no app is imported twice.
        let what: [&[u8]; 3] = [subscription.as_bytes(), chosen.id.as_bytes(), &app.secret];
        let hash = self.instances.keyring.fingerprint("imported-factor", &what);
        let id = BASE64URL_NOPAD.encode(&hash[..18]);
        let place = FactorPlace { subscription, instance: &chosen.id, user: &key, id: &id };
        Ok(Ok((
            user.clone(),
            FactorRecord {
                subscription: subscription.to_owned(),
                user: key,
                instance: chosen.id.clone(),
                type_id: chosen.type_id.clone(),
                unique_id: None,
                status: FactorStatus::Active,
                fallback: false,
                details: held.seal_details(place, &user, label.as_deref())?,
                state: held.seal_state(place, &state, FactorFacts::default())?,
                revision: 1,
                created_at: now,
                last_used_at: None,
                ended_at: None,
                id: id.clone(),
            },
        )))
    }
}

/// Returns the URI of an app whose codes up to a time may have been used.
fn otpauth(app: &ExistingApp, after: Timestamp) -> String {
    let secret = Zeroizing::new(BASE32_NOPAD.encode(&app.secret));
    let algorithm: String = app.algorithm.chars().filter(char::is_ascii_alphanumeric).collect();
    let ExistingApp { digits, period, .. } = app;
    let (secret, after) = (secret.as_str(), after.as_second());
    format!(
        "otpauth://totp/imported?secret={secret}&algorithm={algorithm}&digits={digits}&period={period}&after={after}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_app_has_no_secret() {
        let app = ExistingApp::new("alice", b"12345678901234567890".to_vec());
        assert_eq!(format!("{app:?}"), "ExistingApp { algorithm: \"SHA1\", digits: 6, period: 30, .. }");
    }

    #[test]
    fn an_app_is_passed_as_an_otpauth_uri() {
        let app = ExistingApp {
            algorithm: "SHA1&x=".to_owned(),
            ..ExistingApp::new("alice", b"12345678901234567890".to_vec())
        };
        assert_eq!(
            otpauth(&app, Timestamp::UNIX_EPOCH),
            "otpauth://totp/imported?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1x&digits=6&period=30&after=0"
        );
    }
}
