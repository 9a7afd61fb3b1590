//! What somebody sent with a form and what came of it, until the page that the browser is led to shows it.
//!
//! Every form is answered by a redirect, so that a reload sends nothing again, and nothing that was typed is lost: a form that was
//! refused, that somebody else's change came before, or whose session had ended comes back as it was typed. It is kept in the memory
//! of this server alone, for the account that sent it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use twofactor::Error;
use twofactor::admin::TestReport;

use super::posted::Posted;
use crate::wording::{Language, sentence};

/// How long a form is kept: long enough to log in again.
const WHILE: Duration = Duration::from_secs(30 * 60);

/// The maximum number of forms that are kept for one account.
const PER_ACCOUNT: usize = 8;

/// The maximum size of the forms of one account, in bytes. Its oldest are removed first. The longest form fits ([`Posted`]).
const BYTES_PER_ACCOUNT: usize = 512 << 10;

/// The maximum size of all forms together, in bytes. The oldest are removed first.
const BYTES: usize = 4 << 20;

/// The maximum number of sessions that are remembered, so that a form that arrives after its
/// session has ended is kept for its account.
const SESSIONS: usize = 2048;

/// The result of a form.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It was refused, for this reason.
    Refused(String),
    /// It was refused because messages to this country are not enabled.
    CountryClosed(String),
    /// Somebody else changed the data since the form was shown.
    Conflict,
    /// The session had ended: nothing was done.
    SessionEnded,
    /// It was applied; the rest of what was typed is still there.
    Done,
    /// A test message was sent, or not.
    Tested(TestReport),
    /// A secret that is shown once.
    Issued(String),
}

impl Outcome {
    /// Creates the result for an error of the engine, in the reader's language.
    pub(super) fn of(language: Language, error: &Error) -> Self {
        match error.country_not_enabled() {
            Some(country) => Self::CountryClosed(country.to_owned()),
            None => Self::Refused(sentence(language, &error.to_string())),
        }
    }
}

/// The result of a form, as its handler returns it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) outcome: Outcome,
    /// The page that shows it. Without it, that page is the form's target, or the page that the
    /// target redirects to.
    pub(super) page: Option<String>,
    /// The fields to show again, if not the whole form.
    pub(super) posted: Option<Posted>,
}

impl Told {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, page: None, posted: None }
    }

    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::new(Outcome::Refused(why.into()))
    }

    pub(super) fn on(self, page: impl Into<String>) -> Self {
        Self { page: Some(page.into()), ..self }
    }

    pub(super) fn showing(self, posted: Posted) -> Self {
        Self { posted: Some(posted), ..self }
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// A form and its result.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) posted: Posted,
    pub(super) outcome: Outcome,
}

/// Forms and what came of them. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct FormReplies(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    replies: VecDeque<One>,
    sessions: VecDeque<([u8; 32], String)>,
}

struct One {
    id: String,
    account: String,
    since: Instant,
    reply: Arc<Reply>,
}

impl FormReplies {
    fn inner<T>(&self, with: impl FnOnce(&mut Inner) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a reply for an account; returns its id. `None` if the operating system provides no random numbers.
    pub(super) fn keep(&self, account: &str, reply: Reply, now: Instant) -> Option<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        let id = hex::encode(bytes);
        let one = One { id: id.clone(), account: account.to_owned(), since: now, reply: Arc::new(reply) };
        self.inner(|inner| {
            let all = &mut inner.replies;
            all.retain(|one| now.duration_since(one.since) < WHILE);
            let own = |one: &One| one.account == account;
            let is_too_much = |all: &VecDeque<One>| {
                let bytes: usize = all.iter().filter(|one| own(one)).map(|one| one.reply.posted.bytes()).sum();
                all.iter().filter(|one| own(one)).count() >= PER_ACCOUNT
                    || bytes + one.reply.posted.bytes() > BYTES_PER_ACCOUNT
            };
            while is_too_much(all) {
                let Some(oldest) = all.iter().position(own) else { break };
                all.remove(oldest);
            }
            all.push_back(one);
            while all.len() > 1 && all.iter().map(|one| one.reply.posted.bytes()).sum::<usize>() > BYTES {
                all.pop_front();
            }
        });
        Some(id)
    }

