//! Whether `check` believes nobody but an upstream that says yes, and names each failure for what the host does next.

use twofactor::sandbox::{Configured, DeliveryFailure, Message, Verdict};

use super::delivery::{CLASSIFY, holds, in_brackets};
use super::leaks;
use super::report::Report;
use super::upstream::{Says, Script, Upstream};

/// What was typed. Not a run of digits that anything else would have.
const ANSWER: &str = "4608172935";

/// At so many requests of an answer failures are tried.
const REQUESTS: usize = 5;

/// Answers with the state of what was begun, if anything was.
pub(super) async fn judge(
    configured: &Configured,
    upstream: &Upstream,
    message: &Message,
    says: &Says,
    report: &mut Report,
) -> Option<String> {
    upstream.play(&says.before, says.accepted());
    let state = match configured.begin(message.clone()).await {
        Ok((_, begun)) => begun.state,
        Err(failure) => {
            let why = format!(
                "nothing was begun ({}): give what the upstream says when it takes it, `--accepted FILE`",
                failure.reason()
            );
            report.skip("answers", &why);
            return None;
        }
    };
    // How many requests an answer takes, as far as anybody said how they go.
    let mut requests = 1;
    match &says.approved {
        Some(approved) => {
            upstream.play(&says.before_answer, approved.clone());
            let (outcome, _, said) = ask(configured, &state).await;
            requests = upstream.seen().len().clamp(1, REQUESTS);
            let wrong = (outcome != "right").then(|| format!("what it makes of it is {outcome}{}", in_brackets(&said)));
            report.judge("answer-right", wrong.into_iter().collect(), "An answer that the upstream approves is right.");
        }
        None => report.skip("answer-right", "give what the upstream says when an answer is right, `--approved FILE`"),
    }
    // What is no yes: an upstream that took the wish for a code has not judged anything.
    let mut cases = cases();
    cases.push(("answer-as-accepted", says.accepted(), UNCLEAR, None));
    for (rule, script, right, wait) in cases {
        let mut wrong = Vec::new();
        for place in 0..requests {
            upstream.play(&says.first_of_answer(place), script.clone());
            let (outcome, after_seconds, said) = ask(configured, &state).await;
            let at = if requests == 1 { String::new() } else { format!("at request {} of {requests}, ", place + 1) };
            let sent = upstream.seen().iter().filter(|request| holds(ANSWER, request)).count();
            // Before the answer has left, surely nobody judged it.
            let earlier = sent == 0 && right.contains(&"outcome-unknown") && outcome == "retry-later";
            if !right.contains(&outcome) && !earlier {
                let right = right.join(" or ");
                wrong.push(format!("{at}what it makes of it is {outcome}, not {right}{}", in_brackets(&said)));
            }
            if outcome == "retry-later" && wait.is_some_and(|wait| after_seconds != wait) {
                wrong.push(format!("{at}the wait passed on is {after_seconds:?}, not {wait:?} (seconds)"));
            }
            if sent > 1 {
                wrong.push(format!("{at}the answer was sent more than once"));
            }
            if leaks::found(&said, !leaks::has_mask(says)).is_some() {
                wrong.push(format!("{at}the reason given held the answer or a secret"));
            }
        }
        report.judge(rule, wrong, CLASSIFY);
    }
    Some(state)
}

/// When nobody listens at the upstream.
pub(super) async fn judge_silence(configured: &Configured, state: &str, report: &mut Report) {
    let (outcome, _, said) = ask(configured, state).await;
    let wrong = (outcome != "retry-later")
        .then(|| format!("what it makes of it is {outcome}, not retry-later: nobody was asked{}", in_brackets(&said)));
    report.judge("answer-no-connection", wrong.into_iter().collect(), CLASSIFY);
}

/// What it makes of an answer, the wait that it asks for, and what it says.
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

/// What may be made of an answer that is no yes, whatever it is.
const UNCLEAR: &[&str] =
    &["wrong", "over", "outcome-unknown", "rejected-message", "rejected-recipient", "misconfigured", "blocked"];

/// What the upstream says of the answer, what may be made of it, and the wait that must be passed on.
type Case = (&'static str, Script, &'static [&'static str], Option<Option<u32>>);

fn cases() -> Vec<Case> {
    // 4xx without a body that anybody knows: a verification that is gone, or a request that is wrong.
    const NO: &[&str] = &["wrong", "over", "rejected-message", "rejected-recipient", "misconfigured", "blocked"];
    let later = |headers: &[(&str, &str)]| Script::Answer {
        status: 429,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: b"{}".to_vec(),
    };
    vec![
        ("answer-400", Script::answer(400, "{}"), NO, None),
        ("answer-401", Script::answer(401, "{}"), &["misconfigured"], None),
        ("answer-403", Script::answer(403, "{}"), &["misconfigured", "blocked"], None),
        ("answer-404", Script::answer(404, "{}"), NO, None),
        ("answer-429", later(&[]), &["retry-later"], Some(None)),
        ("answer-429-retry-after", later(&[("retry-after", "7")]), &["retry-later"], Some(Some(7))),
        ("answer-500", Script::answer(500, "{}"), &["outcome-unknown"], None),
        ("answer-redirect", Script::answer(302, "{}"), UNCLEAR, None),
        ("answer-silence", Script::Silence, &["outcome-unknown"], None),
        ("answer-cut-connection", Script::Cut, &["outcome-unknown"], None),
        ("answer-without-json", Script::answer(200, "{\"status\":"), UNCLEAR, None),
        ("answer-with-other-json", Script::answer(200, "[null, {\"status\": [1e400]}]"), UNCLEAR, None),
        ("answer-with-an-empty-object", Script::answer(200, "{}"), UNCLEAR, None),
        ("answer-huge", Script::answer(200, vec![b' '; 6 << 20]), UNCLEAR, None),
    ]
}
