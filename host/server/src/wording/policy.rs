//! The wording of warnings about a policy.

use twofactor::instance::PolicyWarning;

use super::language::Language;

/// Returns a warning as a sentence.
pub(crate) fn policy_warning(l: Language, warning: PolicyWarning) -> &'static str {
    match warning {
        PolicyWarning::ShortCodes => l.say(
            "Codes have fewer than the 6 digits that NIST SP 800-63B-4 requires.",
            "Codes haben weniger als die 6 Ziffern, die NIST SP 800-63B-4 verlangt.",
        ),
        PolicyWarning::AllCountries => l.say(
            "Messages may go to every country. SMS pumping fraud uses premium numbers abroad: list only the countries you need.",
            "Nachrichten dürfen in alle Länder gesendet werden. SMS-Betrug (SMS Pumping) nutzt Mehrwertnummern im Ausland: Geben Sie nur die benötigten Länder an.",
        ),
        PolicyWarning::NameOutsideSmsAlphabet => l.say(
            "The application name has a character outside the SMS alphabet, such as a curly apostrophe, an en dash or an emoji. Each SMS is billed as two or more.",
            "Der Name der Anwendung enthält ein Zeichen außerhalb des SMS-Alphabets, etwa einen typografischen Apostroph, einen Gedankenstrich oder ein Emoji. Jede SMS wird als zwei oder mehr abgerechnet.",
        ),
        // A warning that is newer than this program.
        _ => l.say("Review this policy.", "Prüfen Sie diese Richtlinie."),
    }
}
