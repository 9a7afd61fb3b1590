//! Rules for every kind of factor.

use twofactor_sandbox::{EnrolmentVerdict, FactorUser, FactorVerdict, Recording, Reveal};

use super::person::Person;
use super::trial::{BETWEEN, Call, Held, Trial, call, name, user};
use crate::check::report::Report;

/// How much a verification may compute. One signature takes a few million instructions.
const FUEL: u64 = 50_000_000;

const ANSWERS: &str = "Accept only the right answer, only once, and only from the user whose factor it is.";

/// Checks that a factor can be enrolled at all: without that nothing else can be checked.
pub(super) async fn check_enrolment(trial: &Trial<'_>, report: &mut Report) -> bool {
    let enrolled = trial.enrol(&call("ann", 0), &[]).await;
    let can = enrolled.is_ok();
    let wrong = enrolled.err().into_iter().collect();
    report.rule("enrolment", wrong, "Enrol a factor with the right answer if nothing more than a factor is required.");
    can
}

pub(super) async fn check(trial: &Trial<'_>, report: &mut Report) {
    let wrong = async |result: Result<Vec<String>, String>| result.unwrap_or_else(|failed| vec![failed]);
    report.rule(
        "pure",
        wrong(pure(trial).await).await,
        "Return the same for the same input: take the time and random numbers from the context only.",
    );
    report.rule(
        "entropy",
        wrong(entropy(trial).await).await,
        "Derive secrets and challenges from `context.entropy`, so that they cannot be guessed.",
    );
    report.rule("answer-right", wrong(right(trial).await).await, ANSWERS);
    report.rule("answer-wrong", wrong(wrong_answers(trial).await).await, ANSWERS);
    report.rule(
        "replay",
        wrong(replay(trial).await).await,
        "Remember in the state which answers were used, including those that ended an enrolment.",
    );
    report.rule("wrong-user", wrong(wrong_user(trial).await).await, ANSWERS);
    report.rule(
        "which-factor",
        wrong(which(trial).await).await,
        "Return the index of the factor that was used, in the list that was passed.",
    );
    report.rule(
        "names",
        wrong(names(trial).await).await,
        "Begin an enrolment for any user name: escape, shorten or omit it.",
    );
    report.rule(
        "signals",
        wrong(signals(trial).await).await,
        "Return what the browser's functions accept, or nothing if they do not apply.",
    );
}

/// Checks that a component says nothing of an answer.
pub(super) fn check_details(recording: &Recording, report: &mut Report) {
    let lines = recording.lines();
    let repeats = lines.iter().any(|line| line.contains("[removed]"));
    let wrong = repeats.then(|| "a detail of a verdict repeats the answer, or names the user".to_owned());
    report.rule(
        "details",
        wrong.into_iter().collect(),
        "Say in a detail which check failed, in words that are the same for every answer.",
    );
}

pub(super) fn check_fuel(trial: &Trial<'_>, report: &mut Report) {
    let most = trial.most_fuel.get();
    let wrong = (most > FUEL).then(|| format!("a verification takes {most} instructions, more than {FUEL}"));
    report.rule(
        "fuel",
        wrong.into_iter().collect(),
        "Compute less in `verify`: each guess makes the server compute it. Random codes of 112 bits and more need no slow hash.",
    );
}

async fn pure(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let mut differs = |what: &str, is_same: bool| {
        if !is_same {
            wrong.push(format!("{what}: two calls with the same input return different results"));
        }
    };
    let now = call("ann", 0);
    let (one, other) = (trial.begin_enrolment(&now, &[]).await?, trial.begin_enrolment(&now, &[]).await?);
    differs(
        "begin-enrolment",
        (&one.public, &one.reveal, &one.pending) == (&other.public, &other.reveal, &other.pending),
    );
    let held = trial.enrol(&now, &[]).await?;
    if let EnrolmentVerdict::Enrolled(again) = trial.finish_enrolment(&now, &one.pending, &held.answer).await? {
        let is_same = (&again.state, &again.unique_id) == (&held.enrolled.state, &held.enrolled.unique_id);
        differs("finish-enrolment", is_same && again.facts == held.enrolled.facts);
    }
    let (later, states) = (call("ann", 1), [held.state()]);
    let (one, other) = (trial.begin_challenge(&later, &states).await?, trial.begin_challenge(&later, &states).await?);
    differs("begin-challenge", (&one.public, &one.pending) == (&other.public, &other.pending));
    let answer = held.person.clone().answer(&one, &trial.site, later.now)?;
    let verdicts = [
        trial.verify(&later, &states, &one.pending, &answer).await?,
        trial.verify(&later, &states, &one.pending, &answer).await?,
    ];
    let is_same = match &verdicts {
        [FactorVerdict::Right(one), FactorVerdict::Right(other)] => {
            one.state == other.state && one.index == other.index && one.facts == other.facts
        }
        [one, other] => name(one) == name(other),
    };
    differs("verify", is_same);
    Ok(wrong)
}

