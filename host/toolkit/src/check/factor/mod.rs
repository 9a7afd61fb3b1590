//! Checks a factor component: a simulated person enrols factors, and gives right and wrong answers.
//!
//! | what a rule is about | where |
//! |---|---|
//! | every kind of factor | `common.rs` |
//! | authenticator apps: codes in time, the URI | `app.rs` |
//! | codes that are shown once | `paper.rs` |
//! | passkeys: origins, flags, signatures | `passkey.rs`, with the authenticator in `authenticator.rs` |
//! | stored states | `states.rs` |
//!
//! All of them use `trial.rs`, which calls the component, and `person.rs`, which answers.

mod app;
mod authenticator;
mod cbor;
mod common;
mod otpauth;
mod paper;
mod passkey;
mod person;
mod states;
mod trial;

use serde_json::Value;
use twofactor_sandbox::{AnswerKind, Component, FactorState, Recording};

use super::configure::located;
use super::report::Report;
use trial::{Trial, site};

/// What the rules need beside the component.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// Valid options.
    pub(super) options: &'a Value,
    /// States that released versions of the component wrote.
    pub(super) states: Option<&'a [FactorState]>,
    /// Collects the details that the component gives about answers.
    pub(super) recording: &'a Recording,
}

/// Checks a component that was loaded to be measured.
pub(super) async fn check(component: &Component, given: Given<'_>, report: &mut Report) {
    let configured = match component.configure_at(given.options, &site()).await {
        Ok(configured) => configured,
        Err(problems) => {
            let told = problems.iter().map(located).collect();
            report.rule("configure", told, "Accept options that satisfy the schema, for the site `login.example.com`.");
            return;
        }
    };
    report.rule("configure", Vec::new(), "");
    let Some(factor) = configured.factor() else { return };
    let trial = Trial::new(component, factor);
    if !common::check_enrolment(&trial, report).await {
        return;
    }
    common::check(&trial, report).await;
    states::check(&trial, given.states, report).await;
    match (factor.manifest().enrolment, factor.manifest().challenge) {
        (AnswerKind::WebauthnCreate, _) => passkey::check(&trial, component, given.options, report).await,
        (AnswerKind::ShowOnce, _) => paper::check(&trial, report).await,
        _ => app::check(&trial, report).await,
    }
    common::check_details(given.recording, report);
    common::check_fuel(&trial, report);
}
