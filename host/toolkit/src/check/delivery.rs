//! Whether `deliver` sends once, changes nothing, and names each failure for what the host does next.

use std::cell::RefCell;
use std::collections::BTreeSet;

use twofactor::sandbox::{Component, Configured, DeliveryFailure, Message, Reason, Receipt, Recording};

use super::mail_server::{MailServer, Twist};
use super::report::Report;
use super::upstream::{Request, Says, Upstream};
use super::{failures, leaks, letters, mail, recipient, texts, verification};
use crate::try_provider::message;

/// Not a run of digits that anything else would have.
pub(super) const CODE: &str = "7305918264";

const BEGUN: &str = "What an upstream answered with 2xx may have been taken: it is begun, or its outcome is unknown. Ask for a code \
    once; of all requests only that one may name the recipient. If it asks something first, give the answers, `--replay FILE` or \
    `--accepted FILE`.";

pub(super) const CLASSIFY: &str =
    "Name each failure for what the host does next: see `delivery-failure` in the contract.";

/// What a component is checked against.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) mail_server: &'a MailServer,
    /// Counts the requests that it makes, and keeps its lines of the log.
    pub(super) recording: &'a Recording,
}

pub(super) async fn judge(
    component: &Component,
    configured: &Configured,
    ends: Ends<'_>,
    to: &str,
    says: &Says,
    report: &mut Report,
) {
    let run = Run { component, configured, ends, to, leaks: RefCell::default(), masked: leaks::has_mask(says) };
    let connections = configured.connections().len();
    if connections == 0 {
        let wrong = vec!["`configure` asks for no connection with these options".to_owned()];
        report.judge(
            "connections",
            wrong,
            "Answer with what the instance must reach: without a connection it sends nothing.",
        );
        return;
    }
    if let Some(said) = run.refuses_the_recipient(says).await {
        let wrong = vec![format!("it refuses the recipient of this check, and asks nobody{}", in_brackets(&said))];
        report.judge("accepted", wrong, "Give one that it takes, `--to RECIPIENT`.");
        return;
    }
    if configured.origins() > 0 {
        run.http(says, report).await;
        let begun = match component.verifies() {
            true => verification::judge(configured, ends.upstream, &run.message(), says, report).await,
            false => None,
        };
        leaks::provoke(&run, says).await;
        run.no_connection(report).await;
        if let Some(state) = begun {
            verification::judge_silence(configured, &state, report).await;
        }
        if connections > configured.origins() {
            let why = "it reaches a mail server too, and was tried over HTTP alone: check it again with options with which it reaches \
                       nothing else, if there are any";
            report.skip("mail", why);
        }
    } else if component.verifies() {
        let wrong = vec!["it reaches nobody over HTTP with these options".to_owned()];
        report.judge(
            "upstream",
            wrong,
            "Answer in `configure` with the origin that makes the codes and judges the answers.",
        );
        return;
    } else {
        mail::judge(&run, report).await;
    }
    run.note_leaks("a line of the log", ends.recording.lines().iter());
    leaks::judge(&run, report);
}

pub(super) struct Run<'a> {
    pub(super) component: &'a Component,
    pub(super) configured: &'a Configured,
    pub(super) ends: Ends<'a>,
    /// The recipient.
    pub(super) to: &'a str,
    /// Where the component said what it must not.
    pub(super) leaks: RefCell<BTreeSet<String>>,
    /// Whether the upstream's own answers hold masks, as recorded ones do.
    masked: bool,
}

/// What came of a delivery.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    /// The wait that was asked for.
    pub(super) wait: Option<u32>,
    /// What was said.
    pub(super) said: String,
}

impl Outcome {
    /// What it is, what is wrong with that, and what was said.
    pub(super) fn told(&self, wrong: &str) -> String {
        format!("the outcome is {}, {wrong}{}", self.name, in_brackets(&self.said))
    }
}

