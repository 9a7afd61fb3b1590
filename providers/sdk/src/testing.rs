//! An upstream in memory, for a provider's own tests: script its responses, deliver, and look at the requests.

mod placement;

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::bindings::exports::twofactor::provider::configuration::Guest as _;
use crate::bindings::twofactor::provider::types::{Entry, Manifest};
use crate::bindings::twofactor::provider::{http, smtp};
use crate::delivery_bindings::exports::twofactor::provider::delivery::Guest as _;
use crate::{Connection, Delivery, Exported, Failure, Level, Message, Problem, Provider};

use placement::Placements;

pub use http::{Error as HttpError, Request};
pub use smtp::Mail as SentMail;

#[derive(Default)]
struct Script {
    responses: VecDeque<Result<http::Response, http::Error>>,
    mail: VecDeque<Result<smtp::Accepted, smtp::Error>>,
    requests: Vec<Request>,
    sent: Vec<Request>,
    placements: Placements,
    mails: Vec<SentMail>,
    lines: Vec<(Level, String)>,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
}

/// The upstream of this thread. A new one discards the script and the requests of the one before.
pub struct Upstream(());

impl Upstream {
    /// Creates an upstream without scripted responses.
    #[allow(clippy::new_without_default, reason = "it discards what the one before was given")]
    pub fn new() -> Self {
        SCRIPT.with_borrow_mut(|script| *script = Script::default());
        Self(())
    }

    /// Responds to the next request with this.
    pub fn responds(self, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let entry = |(name, value): &(&str, &str)| Entry { name: (*name).to_owned(), value: (*value).to_owned() };
        let headers = headers.iter().map(entry).collect();
        let response = http::Response { status, headers, body: body.as_bytes().to_vec() };
        SCRIPT.with_borrow_mut(|script| script.responses.push_back(Ok(response)));
        self
    }

    /// Fails the next request as the host would.
    pub fn fails(self, error: HttpError) -> Self {
        SCRIPT.with_borrow_mut(|script| script.responses.push_back(Err(error)));
        self
    }

    /// Accepts the next email, or fails it.
    pub fn mail(self, outcome: Result<&str, smtp::Error>) -> Self {
        let outcome = outcome.map(|reply| smtp::Accepted { reply: reply.to_owned() });
        SCRIPT.with_borrow_mut(|script| script.mail.push_back(outcome));
        self
    }

    /// Returns the requests as the provider made them.
    pub fn requests(&self) -> Vec<Request> {
        SCRIPT.with_borrow(|script| script.requests.clone())
    }

    /// Returns the requests as they left: with the secrets of [`options_for_deliver`] in place of their placeholders. A request that the
    /// host refuses for a placeholder is not among them, and the provider gets [`HttpError::Denied`].
    pub fn sent(&self) -> Vec<Request> {
        SCRIPT.with_borrow(|script| script.sent.clone())
    }

    /// Returns the log's lines so far.
    pub fn lines(&self) -> Vec<(Level, String)> {
        SCRIPT.with_borrow(|script| script.lines.clone())
    }

    /// Returns the emails so far.
    pub fn mails(&self) -> Vec<SentMail> {
        SCRIPT.with_borrow(|script| script.mails.clone())
    }
}

pub(crate) fn send(request: Request) -> Result<http::Response, http::Error> {
    SCRIPT.with_borrow_mut(|script| {
        script.requests.push(request.clone());
        script.sent.push(script.placements.filled(&request).map_err(HttpError::Denied)?);
        script
            .responses
            .pop_front()
            .unwrap_or_else(|| Err(HttpError::NotSent("the test scripted no response".to_owned())))
    })
}

pub(crate) fn send_mail(mail: SentMail) -> Result<smtp::Accepted, smtp::Error> {
    SCRIPT.with_borrow_mut(|script| {
        script.mails.push(mail);
        script.mail.pop_front().unwrap_or_else(|| Err(smtp::Error::NotSent("the test scripted no response".to_owned())))
    })
}

pub(crate) fn log(level: Level, message: &str) {
    SCRIPT.with_borrow_mut(|script| script.lines.push((level, message.to_owned())));
}