async fn entropy(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let begun = [
        trial.begin_enrolment(&call("ann", 0), &[]).await?,
        trial.begin_enrolment(&call("ann", 0).seed(99), &[]).await?,
        trial.begin_enrolment(&call("ben", 0).seed(77), &[]).await?,
    ];
    if begun.windows(2).any(|two| two[0].pending == two[1].pending) {
        wrong.push("two enrolments with different random numbers are the same".to_owned());
    }
    let shown: Vec<&String> = begun
        .iter()
        .flat_map(|begun| match &begun.reveal {
            Some(Reveal::Otpauth { secret, .. }) => std::slice::from_ref(secret),
            Some(Reveal::Codes(codes)) => codes,
            None => &[],
        })
        .collect();
    if shown.iter().enumerate().any(|(n, one)| shown[n + 1..].contains(one)) {
        wrong.push("a secret is revealed twice, although the random numbers differ".to_owned());
    }
    Ok(wrong)
}

async fn right(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let held = trial.enrol(&call("ann", 0), &[]).await?;
    let (mut person, mut state) = (held.person, held.enrolled.state);
    let mut sizes = Vec::new();
    for uses in 1..=8 {
        let used = trial.use_rightly(&call("ann", uses), &mut person, &[state]).await;
        let (accepted, _) = used.map_err(|why| format!("use {uses}: {why}"))?;
        sizes.push(accepted.state.data.len());
        state = accepted.state;
    }
    let grows = sizes.windows(2).all(|two| two[1] > two[0] + 16);
    Ok(grows.then(|| format!("the state grows with each use, after 8 to {} bytes", sizes[7])).into_iter().collect())
}

/// Returns answers that are wrong in one place each.
fn altered(person: &Person, answer: &str) -> Vec<(String, String)> {
    if matches!(person, Person::Passkey(_)) {
        // Its rules try each part of an assertion.
        return Vec::new();
    }
    let other = |c: char| if c.is_ascii_digit() { char::from(b'0' + (c as u8 - b'0' + 1) % 10) } else { 'A' };
    let places = answer.chars().enumerate().filter(|(_, c)| c.is_ascii_alphanumeric());
    let alter = |(at, _): (usize, char)| {
        let changed: String = answer.chars().enumerate().map(|(n, c)| if n == at { other(c) } else { c }).collect();
        (format!("place {}", at + 1), changed)
    };
    let mut all: Vec<_> = places.map(alter).collect();
    all.push((
        "all places".to_owned(),
        answer.chars().map(|c| if c.is_ascii_alphanumeric() { other(c) } else { c }).collect(),
    ));
    all.retain(|(_, changed)| changed != answer);
    all
}

async fn wrong_answers(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let now = call("ann", 0);
    let begun = trial.begin_enrolment(&now, &[]).await?;
    let mut person = Person::of(&begun, now.seed)?;
    let answer = person.answer_enrolment(&begun, &trial.site, now.now)?;
    for (place, answer) in altered(&person, &answer) {
        match trial.finish_enrolment(&now, &begun.pending, &answer).await? {
            EnrolmentVerdict::Wrong => {}
            EnrolmentVerdict::Enrolled(_) => wrong.push(format!("{place}: an enrolment ends with a wrong answer")),
            other => wrong.push(format!("{place}: a wrong answer to an enrolment is {other:?}")),
        }
    }
    let held = trial.enrol(&now, &[]).await?;
    let (later, mut person, states) = (call("ann", 1), held.person.clone(), [held.state()]);
    let (begun, answer) = trial.answered(&later, &mut person, &states).await?;
    for (place, answer) in altered(&person, &answer) {
        match trial.verify(&later, &states, &begun.pending, &answer).await? {
            FactorVerdict::Wrong => {}
            other => wrong.push(format!("{place}: a well-formed answer that is wrong is {}", name(&other))),
        }
    }
    Ok(wrong)
}

/// Returns whether an answer is accepted again.
async fn is_accepted(
    trial: &Trial<'_>,
    call: &Call,
    states: &[twofactor_sandbox::FactorState],
    answer: &str,
) -> Result<bool, String> {
    let begun = trial.begin_challenge(call, states).await?;
    Ok(matches!(trial.verify(call, states, &begun.pending, answer).await?, FactorVerdict::Right(_)))
}

