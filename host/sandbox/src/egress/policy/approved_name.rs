//! Names that a component chooses and people are shown: of headers, fields and parameters.

use crate::readable;

/// The longest name that people are shown in an approval or in a problem, in bytes.
const LONGEST_NAME: usize = 128;

/// Checks a name that people are shown in an approval or in a problem. `of` is what has it.
pub(super) fn check_name(of: &str, name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(format!("the name of {of} must have 1 to {LONGEST_NAME} bytes"));
    }
    readable::check(name, 1..=LONGEST_NAME).map_err(|why| format!("the name of {of} {why}"))
}
