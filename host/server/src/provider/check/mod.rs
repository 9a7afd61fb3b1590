//! `twofactor provider check`: does a component keep the contract?
//!
//! It is loaded as an operator would load it, asked what the contract asks, and has messages to deliver to upstreams of ours
//! on loopback that answer well, badly and not at all. What it makes of their answers is compared with what the contract says.

mod configuration;
mod delivery;
mod junit;
mod mail_server;
mod manifest;
mod report;
mod upstream;
mod verification;

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use twofactor::Network;

use mail_server::MailServer;
use report::{Report, Verdict};
use upstream::{Says, Script, Upstream};

use super::cache::Cache;
use super::cassette::{Answer, Cassette};
use crate::say::{self, say};

/// How long an upstream may be silent before the host gives up on it, here.
const PATIENCE: Duration = Duration::from_millis(700);

/// Checks a component and prints what was found; answers whether there is no fault. With `junit` it is written to that file too.
///
/// # Errors
/// If a file cannot be read, or the component cannot be loaded.
#[expect(clippy::too_many_arguments, reason = "each is an option of the command")]
pub async fn check(
    file: &Path,
    options: Option<&Path>,
    accepted: Option<&Path>,
    approved: Option<&Path>,
    replay: Option<&Path>,
    junit: Option<&Path>,
    as_json: bool,
    cache: &Cache,
) -> anyhow::Result<bool> {
    let bytes = super::read(file)?;
    let options = options.map(super::read_options).transpose()?;
    let mut says = match replay {
        Some(file) => recorded(&Cassette::read(file)?)?,
        None => {
            let accepted = taken(accepted.map(super::read).transpose()?.unwrap_or_else(|| b"{}".to_vec()));
            Says { before: Vec::new(), accepted, approved: None }
        }
    };
    if let Some(file) = approved {
        says.approved = Some(taken(super::read(file)?));
    }
    let report = examine(&bytes, options, says, cache).await;
    if let Some(to) = junit {
        let xml = match &report {
            Ok(report) => junit::of(report),
            Err(why) => junit::of_refusal(&file.display().to_string(), &format!("{why:#}")),
        };
        std::fs::write(to, xml).with_context(|| format!("{} cannot be written", to.display()))?;
    }
    let report = report?;
    if as_json {
        say!("{:#}", serde_json::to_value(&report)?)?;
    } else {
        say::write(report.in_words(std::io::stdout().is_terminal()))?;
    }
    Ok(report.count(Verdict::Fault) == 0)
}

/// What an upstream says, as JSON with 200.
fn taken(body: Vec<u8>) -> Script {
    Script::Answer { status: 200, headers: vec![("content-type".to_owned(), "application/json".to_owned())], body }
}

/// What a real one said.
fn recorded(cassette: &Cassette) -> anyhow::Result<Says> {
    let script = |answer: &Answer| -> anyhow::Result<Script> {
        Ok(Script::Answer { status: answer.status, headers: answer.headers.clone(), body: answer.body()? })
    };
    let mut before = cassette.accepted.iter().map(script).collect::<anyhow::Result<Vec<_>>>()?;
    let accepted = before.pop().context("there is no answer in it")?;
    Ok(Says { before, accepted, approved: cassette.approved.as_ref().map(script).transpose()? })
}

async fn examine(bytes: &[u8], options: Option<Value>, says: Says, cache: &Cache) -> anyhow::Result<Report> {
    let (upstream, mail_server) = (Upstream::start().await?, MailServer::start().await?);
    let network =
        Network::builder().stand_ins_for_all(upstream.address, mail_server.address).timeout(PATIENCE).build()?;
    let begin = Instant::now();
    let component = cache.load(bytes, network).await?;
    let info = component.info();
    let mut report = Report {
        provider: format!("{} {} (type `{}`)", info.manifest.name, info.manifest.version, info.manifest.type_id),
        digest: info.digest.clone(),
        component_bytes: bytes.len(),
        load_milliseconds: begin.elapsed().as_millis(),
        ..Report::default()
    };
    manifest::judge(info, &mut report);
    let options = options.or_else(|| info.manifest.options_schema.pointer("/examples/0").cloned());
    let Some(options) = options else {
        for rule in ["configure", "delivery"] {
            report.skip(rule, "give options that it accepts: `--options FILE`, or `examples` in its schema");
        }
        return Ok(report);
    };
    if let Some(configured) = configuration::judge(&component, &options, &mut report).await {
        delivery::judge(&component, &configured, &upstream, &mail_server, &says, &mut report).await;
    }
    Ok(report)
}
