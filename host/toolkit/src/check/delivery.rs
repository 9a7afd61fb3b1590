//! Checks `deliver`: which rules apply to a component, and in which order they are checked.

use std::cell::RefCell;

use serde_json::Value;
use twofactor_sandbox::{Component, Configured, RecipientKind};

use super::answers::Answer;
use super::mail_server::Deviation;
use super::report::Report;
use super::run::{CLASSIFY, Run, Servers, in_brackets};
use super::upstream::Responses;
use super::{answers, code_placeholder, failures, forbidden, leaks, mail, placed_secrets, texts, verification};

const STARTED_ONCE: &str = "An upstream that responded with 2xx may have accepted the request: return a started verification, or an unknown \
    outcome. Ask for a code once; only that request may name the recipient. If the provider first sends another request, pass the \
    responses: `--replay FILE` or `--accepted-response FILE`.";

pub(super) async fn check(
    component: &Component,
    configured: &Configured,
    options: &Value,
    servers: Servers<'_>,
    (kind, to): (RecipientKind, &str),
    (responses, answers): (&Responses, &[Answer]),
    report: &mut Report,
) {
    let masked = forbidden::has_mask(responses);
    let run = Run { component, configured, servers, kind, to, leaks: RefCell::default(), masked };
    let connections = configured.connections().len();
    if connections == 0 {
        let wrong = vec!["`configure` requests no connection with these options".to_owned()];
        report.rule(
            "connections",
            wrong,
            "Return the destinations that the instance must reach: without a connection it cannot send anything.",
        );
        return;
    }
    if let Some(reason) = refused_recipient(&run, responses).await {
        let wrong =
            vec![format!("it rejects the recipient of this check without asking the upstream{}", in_brackets(&reason))];
        report.rule("accepted", wrong, "Pass a recipient that it accepts: `--to RECIPIENT`.");
        return;
    }
    if configured.origins() > 0 {
        check_http(&run, responses, report).await;
        answers::check(&run, responses, answers, report).await;
        placed_secrets::check(&run, options, responses, report).await;
        let started = match component.verifies() {
            true => verification::check(&run, responses, report).await,
            false => None,
        };
        leaks::provoke(&run, responses).await;
        check_no_connection(&run, report).await;
        if let Some(state) = started {
            verification::check_no_connection(&run, &state, report).await;
        }
        if connections > configured.origins() {
            let why = "it also reaches a mail server, and was checked over HTTP only. Check it again with options with which it \
                       reaches only the mail server, if there are any";
            report.skip("mail", why);
        }
    } else if component.verifies() {
        let wrong = vec!["it reaches no HTTP origin with these options".to_owned()];
        report.rule(
            "upstream",
            wrong,
            "Return from `configure` the origin that makes the codes and verifies the answers.",
        );
        return;
    } else {
        mail::check(&run, report).await;
        code_placeholder::check_mail(&run, report).await;
    }
    leaks::check(&run, report);
}

/// Returns the reason if the component rejects the recipient before it asks anybody: then nothing else can be checked.
async fn refused_recipient(run: &Run<'_>, responses: &Responses) -> Option<String> {
    run.servers.upstream.respond(&responses.before, responses.accepted());
    run.servers.mail_server.respond(Deviation::default());
    let outcome = run.deliver(run.message()).await;
    let asked = !run.servers.upstream.requests().is_empty() || !run.servers.mail_server.mails().is_empty();
    (outcome.name == "rejected-recipient" && !asked).then_some(outcome.reason)
}

async fn check_http(run: &Run<'_>, responses: &Responses, report: &mut Report) {
    if run.component.verifies() {
        check_started_once(run, responses, report).await;
    } else {
        texts::check(run, responses, report).await;
        code_placeholder::check(run, responses, report).await;
    }
    texts::check_circumstances(run, responses, report).await;
    failures::check(run, responses, report).await;
}

/// An upstream that accepts everything is asked for a code once.
async fn check_started_once(run: &Run<'_>, responses: &Responses, report: &mut Report) {
    run.servers.upstream.respond(&responses.before, responses.accepted());
    let outcome = run.deliver(run.message()).await;
    let sent = run.servers.upstream.requests().iter().filter(|request| run.carries_message(request)).count();
    let mut wrong = Vec::new();
    if !matches!(outcome.name, "delivered" | "outcome-unknown") {
        wrong.push(outcome.described("although the upstream accepted the request"));
    }
    if sent != 1 {
        wrong.push(format!("the upstream was asked {sent} times"));
    }
    report.rule("accepted", wrong, STARTED_ONCE);
}

/// Stops the upstream, so this comes after all other deliveries.
async fn check_no_connection(run: &Run<'_>, report: &mut Report) {
    run.servers.upstream.stop().await;
    let before = run.servers.recording.attempts();
    let outcome = run.deliver(run.message()).await;
    let attempts = run.servers.recording.attempts() - before;
    let mut wrong = Vec::new();
    if outcome.name != "retry-later" {
        wrong.push(outcome.described("not retry-later: nothing was sent"));
    }
    if attempts > 1 {
        wrong.push(format!("it tried {attempts} times to reach an upstream that does not listen"));
    }
    report.rule("no-connection", wrong, CLASSIFY);
}
