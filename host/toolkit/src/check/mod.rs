//! Checks a component against the contract.
//!
//! The component is loaded as an operator would load it, asked for its manifest and its connections, and has messages to deliver to servers
//! on loopback that respond correctly, incorrectly and not at all. What it reports is compared with the contract.
//!
//! # How to add a rule
//! A rule has an id, which stays the same for ever, and a remedy. Put it into the file of its subject, or into a new one:
//!
//! | what the rule is about | where |
//! |---|---|
//! | manifest and options schema | `manifest.rs`; it gets the `ProviderInfo` |
//! | `configure` | `configure.rs` |
//! | a response of the upstream and the outcome that it must lead to | a row of `failures.rs`, or of `verification.rs` |
//! | a response that the author gives, and its outcome | `answers.rs` |
//! | answers to a factor's enrolments and challenges | `factor/`: see its table |
//! | the request, or what is reported | a function over [`run::Run`], called in `delivery.rs` |
//!
//! Call [`Report::rule`](report::Report::rule) once, with what is wrong and how to fix it. Then add a component that breaks the rule to
//! `tests/wrong/src/lib.rs`, and a row that names it to `tests/check.rs`, which fails if the rule does not find it. `UPDATE_TEXTS=1` writes
//! its finding to `tests/texts`.
//!
//! The files know those below them only: `delivery` the rules, the rules `run`, `run` the servers.

mod answers;
mod code_placeholder;
mod configure;
mod delivery;
mod delivery_reports;
mod factor;
mod failures;
mod forbidden;
mod junit;
mod leaks;
mod mail;
mod mail_server;
mod manifest;
mod placed_secrets;
mod recipient;
mod report;
mod reserved_types;
mod run;
mod schema;
mod texts;
mod unknown_options;
mod upstream;
mod verification;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;
use twofactor_sandbox::{Component, FactorState, Network, Recording, SandboxLimits};

use answers::Answer;
use mail_server::MailServer;
pub use report::{Finding, Report, Verdict};
use upstream::{Responses, Script, Upstream};

use crate::cassette::{Cassette, RecordedResponse};
use crate::compile_cache::CompileCacheArgs;
use crate::output::{self, print_line};
use crate::sample::check_recipient;

/// How long the host waits for a response of an upstream.
const PATIENCE: Duration = Duration::from_millis(700);

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The component.
    file: PathBuf,
    /// Valid options, a JSON file; by default the first of the schema's `examples`.
    #[arg(long, value_name = "FILE")]
    options: Option<PathBuf>,
    /// The recipient of the messages, for a provider that does not accept every recipient. Nothing leaves this machine.
    #[arg(long, value_name = "RECIPIENT")]
    to: Option<String>,
    /// The body of the upstream's response when it accepts a message; `{}` by default.
    #[arg(long, value_name = "FILE")]
    accepted_response: Option<PathBuf>,
    /// The body of the upstream's response when an answer is correct, for a provider whose upstream generates the codes.
    #[arg(long, value_name = "FILE")]
    approved_response: Option<PathBuf>,
    /// Responses of the real upstream, recorded by `try --record`.
    #[arg(long, value_name = "FILE", conflicts_with = "accepted_response")]
    replay: Option<PathBuf>,
    /// The body of the upstream's report about a delivered message, for a provider that reads delivery reports.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// A folder of responses of the real upstream, especially error responses; its `answers.json` says which outcome each must produce.
    #[arg(long, value_name = "FOLDER")]
    answers: Option<PathBuf>,
    /// States that released versions of a factor component wrote: a JSON list of `{"format": NUMBER, "data": BASE64}`.
    #[arg(long, value_name = "FILE")]
    states: Option<PathBuf>,
    /// Write the findings to a file as JUnit XML, for a CI server.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CompileCacheArgs,
}

/// Checks a component, prints the findings, and returns whether there is no fault.
///
/// # Errors
/// If a file cannot be read, or the component cannot be loaded.
pub async fn check(arguments: &CheckArgs) -> anyhow::Result<bool> {
    let bytes = crate::read(&arguments.file)?;
    let options = arguments.options.as_deref().map(crate::read_options).transpose()?;
    let body = |file: &Option<PathBuf>| file.as_deref().map(crate::read).transpose();
    let mut responses = match &arguments.replay {
        Some(file) => recorded(Cassette::read(file)?)?,
        None => Responses { accepted: body(&arguments.accepted_response)?.map(Script::json), ..Responses::default() },
    };
    if let Some(body) = body(&arguments.approved_response)? {
        responses.approved = Some(Script::json(body));
    }
    responses.report = body(&arguments.report)?;
    let answers = arguments.answers.as_deref().map(answers::read).transpose()?.unwrap_or_default();
    let states: Option<Vec<FactorState>> = match &arguments.states {
        Some(file) => {
            let states = serde_json::from_slice(&crate::read(file)?);
            Some(states.with_context(|| format!("{} is not a list of states", file.display()))?)
        }
        None => None,
    };
    let given = Given { to: arguments.to.as_deref(), responses, answers, states };
    let report = examine(&bytes, options, given, &arguments.cache).await;
    if let Some(to) = &arguments.junit {
        let xml = match &report {
            Ok(report) => junit::of(report),
            Err(why) => junit::of_refusal(&arguments.file.display().to_string(), &format!("{why:#}")),
        };
        std::fs::write(to, xml).with_context(|| format!("cannot write {}", to.display()))?;
    }
    let report = report?;
    if arguments.json {
        print_line!("{:#}", serde_json::to_value(&report)?)?;
    } else {
        output::print(report.to_text(std::io::stdout().is_terminal()))?;
    }
    Ok(report.count(Verdict::Fault) == 0)
}

