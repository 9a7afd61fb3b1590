//! Rules for stored states: they outlive versions of the component, and one that is damaged harms no other.

use twofactor_sandbox::{FactorState, FactorVerdict, StateError};

use super::trial::{Trial, call};
use crate::check::report::Report;

pub(super) async fn check(trial: &Trial<'_>, earlier: Option<&[FactorState]>, report: &mut Report) {
    let wrong = upgraded(trial).await.unwrap_or_else(|why| vec![why]);
    report.rule(
        "upgrade",
        wrong,
        "In `upgrade`, return a state of the current format unchanged, `later-format` for a higher one, and `damaged` for anything else.",
    );
    let wrong = damaged(trial).await.unwrap_or_else(|why| vec![why]);
    report.rule(
        "damaged-state",
        wrong,
        "Skip a state that cannot be read: the user's other factors must continue to work.",
    );
    match earlier {
        None => report.skip("earlier-states", "no states of released versions were passed with `--states`"),
        Some(states) => {
            let wrong = read(trial, states).await.unwrap_or_else(|why| vec![why]);
            report.rule("earlier-states", wrong, "Read every state that a released version wrote.");
        }
    }
}

async fn upgrade(trial: &Trial<'_>, state: &FactorState) -> Result<Result<FactorState, StateError>, String> {
    trial.factor.upgrade(state).await.map_err(|reason| format!("`upgrade` failed: {reason}"))
}

async fn upgraded(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let state = trial.enrol(&call("ann", 0), &[]).await?.state();
    let mut wrong = Vec::new();
    if upgrade(trial, &state).await? != Ok(state.clone()) {
        wrong.push("a state of the current format is not returned as it is".to_owned());
    }
    for format in [state.format.saturating_add(1), u32::MAX] {
        let later = FactorState { format, data: state.data.clone() };
        if upgrade(trial, &later).await? != Err(StateError::LaterFormat) {
            wrong.push("a state of a later format is not refused as `later-format`".to_owned());
        }
    }
    for data in garbage(&state) {
        let damaged = FactorState { format: state.format, data };
        if upgrade(trial, &damaged).await? != Err(StateError::Damaged) {
            wrong.push("data that is not a state is not refused as `damaged`".to_owned());
        }
    }
    Ok(wrong)
}

/// Returns data that is not a state.
fn garbage(state: &FactorState) -> Vec<Vec<u8>> {
    vec![Vec::new(), state.data[..state.data.len() / 2].to_vec(), vec![0xff; 64], b"{\"a\":1}".to_vec()]
}

async fn damaged(trial: &Trial<'_>) -> Result<Vec<String>, String> {
    let (other, held) = (trial.enrol(&call("ann", 0).seed(77), &[]).await?, trial.enrol(&call("ann", 0), &[]).await?);
    let mut wrong = Vec::new();
    for data in garbage(&other.enrolled.state) {
        let states = [FactorState { format: other.enrolled.state.format, data }, held.state()];
        let later = call("ann", 1);
        let used = trial.answered(&later, &mut held.person.clone(), &states).await;
        let verdict = match used {
            Ok((begun, answer)) => trial.verify(&later, &states, &begun.pending, &answer).await,
            Err(why) => Err(why),
        };
        match verdict {
            Ok(FactorVerdict::Right(accepted)) if accepted.index == 1 => {}
            Ok(_) => {
                wrong.push("if one state is damaged, the answer of the user's other factor is not accepted".to_owned())
            }
            Err(why) => wrong.push(format!("with one damaged state, {why}")),
        }
    }
    Ok(wrong)
}

async fn read(trial: &Trial<'_>, states: &[FactorState]) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    for (n, state) in states.iter().enumerate() {
        if let Err(error) = upgrade(trial, state).await? {
            wrong.push(format!("state {} of format {}: {error}", n + 1, state.format));
        }
    }
    Ok(wrong)
}
