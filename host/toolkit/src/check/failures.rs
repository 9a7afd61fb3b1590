//! What a component makes of answers that are bad, or that do not come: at each request of a delivery.

use super::delivery::{CLASSIFY, Run};
use super::report::Report;
use super::upstream::{Request, Says, Script};

/// At so many requests of a delivery failures are tried.
const REQUESTS: usize = 5;

/// What an upstream does, and the outcomes that are right then.
struct Case {
    rule: &'static str,
    script: Script,
    right: &'static [&'static str],
    /// The wait that must be passed on.
    after_seconds: Option<Option<u32>>,
    /// How often the message may be sent: the host itself asks once more with a new access token after a 401.
    sent: usize,
}

pub(super) async fn judge(run: &Run<'_>, says: &Says, report: &mut Report) {
    run.ends.upstream.play(&says.before, says.accepted());
    run.deliver(run.message()).await;
    let requests = run.ends.upstream.seen();
    // One after which the message is gone.
    let message = requests.iter().position(|request| run.holds_message(request));
    // Where nobody was asked there is the first request all the same.
    let places = 0..requests.len().clamp(1, REQUESTS);
    for case in cases() {
        let mut wrong = Vec::new();
        for place in places.clone() {
            let at = match places.len() {
                1 => String::new(),
                _ => format!("at request {} of {}, ", place + 1, requests.len()),
            };
            let found = judge_at(run, says, &case, place, message.is_some_and(|message| message < place)).await;
            wrong.extend(found.into_iter().map(|what| format!("{at}{what}")));
        }
        report.judge(case.rule, wrong, CLASSIFY);
    }
}

/// The same failure at one of the requests. `gone` says that the message was taken before.
async fn judge_at(run: &Run<'_>, says: &Says, case: &Case, place: usize, gone: bool) -> Vec<String> {
    run.ends.upstream.play(&says.first(place), case.script.clone());
    let outcome = run.deliver(run.message()).await;
    let seen: Vec<Request> = run.ends.upstream.seen();
    let sent = seen.iter().filter(|request| run.holds_message(request)).count();
    let mut wrong = Vec::new();
    if gone {
        if matches!(outcome.name, "retry-later" | "a component that broke off") {
            wrong.push(outcome.told("although the upstream has taken the message by then"));
        }
    } else {
        // A provider that asks something before it sends may fail at that: where else the outcome is unknown, then surely nothing was
        // sent. One that reads the code can send it in a form that is not known here.
        let unsent = sent == 0 && !run.needs_code();
        let earlier = unsent
            && case.right.contains(&"outcome-unknown")
            && matches!(outcome.name, "retry-later" | "misconfigured");
        if !case.right.contains(&outcome.name) && !earlier {
            wrong.push(outcome.told(&format!("not {}", case.right.join(" or "))));
        }
        if let Some(expected) = case.after_seconds
            && outcome.name == "retry-later"
            && outcome.wait != expected
        {
            wrong.push(format!("the wait passed on is {}, not {}", seconds(outcome.wait), seconds(expected)));
        }
    }
    if sent > case.sent {
        wrong.push(match run.component.verifies() {
            true => format!("{sent} requests named the recipient: only the one for a code may, and once"),
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
    let later = |status, all: &[(&str, &str)]| Script::Answer { status, headers: headers(all), body: b"{}".to_vec() };
    // What nobody understands says neither that it was taken nor that it was not.
    const TAKEN: &[&str] = &["delivered", "outcome-unknown"];
    // An upstream may document that with it nothing was taken.
    const UNAVAILABLE: &[&str] = &["outcome-unknown", "retry-later"];
    vec![
        case("status-400", Script::answer(400, "{}"), NO),
        Case { sent: 2, ..case("status-401", Script::answer(401, "{}"), &["misconfigured"]) },
        case("status-403", Script::answer(403, "{}"), &["misconfigured", "blocked"]),
        case("status-404", Script::answer(404, "{}"), NO),
        Case { after_seconds: Some(None), ..case("status-429", later(429, &[]), &["retry-later"]) },
        Case {
            after_seconds: Some(Some(7)),
            ..case("status-429-retry-after", later(429, &[("retry-after", "7")]), &["retry-later"])
        },
        case("status-500", Script::answer(500, "{}"), &["outcome-unknown"]),
        case("status-502-html", Script::answer(502, "<html>bad gateway</html>"), &["outcome-unknown"]),
        Case { after_seconds: Some(None), ..case("status-503", later(503, &[]), UNAVAILABLE) },
        Case {
            after_seconds: Some(Some(7)),
            ..case("status-503-retry-after", later(503, &[("retry-after", "7")]), UNAVAILABLE)
        },
        case(
            "redirect",
            Script::Answer {
                status: 302,
                headers: headers(&[("location", "https://elsewhere.example.com/")]),
                body: Vec::new(),
            },
            &["misconfigured", "outcome-unknown", "rejected-message"],
        ),
        case("silence", Script::Silence, &["outcome-unknown"]),
        case("cut-connection", Script::Cut, &["outcome-unknown"]),
        case("accepted-without-json", Script::answer(200, "{\"id\":"), TAKEN),
        case("accepted-with-other-json", Script::answer(200, "[null, {\"id\": [1e400]}]"), TAKEN),
        case("accepted-without-utf-8", Script::answer(200, [0xff, 0xfe, 0, b'{'].as_slice()), TAKEN),
        case("huge-answer", Script::answer(200, vec![b' '; 6 << 20]), TAKEN),
    ]
}
