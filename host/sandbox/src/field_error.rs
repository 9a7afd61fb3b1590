//! Errors in single fields of an input.

use serde::{Deserialize, Serialize};

/// An error in one field of the input. It repeats no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field, as a JSON Pointer (RFC 6901) into the input, such as `/MailServerConfig/Port`. Empty for the whole input.
    pub pointer: String,
    /// What is wrong with it and how to fix it, in English.
    pub detail: String,
}

impl FieldError {
    /// Creates an error in the field at a pointer.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}
