//! What a component is checked with: deliveries to a recipient, observed at an upstream of ours.

use std::cell::RefCell;
use std::collections::BTreeSet;

use twofactor_sandbox::{Component, Configured, DeliveryFailure, Message, Reason, Receipt, RecipientKind, Recording};

use super::forbidden;
use super::mail_server::MailServer;
use super::recipient;
use super::upstream::{Request, Responses, Upstream};
use crate::sample;

/// The code of the messages: a run of digits that nothing else in a request is.
pub(super) const CODE: &str = "7305918264";

pub(super) const CLASSIFY: &str =
    "Choose the failure by what the host must do next: see `delivery-failure` in the contract.";

/// The servers on loopback that take the place of everything the component reaches.
#[derive(Clone, Copy)]
pub(super) struct Servers<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) mail_server: &'a MailServer,
    /// Counts the component's requests and collects its log lines.
    pub(super) recording: &'a Recording,
}

/// A configured component with its servers and a recipient.
pub(super) struct Run<'a> {
    pub(super) component: &'a Component,
    pub(super) configured: &'a Configured,
    pub(super) servers: Servers<'a>,
    /// The kind of the recipient.
    pub(super) kind: RecipientKind,
    /// The recipient.
    pub(super) to: &'a str,
    /// Where the component disclosed what it must not.
    pub(super) leaks: RefCell<BTreeSet<String>>,
    /// Whether the upstream's own responses contain masks, as recorded ones do.
    pub(super) masked: bool,
}

/// How a delivery ended.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    /// The wait that was asked for, in seconds.
    pub(super) wait: Option<u32>,
    /// The upstream's code of a failure, as the component reported it.
    pub(super) code: String,
    /// The component's reason.
    pub(super) reason: String,
}

impl Outcome {
    /// Describes the outcome, why it is wrong, and the component's reason.
    pub(super) fn described(&self, wrong: &str) -> String {
        format!("the outcome is {}, {wrong}{}", self.name, in_brackets(&self.reason))
    }
}

impl Run<'_> {
    pub(super) fn message(&self) -> Message {
        self.message_with(CODE)
    }

    /// Returns the usual message with another code.
    pub(super) fn message_with(&self, code: &str) -> Message {
        sample::message(code, self.to).with_context(sample::NOW, self.kind)
    }

    pub(super) fn needs_code(&self) -> bool {
        self.component.info().manifest.needs_code
    }

    /// Returns whether a request names the recipient.
    pub(super) fn names_recipient(&self, request: &Request) -> bool {
        recipient::is_named(self.kind, self.to, request)
    }

    /// Returns whether a request carries the message: it contains the code, or, where the upstream makes the code, the recipient.
    pub(super) fn carries_message(&self, request: &Request) -> bool {
        if self.component.verifies() { self.names_recipient(request) } else { request.contains(CODE) }
    }

    /// Has a message delivered, and looks for what the component must not disclose.
    pub(super) async fn deliver(&self, message: Message) -> Outcome {
        match self.configured.deliver(message).await {
            Ok(Receipt { reference, price, extra, .. }) => {
                self.note_leaks("the reference of a receipt", [&reference]);
                self.note_leaks("the price of a receipt", &price.map(|price| price.amount().to_owned()));
                self.note_leaks("`extra` of a receipt", extra.iter().flat_map(|(name, value)| [name, value]));
                Outcome { name: "delivered", wait: None, code: String::new(), reason: String::new() }
            }
            Err(failure) if is_aborted(failure.reason()) => {
                let reason = failure.reason();
                Outcome { name: "aborted", wait: None, code: reason.code.clone(), reason: reason.to_string() }
            }
            Err(failure) => {
                let wait = match &failure {
                    DeliveryFailure::RetryLater { after_seconds, .. } => *after_seconds,
                    _ => None,
                };
                let Reason { code, detail, .. } = failure.reason();
                self.note_leaks("the reason of a failure", [code, detail]);
                Outcome { name: failure.name(), wait, code: code.clone(), reason: failure.reason().to_string() }
            }
        }
    }

    /// Has the usual message delivered by an upstream that accepts it, and returns the requests.
    pub(super) async fn accepted_requests(&self, responses: &Responses) -> Vec<Request> {
        self.servers.upstream.respond(&responses.before, responses.accepted());
        self.deliver(self.message()).await;
        self.servers.upstream.requests()
    }

    /// Notes which of these texts disclose something.
    pub(super) fn note_leaks<'t>(&self, place: &str, texts: impl IntoIterator<Item = &'t String>) {
        let found = texts.into_iter().filter_map(|text| forbidden::found(text, CODE, !self.masked));
        self.leaks.borrow_mut().extend(found.map(|what| format!("{place} contains {what}")));
    }
}

/// Returns whether the call ended without an answer of the component: it trapped, or the host stopped it.
fn is_aborted(reason: &Reason) -> bool {
    matches!(&*reason.code, "trap" | "stack" | "running-time" | "limit") && reason.detail.starts_with("the component")
}

pub(super) fn in_brackets(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}
