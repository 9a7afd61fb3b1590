//! The canonical form of an address, whatever its kind.

/// An address in its canonical form.
pub(super) struct Canonical {
    /// The form that the provider receives.
    pub(super) address: String,
    /// The form that limits count: one for all spellings that reach the same person.
    pub(super) bucket: String,
    /// The form under which a number's prefix is counted: its country and first digits. Empty for
    /// mail.
    pub(super) prefix: String,
    /// A number's country (ISO 3166-1), if it belongs to one. Empty for mail.
    pub(super) country: String,
    /// The masked form, which the person may see.
    pub(super) hint: String,
}
