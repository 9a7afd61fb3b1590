//! Errors of the store.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Why a call of the store failed.
///
/// Unless the kind is [`StoreErrorKind::OutcomeUnknown`], the call had no effect. The text is for operators. It must not hold
/// values that were stored: no code, secret, address or name.
pub struct StoreError(Box<Inner>);

struct Inner {
    kind: StoreErrorKind,
    detail: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Other work holds the database. Retrying soon may help.
    Busy,
    /// Something with this id exists already, or something that the call refers to does not exist.
    Conflict,
    /// Nothing can be stored or read: a full disk, a lost file, a lost connection.
    Unavailable,
    /// The database belongs to a newer version, to another program, or to another keyring.
    Incompatible,
    /// The connection was lost while the database committed: the call took effect, or it did not.
    OutcomeUnknown,
    /// A text contains a character that the database cannot store.
    InvalidText,
}

impl StoreError {
    /// Creates an error of a kind. `detail` is for operators.
    pub fn new(kind: StoreErrorKind, detail: impl fmt::Display) -> Self {
        Self(Box::new(Inner { kind, detail: detail.to_string(), source: None }))
    }

    /// Adds the error that caused this one.
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Creates an error of kind [`StoreErrorKind::Busy`].
    pub fn busy(detail: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Busy, detail)
    }

    /// Creates an error of kind [`StoreErrorKind::Conflict`].
    pub fn conflict(detail: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Conflict, detail)
    }

    /// Creates an error of kind [`StoreErrorKind::Unavailable`].
    pub fn unavailable(detail: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Unavailable, detail)
    }

    /// Creates an error of kind [`StoreErrorKind::Incompatible`].
    pub fn incompatible(detail: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Incompatible, detail)
    }

    /// Creates an error of kind [`StoreErrorKind::OutcomeUnknown`].
    pub fn outcome_unknown(detail: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::OutcomeUnknown, detail)
    }

    /// Returns a copy, for each caller whose work shared a failed commit.
    pub(crate) fn share(&self) -> Self {
        let Inner { kind, detail, source } = &*self.0;
        Self(Box::new(Inner { kind: *kind, detail: detail.clone(), source: source.clone() }))
    }

    /// Puts the name of the file or database before the detail.
    pub fn about(mut self, what: impl fmt::Display) -> Self {
        self.0.detail = format!("{what}: {}", self.0.detail);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// Returns whether other work holds the database: retrying soon may help.
    pub fn is_busy(&self) -> bool {
        self.kind() == StoreErrorKind::Busy
    }

    /// Returns whether the database cannot be used for now: it is busy, unavailable, or the outcome is unknown.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Busy | StoreErrorKind::OutcomeUnknown)
    }

    /// Returns whether something with this id exists already, or something that the call refers to does not exist.
    pub fn is_conflict(&self) -> bool {
        self.kind() == StoreErrorKind::Conflict
    }

    /// Returns whether the database belongs to a newer version, to another program, or to another keyring.
    pub fn is_incompatible(&self) -> bool {
        self.kind() == StoreErrorKind::Incompatible
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?}: {})", self.0.kind, self.0.detail)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.0.kind {
            StoreErrorKind::Busy => "the store is busy",
            StoreErrorKind::Conflict => "duplicate id or dangling reference in the store",
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Incompatible => "the store cannot be used",
            StoreErrorKind::InvalidText => "a text cannot be stored",
            StoreErrorKind::OutcomeUnknown => "it is not known whether the store applied the change",
        };
        write!(f, "{what}: {}", self.0.detail)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl From<StoreError> for crate::error::Error {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Conflict => {
                Self::conflict("it already exists, or refers to something that does not exist").with_source(error)
            }
            StoreErrorKind::InvalidText => Self::invalid("texts must not contain U+0000").with_source(error),
            StoreErrorKind::OutcomeUnknown => Self::outcome_unknown(&error).with_source(error),
            _ => Self::unavailable(&error).with_source(error),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn only_an_unknown_outcome_says_that_the_request_may_have_taken_effect() {
        let unknown = || Error::from(StoreError::outcome_unknown("the connection was lost"));
        assert!(unknown().is_outcome_unknown() && unknown().is_unavailable());
        assert!(unknown().is_retryable() && unknown().retry_after().is_some());
        assert!(unknown().to_string().contains("whether the request took effect; send the same request again"));
        assert!(unknown().operator_detail().unwrap().contains("the connection was lost"));
        let of_answer = unknown().of_answer();
        assert!(of_answer.to_string().contains("whether the answer was accepted; send the same request again"));
        assert!(of_answer.is_outcome_unknown() && of_answer.operator_detail() == unknown().operator_detail());
        for other in [StoreError::busy("x"), StoreError::unavailable("x"), StoreError::incompatible("x")] {
            let error = Error::from(other);
            assert!(!error.is_outcome_unknown() && error.is_unavailable());
            assert_eq!(error.of_answer().to_string(), "the service is temporarily unavailable");
        }
    }
}