async fn replay(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let Held { mut person, enrolled, answer } = trial.enrol(&call("ann", 0), &[]).await?;
    if matches!(person, Person::App(_))
        && is_accepted(trial, &call("ann", 0), std::slice::from_ref(&enrolled.state), &answer).await?
    {
        wrong.push("the code that ended the enrolment is accepted again".to_owned());
    }
    let (accepted, answer) = trial.use_rightly(&call("ann", 1), &mut person, &[enrolled.state]).await?;
    for (when, call) in [("at once", call("ann", 1)), ("at once", call("ann", 1).seed(50)), ("later", call("ann", 3))] {
        // A challenge with the same random numbers is the same challenge, which the host uses once.
        let is_same_challenge = matches!(person, Person::Passkey(_)) && call.seed == 1;
        if !is_same_challenge && is_accepted(trial, &call, std::slice::from_ref(&accepted.state), &answer).await? {
            wrong.push(format!("an answer that was used is accepted again {when}"));
        }
    }
    Ok(wrong)
}

async fn wrong_user(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let (ann, ben) = (trial.enrol(&call("ann", 0), &[]).await?, trial.enrol(&call("ben", 0).seed(77), &[]).await?);
    let (later, mut person, states) = (call("ann", 1), ben.person.clone(), [ann.state()]);
    // Whoever attacks with a passkey answers a challenge for Ann with Ben's.
    let (begun, answer) = match trial.answered(&later, &mut person, &states).await {
        Ok(answered) => answered,
        Err(_) => trial.answered(&call("ben", 1).seed(later.seed), &mut person, &[ben.state()]).await?,
    };
    let verdict = trial.verify(&later, &states, &begun.pending, &answer).await?;
    let wrong = matches!(verdict, FactorVerdict::Right(_)).then(|| "another user's answer is accepted".to_owned());
    Ok(wrong.into_iter().collect())
}

async fn which(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    if trial.factor.manifest().max_per_user < 2 {
        return Ok(Vec::new());
    }
    let first = trial.enrol(&call("ann", 0), &[]).await?;
    let second = trial.enrol(&call("ann", 0).seed(77), &[first.state()]).await?;
    let states = [first.state(), second.state()];
    let mut wrong = Vec::new();
    for (index, held) in [first, second].into_iter().enumerate() {
        let (accepted, _) = trial.use_rightly(&call("ann", 1), &mut held.person.clone(), &states).await?;
        if accepted.index != index {
            wrong.push(format!("the answer of factor {index} is said to be of factor {}", accepted.index));
        }
    }
    Ok(wrong)
}

async fn names(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let (long, wide) = ("n".repeat(320), "\u{1f511}".repeat(64));
    let mut wrong = Vec::new();
    for (what, name) in [
        ("an empty name", ""),
        ("a colon", "a:b"),
        ("signs", "a&b=c?d#e%f/g +h@example.com"),
        ("other letters", "Zoë Ünal 王小明"),
        ("320 characters", &long),
        ("64 emoji", &wide),
    ] {
        let user = FactorUser { name: name.to_owned(), display_name: name.to_owned(), ..user("ann") };
        let call = Call { user, ..call("ann", 0) };
        let complaints = match trial.begin_enrolment(&call, &[]).await.map(|begun| Person::of(&begun, 0)) {
            Ok(Ok(Person::App(app))) => app.complaints,
            Ok(Ok(_)) => Vec::new(),
            Ok(Err(why)) | Err(why) => vec![why],
        };
        wrong.extend(complaints.into_iter().map(|why| format!("{what}: {why}")));
    }
    Ok(wrong)
}

async fn signals(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let (one, other) = (trial.enrol(&call("ann", 0), &[]).await?, trial.enrol(&call("ann", 0).seed(77), &[]).await?);
    let mut wrong = Vec::new();
    for (remaining, removed) in
        [(vec![one.state()], Some(other.state())), (vec![one.state()], None), (Vec::new(), None)]
    {
        let told = trial.signals(&call("ann", 1), &remaining, removed.as_ref()).await;
        match told {
            Err(why) => wrong.push(why),
            Ok(signals) => {
                let other_site = signals.iter().any(|one| one.argument["rpId"] != *trial.site.rp_id);
                wrong.extend(other_site.then(|| "the `rpId` of a signal is not that of the site".to_owned()));
            }
        }
    }
    Ok(wrong)
}

/// The seconds of a challenge after which no answer is looked at.
pub(super) const LONG_AFTER: i64 = 100 * BETWEEN;
