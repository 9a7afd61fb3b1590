//! `twofactor provider try`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail};
use twofactor::Network;
use twofactor::sandbox::{DeliveryFailure, Message, RecipientKind, Recording, StartedVerification, Verdict};

use super::cassette::Cassette;
use super::compile_cache::Cache;
use crate::output::print_line;
use crate::wording;

/// What is tried, and with what.
#[derive(Debug, clap::Args)]
pub struct Try {
    /// The component.
    file: PathBuf,
    /// Its options, a JSON file.
    #[arg(long)]
    options: PathBuf,
    /// To whom: an email address, a telephone number in E.164, or what else the provider takes.
    #[arg(long, value_name = "RECIPIENT")]
    to: String,
    /// Puts a stand-in on loopback in the place of an upstream: `https://api.example.com=127.0.0.1:8000`.
    #[arg(long, value_name = "ORIGIN=ADDRESS")]
    stand_in: Vec<String>,
    /// Keeps the upstream's answer in a file, if it took the message: without secrets, code and recipient.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
}

/// Has a component deliver one code and prints what happened. The code is printed too: whoever tries compares it with what arrived. With `record` the
/// upstream's answer is kept in that file, if it took the message.
///
/// # Errors
/// If the component cannot be loaded, its options are not valid, or nothing was delivered.
pub async fn try_provider(asked: &Try) -> anyhow::Result<()> {
    let Try { file, options, to, stand_in: stand_ins, record, cache } = asked;
    let recording = Recording::new();
    let mut network = Network::builder();
    if record.is_some() {
        network = network.recording(&recording);
    }
    let mut replaced = Vec::new();
    for stand_in in stand_ins {
        let (origin, address) = stand_in.rsplit_once('=').context("a stand-in is written as `ORIGIN=ADDRESS`")?;
        let address = address.parse().with_context(|| format!("`{address}` is no address with a port"))?;
        network = network.stand_in(origin, address);
        replaced.push(origin.to_ascii_lowercase());
    }
    let component = cache.load(&super::read(file)?, network.build()?).await?;
    let manifest = &component.info().manifest;
    print_line!("{} {} (type `{}`)", manifest.name, manifest.version, manifest.type_id)?;
    must_be(manifest.recipient, to)?;
    let options = super::read_options(options)?;
    let configured = component.configure(&options).await.map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("  {}: {}", or_whole(&problem.option), problem.message));
        anyhow!("the options are not valid:\n{}", lines.collect::<Vec<_>>().join("\n"))
    })?;
    // Otherwise the code would go out for real, to whom nobody meant it to.
    let endpoints = configured.endpoints();
    if let Some(nobodys) = replaced.iter().find(|origin| !endpoints.iter().any(|endpoint| is_same(endpoint, origin))) {
        bail!(
            "the instance does not reach {nobodys}, so nothing was sent: with these options it reaches {}. Give --stand-in for that",
            endpoints.join(", ")
        );
    }
    print_line!("It may reach:")?;
    for connection in configured.connections() {
        print_line!("  - {}", wording::connection(&connection))?;
    }
    let code = random_code()?;
    if component.verifies() {
        print_line!("The upstream makes the code.")?;
    } else {
        print_line!("The code is {code}.")?;
    }
    let begin = Instant::now();
    // A new one each time: an upstream that knows repeats would keep the second to itself.
    let id = format!("try-{:016x}", getrandom::u64().map_err(|error| anyhow!("there are no random numbers: {error}"))?);
    let message = Message { id, ..message(&code, to) };
    let answer = if component.verifies() {
        configured.begin(message).await.map(|(receipt, begun)| (receipt, Some(begun)))
    } else {
        configured.deliver(message).await.map(|receipt| (receipt, None))
    };
    let took = begin.elapsed().as_millis();
    let (receipt, begun) = answer
        .map_err(|failure| anyhow!("{} after {took} ms: {}{}", failure.name(), failure.reason(), wait(&failure)))?;
    print_line!("delivered in {took} ms")?;
    if !receipt.reference.is_empty() {
        print_line!("  reference: {}", receipt.reference)?;
    }
    if let Some(segments) = receipt.segments {
        print_line!("  segments: {segments}")?;
    }
    for (name, value) in &receipt.extra {
        print_line!("  {name}: {value}")?;
    }
    let accepted = recording.exchanges();
    let typed = match &begun {
        Some(begun) => typed(begun)?,
        None => None,
    };
    let verdict = match (&begun, &typed) {
        (Some(begun), Some(typed)) => Some(configured.check(&begun.state, typed).await),
        _ => None,
    };
    if let Some(to_file) = record {
        if begun.is_some() && typed.is_none() {
            bail!("nothing was kept: it could hold the code, which nobody typed");
        }
        let mut approved = recording.exchanges().split_off(accepted.len());
        if !matches!(verdict, Some(Ok(Verdict::Right))) {
            approved.clear();
        }
        let mut unspeakable = component.secrets(&options);
        unspeakable.extend([code, to.to_owned()]);
        unspeakable.extend(typed);
        let provider = format!("{} {}", manifest.name, manifest.version);
        let cassette = Cassette::new(&provider, &accepted, &approved, unspeakable);
        cassette.context("nothing was kept")?.write(to_file)?;
        print_line!("What it answered is kept in {}: `provider check --replay` gives it again.", to_file.display())?;
    }
    let failed = |failure: DeliveryFailure| anyhow!("{}: {}{}", failure.name(), failure.reason(), wait(&failure));
    match verdict.transpose().map_err(failed)? {
        Some(Verdict::Wrong) => bail!("wrong"),
        Some(Verdict::Expired) => bail!("over: the upstream takes no more answers"),
        Some(Verdict::Right) => print_line!("right")?,
        None => {}
    }
    Ok(())
}