    /// Returns the reply of this id, if it is this account's and still here. One with a secret is found once.
    pub(super) fn find(&self, account: &str, id: &str, now: Instant) -> Option<Arc<Reply>> {
        self.inner(|inner| {
            inner.replies.retain(|one| now.duration_since(one.since) < WHILE);
            let at = inner.replies.iter().position(|one| one.account == account && one.id == id)?;
            let reply = inner.replies.get(at)?.reply.clone();
            if matches!(reply.outcome, Outcome::Issued(_)) {
                inner.replies.remove(at);
            }
            Some(reply)
        })
    }

    /// Remembers whose session it is.
    pub(super) fn note_session(&self, secret: &str, account: &str) {
        let known = hash(secret);
        self.inner(|inner| {
            match inner.sessions.iter().position(|(digest, _)| *digest == known) {
                Some(at) => {
                    let last = inner.sessions.remove(at);
                    inner.sessions.extend(last);
                }
                None => inner.sessions.push_back((known, account.to_owned())),
            }
            while inner.sessions.len() > SESSIONS {
                inner.sessions.pop_front();
            }
        });
    }

    /// Returns the account of a session, also of one that has ended. Without such a session this
    /// server keeps no form.
    pub(super) fn account_of(&self, secret: &str) -> Option<String> {
        let known = hash(secret);
        self.inner(|inner| {
            let found = inner.sessions.iter().find(|(digest, _)| *digest == known);
            found.map(|(_, account)| account.clone())
        })
    }
}

fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn refused(text: &str) -> Reply {
        let posted = Posted::of(&[("name", text)]);
        Reply { posted, outcome: Outcome::Refused(String::new()) }
    }

    #[test]
    fn a_form_is_kept_for_its_account_alone_and_for_half_an_hour() {
        let (kept, now) = (FormReplies::default(), Instant::now());
        let id = kept.keep("anna", refused("typed"), now).unwrap();
        assert_eq!(kept.find("anna", &id, now).unwrap().posted.get("name"), Some("typed"));
        assert!(kept.find("ben", &id, now).is_none() && kept.find("anna", "0", now).is_none());
        assert!(kept.find("anna", &id, now + WHILE - Duration::from_millis(1)).is_some());
        assert!(kept.find("anna", &id, now + WHILE).is_none());
    }

    #[test]
    fn a_secret_is_shown_once() {
        let (kept, now) = (FormReplies::default(), Instant::now());
        let issued = Reply { posted: Posted::of(&[]), outcome: Outcome::Issued("tf_x".to_owned()) };
        let id = kept.keep("anna", issued, now).unwrap();
        assert!(kept.find("anna", &id, now).is_some());
        assert!(kept.find("anna", &id, now).is_none());
    }

    #[test]
    fn an_account_keeps_a_few_forms_and_all_together_a_few_megabytes() {
        let (kept, now) = (FormReplies::default(), Instant::now());
        let other = kept.keep("ben", refused(""), now).unwrap();
        let ids: Vec<_> = (0..PER_ACCOUNT + 2).map(|_| kept.keep("anna", refused(""), now).unwrap()).collect();
        let there: Vec<_> = ids.iter().map(|id| kept.find("anna", id, now).is_some()).collect();
        assert_eq!(there, [[false; 2].as_slice(), &[true; PER_ACCOUNT]].concat());
        assert!(kept.find("ben", &other, now).is_some());
        let long = "x".repeat(200 << 10);
        let ids: Vec<_> = (0..4).map(|_| kept.keep("anna", refused(&long), now).unwrap()).collect();
        let there: Vec<_> = ids.iter().map(|id| kept.find("anna", id, now).is_some()).collect();
        assert_eq!(there, [false, false, true, true]);
        assert!(kept.find("ben", &other, now).is_some());
        for n in 0..40 {
            kept.keep(&n.to_string(), refused(&long), now).unwrap();
        }
        assert!(kept.inner(|inner| inner.replies.iter().map(|one| one.reply.posted.bytes()).sum::<usize>()) <= BYTES);
        assert!(kept.find("ben", &other, now).is_none());
    }

    #[test]
    fn sessions_are_remembered_up_to_a_number() {
        let kept = FormReplies::default();
        kept.note_session("first", "anna");
        for n in 0..SESSIONS {
            assert_eq!(kept.account_of("first").as_deref(), (n < SESSIONS).then_some("anna"));
            kept.note_session(&n.to_string(), "ben");
        }
        assert_eq!((kept.account_of("first"), kept.account_of("0").as_deref()), (None, Some("ben")));
    }
}
