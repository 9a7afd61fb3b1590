//! The texts about factors that a person holds: passkeys, authenticator apps, recovery codes.
//!
//! `{n}` is a number, `{date}` a date, `{name}` a factor's name.

mod english;
mod french;
mod german;
mod italian;

use super::Notice;

pub(super) use english::WORDS as ENGLISH;
pub(super) use french::WORDS as FRENCH;
pub(super) use german::WORDS as GERMAN;
pub(super) use italian::WORDS as ITALIAN;

/// The texts in one language.
pub(in crate::sign_in) struct FactorWords {
    // Kinds of factors, in lists.
    pub(in crate::sign_in) passkey: &'static str,
    pub(in crate::sign_in) app: &'static str,
    pub(in crate::sign_in) recovery: &'static str,
    pub(in crate::sign_in) recovery_codes: &'static str,
    pub(in crate::sign_in) passkey_hint: &'static str,
    pub(in crate::sign_in) app_hint: &'static str,
    pub(in crate::sign_in) recovery_hint: &'static str,
    // The choice.
    pub(in crate::sign_in) choose: &'static str,
    pub(in crate::sign_in) choose_other: &'static str,
    pub(in crate::sign_in) choose_only: &'static str,
    pub(in crate::sign_in) use_passkey: &'static str,
    // Passkeys.
    pub(in crate::sign_in) passkey_title: &'static str,
    pub(in crate::sign_in) passkey_lead: &'static str,
    pub(in crate::sign_in) passkey_no_script: &'static str,
    pub(in crate::sign_in) passkey_unsupported: &'static str,
    pub(in crate::sign_in) passkey_failed: &'static str,
    pub(in crate::sign_in) passkey_rejected: &'static str,
    // Typed codes.
    pub(in crate::sign_in) app_lead: &'static str,
    pub(in crate::sign_in) recovery_title: &'static str,
    pub(in crate::sign_in) recovery_lead: &'static str,
    pub(in crate::sign_in) typed_lead: &'static str,
    pub(in crate::sign_in) length: &'static str,
    pub(in crate::sign_in) exhausted: &'static str,
    pub(in crate::sign_in) over: &'static str,
    // Few recovery codes are left.
    pub(in crate::sign_in) few_left: &'static str,
    pub(in crate::sign_in) one_left: &'static str,
    pub(in crate::sign_in) none_left: &'static str,
    pub(in crate::sign_in) proceed_without: &'static str,
    // The first factor is offered at the end of a sign-in.
    pub(in crate::sign_in) offer_title: &'static str,
    pub(in crate::sign_in) offer_lead: &'static str,
    // The list.
    pub(in crate::sign_in) title: &'static str,
    pub(in crate::sign_in) lead: &'static str,
    pub(in crate::sign_in) none: &'static str,
    pub(in crate::sign_in) confirm_lead: &'static str,
    pub(in crate::sign_in) added_on: &'static str,
    pub(in crate::sign_in) last_used: &'static str,
    pub(in crate::sign_in) never_used: &'static str,
    pub(in crate::sign_in) suspended: &'static str,
    pub(in crate::sign_in) codes_left: &'static str,
    pub(in crate::sign_in) one_code_left: &'static str,
    pub(in crate::sign_in) rename: &'static str,
    pub(in crate::sign_in) name: &'static str,
    pub(in crate::sign_in) save: &'static str,
    pub(in crate::sign_in) remove: &'static str,
    pub(in crate::sign_in) remove_title: &'static str,
    pub(in crate::sign_in) remove_text: &'static str,
    pub(in crate::sign_in) remove_last: &'static str,
    pub(in crate::sign_in) keep: &'static str,
    // Adding.
    pub(in crate::sign_in) add: &'static str,
    pub(in crate::sign_in) add_passkey: &'static str,
    pub(in crate::sign_in) add_app: &'static str,
    pub(in crate::sign_in) add_recovery: &'static str,
    pub(in crate::sign_in) add_other: &'static str,
    pub(in crate::sign_in) new_recovery: &'static str,
    pub(in crate::sign_in) passkey_about: &'static str,
    pub(in crate::sign_in) create_passkey: &'static str,
    pub(in crate::sign_in) passkey_not_created: &'static str,
    pub(in crate::sign_in) passkey_known: &'static str,
    pub(in crate::sign_in) app_scan: &'static str,
    pub(in crate::sign_in) app_qr: &'static str,
    pub(in crate::sign_in) app_open: &'static str,
    pub(in crate::sign_in) app_key: &'static str,
    pub(in crate::sign_in) app_confirm: &'static str,
    pub(in crate::sign_in) app_wrong: &'static str,
    pub(in crate::sign_in) codes_title: &'static str,
    pub(in crate::sign_in) codes_lead: &'static str,
    pub(in crate::sign_in) codes_replace: &'static str,
    pub(in crate::sign_in) copy: &'static str,
    pub(in crate::sign_in) copied: &'static str,
    pub(in crate::sign_in) print: &'static str,
    pub(in crate::sign_in) download: &'static str,
    pub(in crate::sign_in) codes_saved: &'static str,
    pub(in crate::sign_in) codes_file: &'static str,
    pub(in crate::sign_in) not_added: &'static str,
    pub(in crate::sign_in) too_late: &'static str,
    pub(in crate::sign_in) unmet: &'static str,
    pub(in crate::sign_in) none_satisfies: &'static str,
    pub(in crate::sign_in) too_many: &'static str,
    pub(in crate::sign_in) not_allowed: &'static str,
    // What was done.
    pub(in crate::sign_in) was_added: &'static str,
    pub(in crate::sign_in) was_removed: &'static str,
    pub(in crate::sign_in) was_renamed: &'static str,
    pub(in crate::sign_in) codes_stored: &'static str,
    pub(in crate::sign_in) expired: Notice,
    pub(in crate::sign_in) closed: Notice,
}
