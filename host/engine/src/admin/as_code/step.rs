//! The steps of an import.

use std::fmt;

use twofactor_sandbox::FieldError;

use super::Reference;
use crate::store::ConfigurationChange;

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It is created.
    Create,
    /// It is changed.
    Change,
    /// It is deleted.
    Remove,
}

/// A change. `Display` is a line for people; it contains no secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Planned {
    /// The kind.
    pub sign: Sign,
    /// The target: a pointer into the document.
    pub subject: String,
    /// The fields before and after, as in the audit log: JSON.
    pub fields: String,
    /// Why an instance will not be valid, if it will not.
    pub problems: Vec<FieldError>,
    /// The instances that are valid and will not be, as text; including those that a change of base
    /// service settings makes invalid.
    pub makes_invalid: Option<String>,
    /// Whether it changes the RP ID of a subscription that has passkeys, which then stop working.
    pub ends_passkeys: bool,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.sign {
            Sign::Create => '+',
            Sign::Change => '~',
            Sign::Remove => '-',
        };
        write!(f, "{sign} {} {}", self.subject, self.fields)?;
        for problem in &self.problems {
            write!(f, "\n    not valid: {} {}", problem.pointer, problem.detail)?;
        }
        if let Some(instances) = &self.makes_invalid {
            write!(f, "\n    makes valid instances invalid: {instances}")?;
        }
        if self.ends_passkeys {
            write!(f, "\n    changes the RP ID: existing passkeys stop working")?;
        }
        Ok(())
    }
}

/// A step of an import: its description, its entry in the audit log, and the operation of the
/// store.
pub(super) struct Step {
    pub(super) planned: Planned,
    pub(super) action: &'static str,
    pub(super) audited: String,
    pub(super) change: ConfigurationChange,
}

/// Reads the text of a referenced secret.
pub(super) type Resolve<'a> = &'a (dyn Fn(&Reference) -> Result<String, String> + Send + Sync);