/// The wait that the provider passed on.
fn wait(failure: &DeliveryFailure) -> String {
    match failure {
        DeliveryFailure::RetryLater { after_seconds: Some(seconds), .. } => {
            format!("; to be tried again in {seconds} s")
        }
        DeliveryFailure::RetryLater { after_seconds: None, .. } => {
            "; to be tried again, without a wait that was named".to_owned()
        }
        _ => String::new(),
    }
}

/// Whether an origin is written for an endpoint, with the port that is understood or without.
fn is_same(endpoint: &str, origin: &str) -> bool {
    let plain =
        |text: &str| text.strip_prefix("https://").map_or(text, |rest| rest.trim_end_matches(":443")).to_owned();
    endpoint.starts_with("smtp://") == origin.starts_with("smtp://") && plain(endpoint) == plain(origin)
}

/// What arrived, if somebody sits there and types it.
fn typed(begun: &StartedVerification) -> anyhow::Result<Option<String>> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        print_line!("Type the {} digits that arrived, or nothing:", begun.code_length)?;
    }
    let mut line = String::new();
    input.read_line(&mut line).context("what is typed cannot be read")?;
    let digits: String = line.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("a code has digits only");
    }
    Ok((!digits.is_empty()).then_some(digits))
}

/// That a recipient is as providers of this kind are given it.
pub(super) fn must_be(kind: RecipientKind, to: &str) -> anyhow::Result<()> {
    if kind == RecipientKind::PhoneNumber && !is_e164(to) {
        bail!("the recipient must be a telephone number in E.164, such as +41791234567");
    }
    Ok(())
}

/// In the spelling that providers are given: no spaces.
fn is_e164(number: &str) -> bool {
    number
        .strip_prefix('+')
        .is_some_and(|digits| (2..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

fn or_whole(pointer: &str) -> &str {
    if pointer.is_empty() { "(all)" } else { pointer }
}

fn random_code() -> anyhow::Result<String> {
    let number = getrandom::u32().map_err(|error| anyhow!("there are no random numbers: {error}"))?;
    Ok(format!("{:06}", number % 1_000_000))
}

/// A message that reads like those of a sign-in.
pub(super) fn message(code: &str, to: &str) -> Message {
    Message {
        id: "sample".to_owned(),
        recipient: to.to_owned(),
        subject: "Your code".to_owned(),
        text: format!("{code} is your code. It is good for 5 minutes."),
        html: Some(format!("<p><b>{code}</b> is your code. It is good for 5 minutes.</p>")),
        code: code.to_owned(),
        valid_seconds: 300,
        locale: "en".to_owned(),
        purpose: "sign-in".to_owned(),
        application: "TwoFactor".to_owned(),
        extra: Vec::new(),
    }
}
