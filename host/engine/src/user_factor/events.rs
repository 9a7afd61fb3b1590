//! What happens to a user's factors, for those who tell the user.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde::Serialize;

use super::UserFactor;

/// What happened to a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FactorEventKind {
    /// It was enrolled.
    Enrolled,
    /// A newer one took its place.
    Replaced,
    /// It was removed, by the person or by an administrator.
    Removed,
    /// It cannot be used until an administrator says so.
    Suspended,
    /// It can be used again.
    Resumed,
}

/// Something that happened to a factor of a user.
#[derive(Clone)]
#[non_exhaustive]
pub struct FactorEvent {
    /// The subscription.
    pub subscription: String,
    /// The user.
    pub user: String,
    /// The factor as it is now.
    pub factor: UserFactor,
    /// What happened.
    pub kind: FactorEventKind,
    /// When.
    pub at: Timestamp,
}

type Listener = Box<dyn Fn(FactorEvent) + Send + Sync>;

/// Passes events on to one listener, after they were committed. Without one they are dropped.
#[derive(Clone, Default)]
pub(crate) struct FactorEvents(Arc<OnceLock<Listener>>);

impl FactorEvents {
    /// Sets the listener, once. It must not block.
    pub(crate) fn listen(&self, listener: impl Fn(FactorEvent) + Send + Sync + 'static) {
        if self.0.set(Box::new(listener)).is_err() {
            tracing::error!("a second listener for events of factors was ignored");
        }
    }

    pub(crate) fn happened(&self, event: FactorEvent) {
        let (type_id, kind) = (&event.factor.type_id, event.kind);
        tracing::info!(subscription = %event.subscription, factor = %event.factor.id, %type_id, ?kind, "a factor changed");
        if let Some(listener) = self.0.get() {
            listener(event);
        }
    }
}
