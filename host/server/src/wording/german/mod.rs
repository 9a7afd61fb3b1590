//! German translations of the sentences of the engine and of our own providers. As in gettext, the English text is the id of a message.
//! `{}` is a placeholder for a value. Texts of third-party providers have no entry and are shown unchanged.

mod accounts;
mod audit;
mod components;
mod connections;
mod credentials;
mod errors;
mod options;
mod policy;
mod providers;
mod sign_in_page;

/// Returns all sentences, in English and German.
pub(super) fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    let subjects = [
        errors::SENTENCES,
        accounts::SENTENCES,
        options::SENTENCES,
        connections::SENTENCES,
        credentials::SENTENCES,
        policy::SENTENCES,
        sign_in_page::SENTENCES,
        components::SENTENCES,
        audit::SENTENCES,
        providers::SENTENCES,
    ];
    subjects.into_iter().flatten().copied()
}
