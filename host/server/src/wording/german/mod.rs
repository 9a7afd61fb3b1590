//! The engine's and our own providers' English sentences in German, by the English sentence, as gettext does it: the English text is the
//! message's id. `{}` stands for what differs from case to case. What a stranger's provider says has no entry and stays as it is.

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
