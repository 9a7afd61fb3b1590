//! Tries a component with a real upstream.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};
use twofactor_sandbox::{DeliveryFailure, Message, Network, Recording, StartedVerification, Verdict};

use crate::cassette::Cassette;
use crate::compile_cache::CompileCacheArgs;
use crate::output::print_line;
use crate::sample::{check_recipient, message};
use crate::wording;

/// The arguments of `try`.
#[derive(Debug, clap::Args)]
pub struct TryArgs {
    /// The component.
    file: PathBuf,
    /// The options, a JSON file.
    #[arg(long, value_name = "FILE")]
    options: PathBuf,
    /// The recipient: an email address, a phone number in E.164 format, or a handle that the provider knows.
    #[arg(long, value_name = "RECIPIENT")]
    to: String,
    /// Connect to another address in place of an upstream: `https://api.example.com=127.0.0.1:8000`.
    #[arg(long = "override", value_name = "ORIGIN=ADDRESS")]
    overrides: Vec<String>,
    /// Record the upstream's responses to a file if it accepts the message, without secrets, the code or the recipient.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    cache: CompileCacheArgs,
}

/// Has a component deliver one code and prints what happened, with the code, which is compared with what arrives.
///
/// # Errors
/// If the component cannot be loaded, its options are not valid, or nothing was delivered.
pub async fn try_provider(arguments: &TryArgs) -> anyhow::Result<()> {
    let TryArgs { file, options, to, overrides, record, cache } = arguments;
    let recording = Recording::new();
    let mut network = Network::builder();
    if record.is_some() {
        network = network.recording(&recording);
    }
    let mut replaced = Vec::new();
    for given in overrides {
        let (origin, address) = given.rsplit_once('=').context("`--override` must have the form `ORIGIN=ADDRESS`")?;
        let address = address.parse().with_context(|| format!("`{address}` is not an IP address with a port"))?;
        network = network.override_endpoint(origin, address);
        replaced.push(origin.to_ascii_lowercase());
    }
    let component = cache.load(&crate::read(file)?, network.build()?).await?;
    let manifest = &component.info().manifest;
    print_line!("{} {} (type `{}`)", manifest.name, manifest.version, manifest.type_id)?;
    let Some(kind) = manifest.recipient else {
        bail!("the provider verifies factors and sends nothing: use `check`");
    };
    check_recipient(kind, to)?;
    let options = crate::read_options(options)?;
    let configured = component.configure(&options).await.map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("  {}: {}", or_whole(&problem.pointer), problem.detail));
        anyhow!("the options are not valid:\n{}", lines.collect::<Vec<_>>().join("\n"))
    })?;
    // Otherwise the code would be sent to the real upstream, which was not intended.
    let endpoints = configured.endpoints();
    if let Some(unknown) = replaced.iter().find(|origin| !endpoints.iter().any(|endpoint| is_same(endpoint, origin))) {
        bail!(
            "the instance does not reach {unknown}, so nothing was sent. With these options it reaches {}: pass one of these to \
             `--override`",
            endpoints.join(", ")
        );
    }
    print_line!("Allowed connections:")?;
    for connection in configured.connections() {
        print_line!("  - {}", wording::connection(&connection))?;
    }
    let code = random_code()?;
    if component.verifies() {
        print_line!("The upstream generates the code.")?;
    } else {
        print_line!("The code is {code}.")?;
    }
    let begin = Instant::now();
    // A new id each time: an upstream that detects repeats would not deliver the second message.
    let id =
        format!("try-{:016x}", getrandom::u64().map_err(|error| anyhow!("cannot generate random numbers: {error}"))?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let message = Message { id, ..message(&code, to) };
    let message = message.with_context(i64::try_from(now).unwrap_or_default(), kind);
    let answer = if component.verifies() {
        configured.begin(message).await.map(|(receipt, started)| (receipt, Some(started)))
    } else {
        configured.deliver(message).await.map(|receipt| (receipt, None))
    };
    let took = begin.elapsed().as_millis();
    let (receipt, started) = answer
        .map_err(|failure| anyhow!("{} after {took} ms: {}{}", failure.name(), failure.reason(), wait(&failure)))?;
    print_line!("Delivered in {took} ms.")?;
    if !receipt.reference.is_empty() {
        print_line!("  reference: {}", receipt.reference)?;
    }
    if let Some(segments) = receipt.segments {
        print_line!("  segments: {segments}")?;
    }
    if let Some(price) = &receipt.price {
        print_line!("  price: {price}")?;
    }
    for (name, value) in &receipt.extra {
        print_line!("  {name}: {value}")?;
    }
    let accepted = recording.exchanges();
    let typed = match &started {
        Some(started) => typed(started)?,
        None => None,
    };
    let verdict = match (&started, &typed) {
        (Some(started), Some(typed)) => Some(configured.check(&started.state, typed).await),
        _ => None,
    };
    if let Some(to_file) = record {
        if started.is_some() && typed.is_none() {
            bail!("nothing was recorded: without the code it cannot be redacted");
        }
        let mut approved = recording.exchanges().split_off(accepted.len());
        if !matches!(verdict, Some(Ok(Verdict::Right))) {
            approved.clear();
        }
        let mut redacted = component.secrets(&options);
        redacted.extend([code, to.to_owned()]);
        redacted.extend(typed);
        let provider = format!("{} {}", manifest.name, manifest.version);
        let cassette = Cassette::new(&provider, &accepted, &approved, redacted);
        cassette.context("nothing was recorded")?.write(to_file)?;
        print_line!("Recorded the upstream's responses in {}, for `check --replay`.", to_file.display())?;
    }
    let failed = |failure: DeliveryFailure| anyhow!("{}: {}{}", failure.name(), failure.reason(), wait(&failure));
    match verdict.transpose().map_err(failed)? {
        Some(Verdict::Wrong) => bail!("the code is wrong"),
        Some(Verdict::Expired) => bail!("the verification has expired: the upstream accepts no more answers"),
        Some(Verdict::Right) => print_line!("The code is correct.")?,
        None => {}
    }
    Ok(())
}

/// Describes the wait that the provider passed on.
fn wait(failure: &DeliveryFailure) -> String {
    match failure {
        DeliveryFailure::RetryLater { after_seconds: Some(seconds), .. } => {
            format!("; retry after {seconds} s")
        }
        DeliveryFailure::RetryLater { after_seconds: None, .. } => "; retry later, no wait was given".to_owned(),
        _ => String::new(),
    }
}

/// Returns whether an origin names an endpoint, with or without its default port.
fn is_same(endpoint: &str, origin: &str) -> bool {
    let plain =
        |text: &str| text.strip_prefix("https://").map_or(text, |rest| rest.trim_end_matches(":443")).to_owned();
    endpoint.starts_with("smtp://") == origin.starts_with("smtp://") && plain(endpoint) == plain(origin)
}

/// Reads the code that arrived; `None` if nothing was typed.
fn typed(started: &StartedVerification) -> anyhow::Result<Option<String>> {
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        print_line!("Enter the {}-digit code that arrived, or nothing:", started.code_length)?;
    }
    let mut line = String::new();
    input.read_line(&mut line).context("cannot read the code")?;
    let digits: String = line.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("a code consists of digits");
    }
    Ok((!digits.is_empty()).then_some(digits))
}

fn or_whole(pointer: &str) -> &str {
    if pointer.is_empty() { "(all)" } else { pointer }
}

fn random_code() -> anyhow::Result<String> {
    let number = getrandom::u32().map_err(|error| anyhow!("cannot generate random numbers: {error}"))?;
    Ok(format!("{:06}", number % 1_000_000))
}
