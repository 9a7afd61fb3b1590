//! How factors are sealed: what was moved to another row, user, instance or subscription cannot be opened.

use serde::{Deserialize, Serialize};
use twofactor_sandbox::{FactorFacts, FactorState};
use zeroize::Zeroizing;

use super::{HeldFactor, UserFactors};
use crate::error::Error;
use crate::store::{BucketKey, FactorRecord, FactorStatus};

const DETAILS: &str = "factor-details";
const STATE: &str = "factor-state";
pub(super) const HANDLE: &str = "user-handle";

#[derive(Serialize, Deserialize)]
struct Details {
    user: String,
    label: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct State {
    state: FactorState,
    facts: FactorFacts,
}

/// Where a state is: it opens nowhere else.
#[derive(Clone, Copy)]
pub(crate) struct FactorPlace<'a> {
    pub(crate) subscription: &'a str,
    pub(crate) instance: &'a str,
    pub(crate) user: &'a BucketKey,
    pub(crate) id: &'a str,
}

impl<'a> FactorPlace<'a> {
    pub(crate) fn of(record: &'a FactorRecord) -> Self {
        let FactorRecord { subscription, instance, user, id, .. } = record;
        Self { subscription, instance, user, id }
    }

    fn parts(&self) -> [&[u8]; 4] {
        [self.subscription.as_bytes(), self.instance.as_bytes(), self.user, self.id.as_bytes()]
    }
}

impl UserFactors {
    pub(crate) fn seal_details(
        &self,
        place: FactorPlace<'_>,
        user: &str,
        label: Option<&str>,
    ) -> Result<Vec<u8>, Error> {
        let details = Details { user: user.to_owned(), label: label.map(str::to_owned) };
        let plain = serde_json::to_vec(&details).map_err(Error::unavailable)?;
        self.keyring.seal(DETAILS, &place.parts(), &plain).map_err(Error::unavailable)
    }

    pub(crate) fn seal_state(
        &self,
        place: FactorPlace<'_>,
        state: &FactorState,
        facts: FactorFacts,
    ) -> Result<Vec<u8>, Error> {
        let state = State { state: state.clone(), facts };
        let plain = Zeroizing::new(serde_json::to_vec(&state).map_err(Error::unavailable)?);
        self.keyring.seal(STATE, &place.parts(), &plain).map_err(Error::unavailable)
    }

    pub(super) fn open(&self, record: FactorRecord) -> Result<HeldFactor, Error> {
        let damaged = |what: &str| Error::unavailable(format!("the {what} of factor {} cannot be opened", record.id));
        let place = FactorPlace::of(&record);
        let plain = self.keyring.open(DETAILS, &place.parts(), &record.details).map_err(|_| damaged("details"))?;
        let details: Details = serde_json::from_slice(&plain).map_err(|_| damaged("details"))?;
        let state = match record.status {
            FactorStatus::Ended => None,
            FactorStatus::Active | FactorStatus::Suspended => {
                let plain = self.keyring.open(STATE, &place.parts(), &record.state).map_err(|_| damaged("state"))?;
                Some(serde_json::from_slice::<State>(&plain).map_err(|_| damaged("state"))?)
            }
        };
        let facts = state.as_ref().map(|state| state.facts).unwrap_or_default();
        let Details { user, label } = details;
        Ok(HeldFactor { user, label, facts, state: state.map(|state| state.state), record })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::AuditLog;
    use crate::clock::SystemClock;
    use crate::keyring::Keyring;
    use crate::store::{SqliteStore, Store};

    #[test]
    fn what_was_moved_to_another_row_user_instance_or_subscription_does_not_open() {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let (keyring, clock) = (Keyring::generate().unwrap(), Arc::new(SystemClock::new()));
        let audit = Arc::new(AuditLog::new(store.clone(), keyring.clone(), clock.clone()));
        let factors = UserFactors::new(store, keyring, clock, audit);
        let user = factors.key("s", "alice");
        let place = FactorPlace { subscription: "s", instance: "i", user: &user, id: "f" };
        let state = FactorState { format: 1, data: b"secret".to_vec() };
        let record = FactorRecord {
            id: "f".to_owned(),
            subscription: "s".to_owned(),
            user,
            instance: "i".to_owned(),
            type_id: "totp".to_owned(),
            unique_id: None,
            status: FactorStatus::Active,
            fallback: false,
            details: factors.seal_details(place, "alice", Some("Phone")).unwrap(),
            state: factors.seal_state(place, &state, FactorFacts::default()).unwrap(),
            revision: 1,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            last_used_at: None,
            ended_at: None,
        };
        let opened = factors.open(record.clone()).unwrap();
        assert_eq!((&*opened.user, opened.label.as_deref(), opened.state), ("alice", Some("Phone"), Some(state)));
        let moved: [fn(&mut FactorRecord); 5] = [
            |record| record.id = "g".to_owned(),
            |record| record.subscription = "t".to_owned(),
            |record| record.instance = "j".to_owned(),
            |record| record.user[0] ^= 1,
            |record| record.state.clone_from(&record.details),
        ];
        for change in moved {
            let mut record = record.clone();
            change(&mut record);
            assert!(factors.open(record).is_err());
        }
    }
}
