//! `twofactor provider check`: does a component keep the contract?
//!
//! It is loaded as an operator would load it, asked what the contract asks, and has messages to deliver to upstreams of ours
//! on loopback that answer well, badly and not at all. What it makes of their answers is compared with what the contract says.

mod configuration;
mod delivery;
mod failures;
mod hidden;
mod junit;
mod leaks;
mod letters;
mod mail;
mod mail_server;
mod manifest;
mod names;
mod recipient;
mod report;
mod reports;
mod texts;
mod upstream;
mod verification;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use twofactor::Network;
use twofactor::sandbox::Recording;

use mail_server::MailServer;
use report::{Report, Verdict};
use upstream::{Says, Script, Upstream};

use super::cassette::{Answer, Cassette};
use super::compile_cache::Cache;
use super::try_provider::must_be;
use crate::output::{self, print_line};

/// How long an upstream may be silent before the host gives up on it, here.
const PATIENCE: Duration = Duration::from_millis(700);

/// What is checked, and with what.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The component.
    file: PathBuf,
    /// Options that it accepts, a JSON file; without them the first of the schema's `examples`.
    #[arg(long)]
    options: Option<PathBuf>,
    /// To whom messages go: for a provider that does not take every recipient. Nothing leaves the machine.
    #[arg(long, value_name = "RECIPIENT")]
    to: Option<String>,
    /// What the upstream says when it takes a message, a file with the body of its answer; `{}` without one.
    #[arg(long, value_name = "FILE")]
    accepted: Option<PathBuf>,
    /// What the upstream says when an answer is right, a file with the body of its answer: for a provider whose upstream makes the
    /// codes.
    #[arg(long, value_name = "FILE")]
    approved: Option<PathBuf>,
    /// What a real upstream said when it took a message, and what it was asked before: a file that `provider try --record` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "accepted")]
    replay: Option<PathBuf>,
    /// What the upstream reports of a message that arrived, a file with the body of its report: for a provider that reads reports.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Writes the findings as JUnit XML too, for a CI server.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: Cache,
}

/// Checks a component and prints what was found; answers whether there is no fault.
///
/// # Errors
/// If a file cannot be read, or the component cannot be loaded.
pub async fn check(asked: &Check) -> anyhow::Result<bool> {
    let bytes = super::read(&asked.file)?;
    let options = asked.options.as_deref().map(super::read_options).transpose()?;
    let body = |file: &Option<PathBuf>| file.as_deref().map(super::read).transpose();
    let mut says = match &asked.replay {
        Some(file) => recorded(Cassette::read(file)?)?,
        None => Says { accepted: body(&asked.accepted)?.map(Script::json), ..Says::default() },
    };
    if let Some(body) = body(&asked.approved)? {
        says.approved = Some(Script::json(body));
    }
    says.reports = body(&asked.report)?;
    let report = examine(&bytes, options, asked.to.as_deref(), says, &asked.cache).await;
    if let Some(to) = &asked.junit {
        let xml = match &report {
            Ok(report) => junit::of(report),
            Err(why) => junit::of_refusal(&asked.file.display().to_string(), &format!("{why:#}")),
        };
        std::fs::write(to, xml).with_context(|| format!("{} cannot be written", to.display()))?;
    }
    let report = report?;
    if asked.json {
        print_line!("{:#}", serde_json::to_value(&report)?)?;
    } else {
        output::print(report.in_words(std::io::stdout().is_terminal()))?;
    }
    Ok(report.count(Verdict::Fault) == 0)
}

/// What a real one said.
fn recorded(cassette: Cassette) -> anyhow::Result<Says> {
    let scripts = |answers: Vec<Answer>| -> Vec<Script> {
        let script = |Answer { status, headers, body, .. }| Script::Answer { status, headers, body: body.into_bytes() };
        answers.into_iter().map(script).collect()
    };
    let (mut before, mut before_answer) = (scripts(cassette.accepted), scripts(cassette.approved));
    let accepted = before.pop().context("there is no answer in it")?;
    let approved = before_answer.pop();
    Ok(Says { before, accepted: Some(accepted), before_answer, approved, reports: None })
}

async fn examine(
    bytes: &[u8],
    options: Option<Value>,
    to: Option<&str>,
    says: Says,
    cache: &Cache,
) -> anyhow::Result<Report> {
    let (upstream, mail_server) = (Upstream::start().await?, MailServer::start().await?);
    let recording = Recording::new();
    let network = Network::builder()
        .stand_ins_for_all(upstream.address, mail_server.address)
        .recording(&recording)
        .timeout(PATIENCE)
        .build()?;
    let begin = Instant::now();
    let component = cache.load_for_rehearsal(bytes, network).await?;
    let info = component.info();
    let to = to.unwrap_or_else(|| recipient::somebody(info.manifest.recipient));
    must_be(info.manifest.recipient, to)?;
    let mut report = Report {
        provider: format!("{} {} (type `{}`)", info.manifest.name, info.manifest.version, info.manifest.type_id),
        digest: info.digest.clone(),
        component_bytes: bytes.len(),
        load_milliseconds: begin.elapsed().as_millis(),
        ..Report::default()
    };
    manifest::judge(info, &mut report);
    names::judge(info, &mut report);
    let options = options.or_else(|| info.manifest.options_schema.pointer("/examples/0").cloned());
    let Some(options) = options else {
        let wrong = vec!["without options `configure` and `deliver` were not checked at all".to_owned()];
        report.judge("options", wrong, "Give options that it accepts: `examples` in its schema, or `--options FILE`.");
        return Ok(report);
    };
    report.judge("options", Vec::new(), "");
    if let Some(configured) = configuration::judge(&component, &options, &mut report).await {
        reports::judge(&component, &configured, &options, says.reports.as_deref(), &mut report).await;
        let ends = delivery::Ends { upstream: &upstream, mail_server: &mail_server, recording: &recording };
        delivery::judge(&component, &configured, ends, to, &says, &mut report).await;
    }
    Ok(report)
}