/// Calls the component's `describe`.
pub fn describe<P: Provider>() -> Manifest {
    Exported::<P>::describe()
}

/// Calls the component's `configure`.
///
/// # Errors
/// Its problems.
pub fn configure<P: Provider>(options: &serde_json::Value) -> Result<Vec<Connection>, Vec<Problem>> {
    Exported::<P>::configure(options.to_string()).map(|all| all.into_iter().map(Connection).collect())
}

/// Returns options as `deliver` gets them: without secrets, and with a placeholder for each
/// [`PlacedSecret`](crate::PlacedSecret), which [`Upstream::sent`] shows filled in. Call it after [`Upstream::new`].
pub fn options_for_deliver<P: Provider>(options: &serde_json::Value) -> serde_json::Value {
    let connections = Exported::<P>::configure(options.to_string()).unwrap_or_default();
    let schema: serde_json::Value = serde_json::from_str(&describe::<P>().options_schema).unwrap_or_default();
    let mut placements = Placements::new(connections);
    let given = placements.give(&schema, &[&schema], options, "");
    SCRIPT.with_borrow_mut(|script| script.placements = placements);
    given
}

/// Calls the component's `deliver`. Pass it options without secrets, as the host does.
///
/// # Errors
/// Its failure.
pub fn deliver<P: Provider>(options: &serde_json::Value, message: &Message) -> Delivery {
    Exported::<P>::deliver(options.to_string(), message.clone())
}

/// Returns the contract's name of a failure.
pub fn failure_name(failure: &Failure) -> &'static str {
    match failure {
        Failure::RetryLater(_) => "retry-later",
        Failure::OutcomeUnknown(_) => "outcome-unknown",
        Failure::Rejected(_) => "rejected",
        Failure::Misconfigured(_) => "misconfigured",
        Failure::Blocked(_) => "blocked",
    }
}

/// Returns a message for tests.
pub fn message(recipient: &str) -> Message {
    Message {
        id: "0123456789abcdef".to_owned(),
        recipient: recipient.to_owned(),
        subject: "Your code".to_owned(),
        text: "012345 is your code.".to_owned(),
        html: Some("<p>012345</p>".to_owned()),
        code: String::new(),
        valid_seconds: 300,
        locale: "en".to_owned(),
        purpose: "sign-in".to_owned(),
        application: "Example".to_owned(),
        extra: Vec::new(),
    }
}

/// The same functions for a [`Verifier`](crate::Verifier).
pub mod verification {
    use crate::bindings::exports::twofactor::provider::configuration::Guest as _;
    use crate::verification_bindings::exports::twofactor::provider::verification::Guest as _;
    use crate::{
        Connection, ExportedVerifier, Failure, Manifest, Message, Problem, StartedVerification, Verdict, Verifier,
    };

    /// Calls the component's `describe`.
    pub fn describe<V: Verifier>() -> Manifest {
        ExportedVerifier::<V>::describe()
    }

    /// Calls the component's `configure`.
    ///
    /// # Errors
    /// Its problems.
    pub fn configure<V: Verifier>(options: &serde_json::Value) -> Result<Vec<Connection>, Vec<Problem>> {
        ExportedVerifier::<V>::configure(options.to_string()).map(|all| all.into_iter().map(Connection).collect())
    }

    /// Calls the component's `begin`. Pass it options without secrets, as the host does.
    ///
    /// # Errors
    /// Its failure.
    pub fn begin<V: Verifier>(options: &serde_json::Value, message: &Message) -> Result<StartedVerification, Failure> {
        ExportedVerifier::<V>::begin(options.to_string(), message.clone())
    }

    /// Calls the component's `check`.
    ///
    /// # Errors
    /// Its failure.
    pub fn check<V: Verifier>(options: &serde_json::Value, state: &str, answer: &str) -> Result<Verdict, Failure> {
        ExportedVerifier::<V>::check(options.to_string(), state.to_owned(), answer.to_owned())
    }

    /// Returns a message without texts, as a verifier gets it.
    pub fn message(recipient: &str) -> Message {
        let none = String::new;
        Message { subject: none(), text: none(), html: None, ..super::message(recipient) }
    }
}
