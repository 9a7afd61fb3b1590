//! Checks how a component reports bad responses, and ones that do not come: at each request of a delivery.

use super::report::Report;
use super::run::{CLASSIFY, Run};
use super::upstream::{Request, Responses, Script};

/// The number of requests of a delivery at which failures are tried.
const REQUESTS: usize = 5;

/// What an upstream does, and the outcomes that are correct then.
struct Case {
    rule: &'static str,
    script: Script,
    right: &'static [&'static str],
    /// The wait that must be passed on, in seconds.
    after_seconds: Option<Option<u32>>,
    /// How often the message may be sent: after a 401 the host itself repeats a request with a new access token.
    sent: usize,
}

pub(super) async fn check(run: &Run<'_>, responses: &Responses, report: &mut Report) {
    let requests = run.accepted_requests(responses).await;
    // The upstream has accepted the message after this one.
    let message = requests.iter().position(|request| run.carries_message(request));
    // Where no request was made, the first one is tried all the same.
    let places = 0..requests.len().clamp(1, REQUESTS);
    for case in cases() {
        let mut wrong = Vec::new();
        for place in places.clone() {
            let at = match places.len() {
                1 => String::new(),
                _ => format!("at request {} of {}, ", place + 1, requests.len()),
            };
            let found = check_at(run, responses, &case, place, message.is_some_and(|message| message < place)).await;
            wrong.extend(found.into_iter().map(|what| format!("{at}{what}")));
        }
        report.rule(case.rule, wrong, CLASSIFY);
    }
}

/// Checks one failure at one of the requests. `sent_before` says that the message was accepted at an earlier one.
async fn check_at(run: &Run<'_>, responses: &Responses, case: &Case, place: usize, sent_before: bool) -> Vec<String> {
    run.servers.upstream.respond(&responses.first(place), case.script.clone());
    let outcome = run.deliver(run.message()).await;
    let seen: Vec<Request> = run.servers.upstream.requests();
    let sent = seen.iter().filter(|request| run.carries_message(request)).count();
    let mut wrong = Vec::new();
    if sent_before {
        if matches!(outcome.name, "retry-later" | "aborted") {
            wrong.push(outcome.described("although the upstream has already accepted the message"));
        }
    } else {
        // A provider that asks something before it sends may fail at that: then nothing was sent, although the outcome is unknown otherwise.
        // One that reads the code may send it in a form that is not recognised here.
        let unsent = sent == 0 && !run.needs_code();
        let earlier = unsent
            && case.right.contains(&"outcome-unknown")
            && matches!(outcome.name, "retry-later" | "misconfigured");
        if !case.right.contains(&outcome.name) && !earlier {
            wrong.push(outcome.described(&format!("not {}", case.right.join(" or "))));
        }
        if let Some(expected) = case.after_seconds
            && outcome.name == "retry-later"
            && outcome.wait != expected
        {
            wrong.push(format!("the time to wait is {}, not {}", seconds(outcome.wait), seconds(expected)));
        }
    }
    if sent > case.sent {
        wrong.push(match run.component.verifies() {
            true => format!("{sent} requests named the recipient: only the request for a code may, and only once"),
            false => format!("the message was sent {sent} times"),
        });
    }
    wrong
}

fn seconds(wait: Option<u32>) -> String {
    wait.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds} s"))
}

fn cases() -> Vec<Case> {
    const NO: &[&str] = &["rejected-recipient", "rejected-message", "misconfigured", "blocked"];
    let case = |rule, script, right| Case { rule, script, right, after_seconds: None, sent: 1 };
    let headers =
        |all: &[(&str, &str)]| all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let later = |status, all: &[(&str, &str)]| Script::Respond { status, headers: headers(all), body: b"{}".to_vec() };
    // A response that cannot be understood says neither that the message was accepted nor that it was not.
    const TAKEN: &[&str] = &["delivered", "outcome-unknown"];
    // An upstream may document that it accepted nothing then.
    const UNAVAILABLE: &[&str] = &["outcome-unknown", "retry-later"];
    vec![
        case("status-400", Script::respond(400, "{}"), NO),
        Case { sent: 2, ..case("status-401", Script::respond(401, "{}"), &["misconfigured"]) },
        case("status-403", Script::respond(403, "{}"), &["misconfigured", "blocked"]),
        case("status-404", Script::respond(404, "{}"), NO),
        Case { after_seconds: Some(None), ..case("status-429", later(429, &[]), &["retry-later"]) },
        Case {
            after_seconds: Some(Some(7)),
            ..case("status-429-retry-after", later(429, &[("retry-after", "7")]), &["retry-later"])
        },
        case("status-500", Script::respond(500, "{}"), &["outcome-unknown"]),
        case("status-502-html", Script::respond(502, "<html>bad gateway</html>"), &["outcome-unknown"]),
        Case { after_seconds: Some(None), ..case("status-503", later(503, &[]), UNAVAILABLE) },
        Case {
            after_seconds: Some(Some(7)),
            ..case("status-503-retry-after", later(503, &[("retry-after", "7")]), UNAVAILABLE)
        },
        case(
            "redirect",
            Script::Respond {
                status: 302,
                headers: headers(&[("location", "https://elsewhere.example.com/")]),
                body: Vec::new(),
            },
            &["misconfigured", "outcome-unknown", "rejected-message"],
        ),
        case("silence", Script::Silence, &["outcome-unknown"]),
        case("cut-connection", Script::Cut, &["outcome-unknown"]),
        case("accepted-without-json", Script::respond(200, "{\"id\":"), TAKEN),
        case("accepted-with-other-json", Script::respond(200, "[null, {\"id\": [1e400]}]"), TAKEN),
        case("accepted-without-utf-8", Script::respond(200, [0xff, 0xfe, 0, b'{'].as_slice()), TAKEN),
        case("huge-answer", Script::respond(200, vec![b' '; 6 << 20]), TAKEN),
    ]
}
