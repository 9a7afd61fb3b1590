//! Checks that `check` accepts an answer only if the upstream approves it, and reports each failure correctly.

use twofactor_sandbox::{Configured, DeliveryFailure, Verdict};

use super::forbidden;
use super::report::Report;
use super::run::{CLASSIFY, CODE, Run, in_brackets};
use super::upstream::{Responses, Script};

/// The answer that a person types: a run of digits that nothing else in a request is.
const ANSWER: &str = "4608172935";

/// The number of requests of a verification at which failures are tried.
const REQUESTS: usize = 5;

/// Checks the answers to a verification, and returns the state of the verification if one was started.
pub(super) async fn check(run: &Run<'_>, responses: &Responses, report: &mut Report) -> Option<String> {
    let (configured, upstream) = (run.configured, run.servers.upstream);
    upstream.respond(&responses.before, responses.accepted());
    let state = match configured.begin(run.message()).await {
        Ok((_, started)) => started.state,
        Err(failure) => {
            let why = format!(
                "no verification was started ({}): pass the upstream's response to an accepted request, `--accepted-response FILE`",
                failure.reason()
            );
            report.skip("answers", &why);
            return None;
        }
    };
    // The number of requests that an answer takes, if the responses to them are known.
    let mut requests = 1;
    match &responses.approved {
        Some(approved) => {
            upstream.respond(&responses.before_answer, approved.clone());
            let (outcome, _, said) = ask(configured, &state).await;
            requests = upstream.requests().len().clamp(1, REQUESTS);
            let wrong = (outcome != "right").then(|| format!("its verdict is {outcome}{}", in_brackets(&said)));
            report.rule(
                "answer-right",
                wrong.into_iter().collect(),
                "Return `right` for an answer that the upstream approves.",
            );
        }
        None => {
            report.skip("answer-right", "pass the upstream's response to a correct answer, `--approved-response FILE`")
        }
    }
    // Not an approval: an upstream that accepted the request for a code has not verified any answer.
    let mut cases = cases();
    cases.push(("answer-as-accepted", responses.accepted(), UNCLEAR, None));
    for (rule, script, right, wait) in cases {
        let mut wrong = Vec::new();
        for place in 0..requests {
            upstream.respond(&responses.first_of_answer(place), script.clone());
            let (outcome, after_seconds, said) = ask(configured, &state).await;
            let at = if requests == 1 { String::new() } else { format!("at request {} of {requests}, ", place + 1) };
            let sent = upstream.requests().iter().filter(|request| request.contains(ANSWER)).count();
            // Before the answer was sent, nobody can have verified it.
            let earlier = sent == 0 && right.contains(&"outcome-unknown") && outcome == "retry-later";
            if !right.contains(&outcome) && !earlier {
                let right = right.join(" or ");
                wrong.push(format!("{at}its verdict is {outcome}, not {right}{}", in_brackets(&said)));
            }
            if outcome == "retry-later" && wait.is_some_and(|wait| after_seconds != wait) {
                wrong.push(format!("{at}the time to wait is {after_seconds:?}, not {wait:?} (seconds)"));
            }
            if sent > 1 {
                wrong.push(format!("{at}the answer was sent more than once"));
            }
            if forbidden::found(&said, CODE, !run.masked).is_some() {
                wrong.push(format!("{at}the reason contains the answer or a secret"));
            }
        }
        report.rule(rule, wrong, CLASSIFY);
    }
    Some(state)
}

/// Checks an answer while the upstream does not listen.
pub(super) async fn check_no_connection(run: &Run<'_>, state: &str, report: &mut Report) {
    let (outcome, _, said) = ask(run.configured, state).await;
    let wrong = (outcome != "retry-later").then(|| {
        format!("its verdict is {outcome}, not retry-later: the upstream was not asked{}", in_brackets(&said))
    });
    report.rule("answer-no-connection", wrong.into_iter().collect(), CLASSIFY);
}

/// Returns the verdict on an answer, the wait that was asked for, and the reason.
async fn ask(configured: &Configured, state: &str) -> (&'static str, Option<u32>, String) {
    match configured.check(state, ANSWER).await {
        Ok(Verdict::Right) => ("right", None, String::new()),
        Ok(Verdict::Wrong) => ("wrong", None, String::new()),
        Ok(Verdict::Expired) => ("over", None, String::new()),
        Err(failure) => {
            let wait = match &failure {
                DeliveryFailure::RetryLater { after_seconds, .. } => *after_seconds,
                _ => None,
            };
            (failure.name(), wait, failure.reason().to_string())
        }
    }
}

/// The verdicts that fit a response that is not an approval.
const UNCLEAR: &[&str] =
    &["wrong", "over", "outcome-unknown", "rejected-message", "rejected-recipient", "misconfigured", "blocked"];

/// A rule, the upstream's response to an answer, the correct verdicts, and the wait that must be passed on.
type Case = (&'static str, Script, &'static [&'static str], Option<Option<u32>>);

fn cases() -> Vec<Case> {
    // 4xx with an unknown body: a verification that no longer exists, or a wrong request.
    const NO: &[&str] = &["wrong", "over", "rejected-message", "rejected-recipient", "misconfigured", "blocked"];
    let later = |headers: &[(&str, &str)]| Script::Respond {
        status: 429,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: b"{}".to_vec(),
    };
    vec![
        ("answer-400", Script::respond(400, "{}"), NO, None),
        ("answer-401", Script::respond(401, "{}"), &["misconfigured"], None),
        ("answer-403", Script::respond(403, "{}"), &["misconfigured", "blocked"], None),
        ("answer-404", Script::respond(404, "{}"), NO, None),
        ("answer-429", later(&[]), &["retry-later"], Some(None)),
        ("answer-429-retry-after", later(&[("retry-after", "7")]), &["retry-later"], Some(Some(7))),
        ("answer-500", Script::respond(500, "{}"), &["outcome-unknown"], None),
        ("answer-redirect", Script::respond(302, "{}"), UNCLEAR, None),
        ("answer-silence", Script::Silence, &["outcome-unknown"], None),
        ("answer-cut-connection", Script::Cut, &["outcome-unknown"], None),
        ("answer-without-json", Script::respond(200, "{\"status\":"), UNCLEAR, None),
        ("answer-with-other-json", Script::respond(200, "[null, {\"status\": [1e400]}]"), UNCLEAR, None),
        ("answer-with-an-empty-object", Script::respond(200, "{}"), UNCLEAR, None),
        ("answer-huge", Script::respond(200, vec![b' '; 6 << 20]), UNCLEAR, None),
    ]
}