/// Checks a component and returns the findings. Without `options` it is checked with the first of its schema's `examples`.
///
/// # Errors
/// If the component cannot be loaded.
pub async fn check_component(component: &[u8], options: Option<Value>) -> anyhow::Result<Report> {
    examine(component, options, Given::default(), &CompileCacheArgs::default()).await
}

/// Returns the responses of a recorded upstream.
fn recorded(cassette: Cassette) -> anyhow::Result<Responses> {
    let scripts = |recorded: Vec<RecordedResponse>| -> Vec<Script> {
        let script = |RecordedResponse { status, headers, body, .. }| Script::Respond {
            status,
            headers,
            body: body.into_bytes(),
        };
        recorded.into_iter().map(script).collect()
    };
    let (mut before, mut before_answer) = (scripts(cassette.accepted), scripts(cassette.approved));
    let accepted = before.pop().context("the recording contains no response")?;
    let approved = before_answer.pop();
    Ok(Responses { before, accepted: Some(accepted), before_answer, approved, ..Responses::default() })
}

/// What an author gives beside the component and its options.
#[derive(Default)]
struct Given<'a> {
    to: Option<&'a str>,
    responses: Responses,
    answers: Vec<Answer>,
    states: Option<Vec<FactorState>>,
}

async fn examine(
    bytes: &[u8],
    options: Option<Value>,
    given: Given<'_>,
    cache: &CompileCacheArgs,
) -> anyhow::Result<Report> {
    let (upstream, mail_server) = (Upstream::start().await?, MailServer::start().await?);
    let recording = Recording::new();
    let network = Network::builder()
        .override_all(upstream.address, mail_server.address)
        .recording(&recording)
        .timeout(PATIENCE)
        .build()?;
    let begin = Instant::now();
    let component = cache.load_for_rehearsal(bytes, network).await?;
    let info = component.info();
    let mut report = Report {
        provider: format!("{} {} (type `{}`)", info.manifest.name, info.manifest.version, info.manifest.type_id),
        digest: info.digest.clone(),
        component_bytes: bytes.len(),
        load_milliseconds: begin.elapsed().as_millis(),
        ..Report::default()
    };
    manifest::check(info, &mut report);
    reserved_types::check(info, &mut report);
    let options = options.or_else(|| info.manifest.options_schema.pointer("/examples/0").cloned());
    // A factor needs no options as a rule.
    let none = serde_json::json!({});
    let needs_none = info.manifest.factor.is_some() && component.satisfies_schema(&none);
    let options = options.or_else(|| needs_none.then_some(none));
    let Some(options) = options else {
        let wrong = vec!["without options `configure` and `deliver` were not checked at all".to_owned()];
        report.rule("options", wrong, "Provide valid options: as `examples` in the schema, or with `--options FILE`.");
        return Ok(report);
    };
    report.rule("options", Vec::new(), "");
    let Some(kind) = info.manifest.recipient else {
        examine_factor(bytes, &options, given.states.as_deref(), &mut report).await?;
        return Ok(report);
    };
    let Given { to, responses, answers, .. } = given;
    let to = to.unwrap_or_else(|| recipient::default(kind));
    check_recipient(kind, to)?;
    if let Some(configured) = configure::check(&component, &options, &mut report).await {
        delivery_reports::check(&component, &configured, &options, responses.report.as_deref(), &mut report).await;
        let servers = run::Servers { upstream: &upstream, mail_server: &mail_server, recording: &recording };
        delivery::check(&component, &configured, &options, servers, (kind, to), (&responses, &answers), &mut report)
            .await;
    }
    Ok(report)
}

/// Checks a component that verifies factors: compiled once more, so that what it computes is measured.
async fn examine_factor(
    bytes: &[u8],
    options: &Value,
    states: Option<&[FactorState]>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let recording = Recording::new();
    let network = Network::builder().recording(&recording).build()?;
    let mut limits = SandboxLimits::default();
    // Instructions are counted, because their number is the same on every machine.
    limits.factor_running_time = limits.running_time;
    let component = Component::load_to_measure(bytes, network, limits).await?;
    // What it says of each wrong answer is in the recording, and would bury the findings.
    let checking = factor::check(&component, factor::Given { options, states, recording: &recording }, report);
    checking.with_subscriber(NoSubscriber::default()).await;
    Ok(())
}
