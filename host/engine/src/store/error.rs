//! Why the store did not do what it was asked.

use std::fmt;

/// Why the store did not do what it was asked. Whatever it was: it did not happen.
pub struct StoreError(Box<Inner>);

struct Inner {
    kind: Kind,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Busy,
    Exists,
    Unavailable,
    Incompatible,
}

impl StoreError {
    pub(crate) fn new(kind: Kind, detail: impl fmt::Display) -> Self {
        Self(Box::new(Inner { kind, detail: detail.to_string() }))
    }

    /// The same once more, for each of those who shared a failed commit.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.0.kind, &self.0.detail)
    }

    /// The same, saying which file it is about.
    pub(crate) fn about(&self, what: impl fmt::Display) -> Self {
        Self::new(self.0.kind, format_args!("{what}: {}", self.0.detail))
    }

    /// The database refuses work for now.
    pub fn unavailable(detail: impl fmt::Display) -> Self {
        Self::new(Kind::Unavailable, detail)
    }

    /// Something with this id exists already, or what it refers to does not.
    pub fn exists(detail: impl fmt::Display) -> Self {
        Self::new(Kind::Exists, detail)
    }

    /// Others hold the database: trying again soon may help.
    pub fn is_busy(&self) -> bool {
        self.0.kind == Kind::Busy
    }

    /// Nothing can be stored or read: a full disk, a lost file, a lost connection.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.0.kind, Kind::Unavailable | Kind::Busy)
    }

    /// Something with this id exists already, or what it refers to does not.
    pub fn is_conflict(&self) -> bool {
        self.0.kind == Kind::Exists
    }

    /// The database belongs to a newer version, to another program, or to another keyring.
    pub fn is_incompatible(&self) -> bool {
        self.0.kind == Kind::Incompatible
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?}: {})", self.0.kind, self.0.detail)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::Busy => write!(f, "the store is busy: {}", self.0.detail),
            Kind::Exists => write!(f, "the store refuses a duplicate or a dangling reference: {}", self.0.detail),
            Kind::Unavailable => write!(f, "the store is unavailable: {}", self.0.detail),
            Kind::Incompatible => write!(f, "the store cannot be used: {}", self.0.detail),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for crate::error::Error {
    fn from(error: StoreError) -> Self {
        if error.is_conflict() {
            Self::conflict("this exists already, or what it refers to does not")
        } else {
            Self::unavailable(error)
        }
    }
}
