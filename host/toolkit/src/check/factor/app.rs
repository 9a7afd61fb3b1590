//! Rules for authenticator apps: which codes are accepted when, and what the app is shown.

use twofactor_sandbox::FactorVerdict;

use super::common::LONG_AFTER;
use super::person::Person;
use super::trial::{Trial, call, name};
use crate::check::report::Report;

/// The fewest bits of a secret (RFC 4226 section 4, R6).
const BITS: usize = 128;

/// How many steps before and after the current one a code may be of. One is usual, and two for a clock that is known to be off.
const WINDOW: i64 = 3;

pub(super) async fn check(trial: &Trial<'_>, report: &mut Report) {
    let begun = trial.begin_enrolment(&call("ann", 0), &[]).await;
    let Ok(Ok(Person::App(app))) = begun.map(|begun| Person::of(&begun, 0)) else {
        report.skip("otpauth", "no authenticator app secret is revealed");
        return;
    };
    let mut wrong = app.complaints.clone();
    if app.bits < BITS {
        wrong.push(format!("the secret has {} bits, fewer than {BITS}", app.bits));
    }
    report.rule("otpauth", wrong, "Write the URI as apps read it, with a secret of 160 bits.");
    let wrong = times(trial, app.period).await.unwrap_or_else(|why| vec![why]);
    report.rule(
        "time",
        wrong,
        "Accept the codes of the current step and its neighbours, and none of a step that is not after the last used one.",
    );
}

async fn times(trial: &Trial<'_>, period: i64) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    let held = trial.enrol(&call("ann", 0), &[]).await?;
    let Person::App(app) = &held.person else { return Ok(wrong) };
    let now = call("ann", 50);
    let pending = trial.begin_challenge(&now, &[held.state()]).await?.pending;
    for steps in [-LONG_AFTER / period, -10, -WINDOW, WINDOW, 10, LONG_AFTER / period] {
        let code = app.code(now.now + steps * period);
        if code == app.code(now.now) {
            continue;
        }
        let verdict = trial.verify(&now, &[held.state()], &pending, &code).await?;
        if !matches!(verdict, FactorVerdict::Wrong) {
            wrong.push(format!("the code of {steps} steps from now is {}", name(&verdict)));
        }
    }
    // A code of a step before the last used one, which nobody has used.
    let (accepted, _) = trial.use_rightly(&now, &mut held.person.clone(), &[held.state()]).await?;
    let earlier = app.code(now.now - period);
    for (when, call) in [("at once", now.clone()), ("when the clock goes back", now.clone().at(now.now - period))] {
        let verdict = trial.verify(&call, std::slice::from_ref(&accepted.state), &pending, &earlier).await?;
        if matches!(verdict, FactorVerdict::Right(_)) {
            wrong.push(format!("the code of a step before the last used one is accepted {when}"));
        }
    }
    let back = now.clone().at(now.now - 20 * period);
    let verdict = trial.verify(&back, std::slice::from_ref(&accepted.state), &pending, &app.code(back.now)).await?;
    if matches!(verdict, FactorVerdict::Right(_)) {
        wrong.push("a code is accepted after the clock went back behind the last use".to_owned());
    }
    Ok(wrong)
}