impl Run<'_> {
    pub(super) fn message(&self) -> Message {
        message(CODE, self.to)
    }

    pub(super) fn needs_code(&self) -> bool {
        self.component.info().manifest.needs_code
    }

    /// Whether a request names the recipient.
    pub(super) fn names_the_recipient(&self, request: &Request) -> bool {
        recipient::is_named(self.component.info().manifest.recipient, self.to, request)
    }

    /// Whether it says that the recipient is wrong before anybody was asked, and why: then nothing else can be tried.
    async fn refuses_the_recipient(&self, says: &Says) -> Option<String> {
        self.ends.upstream.play(&says.before, says.accepted());
        self.ends.mail_server.play(Twist::default());
        let outcome = self.deliver(self.message()).await;
        let asked = !self.ends.upstream.seen().is_empty() || !self.ends.mail_server.mails().is_empty();
        (outcome.name == "rejected-recipient" && !asked).then_some(outcome.said)
    }

    /// Has a message delivered, and looks for what must not be said.
    pub(super) async fn deliver(&self, message: Message) -> Outcome {
        let answer = self.configured.deliver(message).await;
        match answer {
            Ok(Receipt { reference, extra, .. }) => {
                self.note_leaks("the reference of a receipt", [&reference]);
                self.note_leaks("`extra` of a receipt", extra.iter().flat_map(|(name, value)| [name, value]));
                Outcome { name: "delivered", wait: None, said: String::new() }
            }
            Err(failure) if broke_off(failure.reason()) => {
                Outcome { name: "a component that broke off", wait: None, said: failure.reason().to_string() }
            }
            Err(failure) => {
                let wait = match &failure {
                    DeliveryFailure::RetryLater { after_seconds, .. } => *after_seconds,
                    _ => None,
                };
                let Reason { code, detail, .. } = failure.reason();
                self.note_leaks("the reason of a failure", [code, detail]);
                Outcome { name: failure.name(), wait, said: failure.reason().to_string() }
            }
        }
    }

    fn note_leaks<'t>(&self, place: &str, texts: impl IntoIterator<Item = &'t String>) {
        let found = texts.into_iter().filter_map(|text| leaks::found(text, !self.masked));
        self.leaks.borrow_mut().extend(found.map(|what| format!("{place} holds {what}")));
    }

    /// Whether a request has the message in it: by its code, or where the upstream makes that by whom it is for.
    pub(super) fn holds_message(&self, request: &Request) -> bool {
        if self.component.verifies() { self.names_the_recipient(request) } else { holds(CODE, request) }
    }

    async fn http(&self, says: &Says, report: &mut Report) {
        if self.component.verifies() {
            self.begin(says, report).await;
        } else {
            texts::judge(self, says, report).await;
            letters::judge(self, says, report).await;
        }
        texts::judge_circumstances(self, says, report).await;
        failures::judge(self, says, report).await;
    }

    async fn no_connection(&self, report: &mut Report) {
        self.ends.upstream.stop().await;
        let before = self.ends.recording.attempts();
        let outcome = self.deliver(self.message()).await;
        let attempts = self.ends.recording.attempts() - before;
        let mut wrong = Vec::new();
        if outcome.name != "retry-later" {
            wrong.push(outcome.told("not retry-later: surely nothing was sent"));
        }
        if attempts > 1 {
            wrong.push(format!("it tried {attempts} times to reach an upstream that is not there"));
        }
        report.judge("no-connection", wrong, CLASSIFY);
    }

    /// An upstream that takes everything is asked for a code once.
    async fn begin(&self, says: &Says, report: &mut Report) {
        self.ends.upstream.play(&says.before, says.accepted());
        let outcome = self.deliver(self.message()).await;
        let sent = self.ends.upstream.seen().iter().filter(|request| self.holds_message(request)).count();
        let mut wrong = Vec::new();
        if !matches!(outcome.name, "delivered" | "outcome-unknown") {
            wrong.push(outcome.told("although the upstream took it"));
        }
        if sent != 1 {
            wrong.push(format!("the upstream was asked {sent} times"));
        }
        report.judge("accepted", wrong, BEGUN);
    }
}

/// Whether the host ended the call, or the component did without an answer.
fn broke_off(reason: &Reason) -> bool {
    matches!(&*reason.code, "trap" | "stack" | "running-time" | "limit") && reason.detail.starts_with("the component")
}

/// Whether a text stands in a request as it is.
pub(super) fn holds(mark: &str, request: &Request) -> bool {
    request.head.contains(mark) || memchr::memmem::find(&request.body, mark.as_bytes()).is_some()
}

pub(super) fn in_brackets(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}
