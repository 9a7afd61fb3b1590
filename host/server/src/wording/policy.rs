//! What should be reconsidered about a policy.

use twofactor::PolicyWarning;

use super::language::Language;

/// A warning as a sentence for a page.
pub(crate) fn policy_warning(l: Language, warning: PolicyWarning) -> &'static str {
    match warning {
        PolicyWarning::FewDigits => l.say(
            "Codes of fewer than 6 digits are weaker than NIST SP 800-63B-4 requires.",
            "Codes mit weniger als 6 Stellen sind schwächer, als NIST SP 800-63B-4 verlangt.",
        ),
        PolicyWarning::EveryCountry => l.say(
            "Messages may go to every country. Fraudsters earn money with messages to expensive numbers abroad.",
            "Nachrichten dürfen in jedes Land gehen. Betrüger verdienen an Nachrichten an teure Nummern im Ausland.",
        ),
        PolicyWarning::NameBeyondSmsAlphabet => l.say(
            "The application name has a character that the SMS alphabet lacks (such as a curly apostrophe, an en dash, ç, î or an emoji). \
             Each SMS is billed as two or more.",
            "Der Name der Applikation enthält ein Zeichen, das im SMS-Alphabet fehlt (etwa ein typografischer Apostroph, ein Gedankenstrich, \
             ç, î oder ein Emoji). Jede SMS wird als zwei oder mehr verrechnet.",
        ),
        // The engine's own words, until this page has better ones.
        _ => l.say("The policy should be reconsidered.", "Die Regeln sollten überdacht werden."),
    }
}
