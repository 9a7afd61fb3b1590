//! The providers of this repository.

/// None yet.
pub fn all() -> [&'static [u8]; 0] { [] }
