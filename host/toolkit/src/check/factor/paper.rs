//! Rules for codes that are shown once.

use std::collections::BTreeSet;

use super::person::Person;
use super::trial::{Trial, call};
use crate::check::report::Report;

/// The fewest bits of a code (NIST SP 800-63B-4 section 3.1.2.1), for letters and digits of 5 bits each.
const BITS: usize = 64;

pub(super) async fn check(trial: &Trial<'_>, report: &mut Report) {
    let wrong = codes(trial).await.unwrap_or_else(|why| vec![why]);
    report.rule(
        "codes",
        wrong,
        "Reveal different codes of at least 64 bits. Accept each once, and count the remaining ones in `uses-left`.",
    );
}

async fn codes(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let held = trial.enrol(&call("ann", 0), &[]).await?;
    let Person::Paper(codes, _) = &held.person else { return Ok(Vec::new()) };
    let mut wrong = Vec::new();
    if codes.iter().collect::<BTreeSet<_>>().len() < codes.len() {
        wrong.push("two of the codes are the same".to_owned());
    }
    let bits = |code: &String| {
        let letters = code.chars().filter(char::is_ascii_alphanumeric).count();
        let is_number = code.chars().all(|c| !c.is_ascii_alphabetic());
        // log2(10) is 3.32.
        if is_number { letters * 332 / 100 } else { letters * 5 }
    };
    if let Some(few) = codes.iter().map(bits).min().filter(|few| *few < BITS) {
        wrong.push(format!("a code has {few} bits, fewer than {BITS}"));
    }
    if codes.iter().any(|code| trial.factor.code_format().is_none_or(|format| format.canonical(code).is_none())) {
        wrong.push("a code does not have the format that `configure` returned, so nobody could type it".to_owned());
        return Ok(wrong);
    }
    let (mut person, mut state) = (held.person.clone(), held.state());
    let mut left = held.enrolled.facts.uses_left;
    if left.is_some_and(|left| usize::try_from(left) != Ok(codes.len())) {
        wrong.push("`uses-left` is not the number of codes".to_owned());
    }
    for n in 1..=codes.len() {
        let used = trial.use_rightly(&call("ann", 1), &mut person, &[state]).await;
        let (accepted, _) = used.map_err(|why| format!("code {n}: {why}"))?;
        if let (Some(before), Some(after)) = (left, accepted.facts.uses_left)
            && before.checked_sub(1) != Some(after)
        {
            wrong.push("`uses-left` does not count the uses".to_owned());
        }
        (left, state) = (accepted.facts.uses_left.or(left), accepted.state);
    }
    Ok(wrong)
}
