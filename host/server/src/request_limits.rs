//! Limits on the bodies of requests, in bytes, and on the fields of forms.

/// The longest JSON body.
pub(crate) const BODY_BYTES: usize = 256 << 10;

/// The longest body of a call that takes a list of ten thousand names.
pub(crate) const LIST_BYTES: usize = 8 << 20;

/// The longest form of somebody who is not logged in: an email address and a password, each character escaped.
pub(crate) const LOGIN_BYTES: usize = 16 << 10;

/// The longest form with a credential: the engine accepts 64 KiB, and a form escapes some of them.
pub(crate) const CREDENTIAL_BYTES: usize = 96 << 10;

/// The maximum number of fields of a form: no page has as many. Each takes more memory than its bytes in the body.
pub(crate) const FORM_FIELDS: usize = 4096;

/// The longest delivery report: a form with a few fields.
pub(crate) const REPORT_BYTES: usize = 64 << 10;

/// The longest component. The engine may accept less ([`twofactor::sandbox::SandboxLimits`]).
pub(crate) const COMPONENT_BYTES: usize = 64 << 20;
