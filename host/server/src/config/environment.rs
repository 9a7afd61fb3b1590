//! Environment variables that override keys of the configuration: `TWOFACTOR_STORE__PATH` is `path` in `[store]`.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail};

use super::Config;
use super::renamed::{hint, renamed};

/// The beginning of the name of every variable that overrides the file.
const PREFIX: &str = "TWOFACTOR_";

/// Returns the variables of this process that override the configuration.
pub(super) fn variables() -> BTreeMap<String, String> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let value = value.into_string().unwrap_or_default();
        (name.starts_with(PREFIX) && !is_of_kubernetes(&name, &value)).then_some((name, value))
    });
    variables.collect()
}

impl Config {
    /// Parses a configuration, overridden by variables.
    pub(super) fn parse(text: &str, variables: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        if variables.is_empty() {
            // Only the text by itself knows its lines.
            return toml::from_str(text).map_err(of_the_file);
        }
        let mut table: toml::Table = toml::from_str(text)?;
        for (name, value) in variables {
            override_key(&mut table, name, value)?;
        }
        if table.clone().try_into::<Self>().is_err() && toml::from_str::<Self>(text).is_ok() {
            // One of the variables is wrong: find out which.
            for (name, value) in variables {
                let mut alone: toml::Table = toml::from_str(text)?;
                override_key(&mut alone, name, value)?;
                if let Err(error) = alone.try_into::<Self>() {
                    bail!("environment variable {name}: {}", of_a_variable(name, error.message()));
                }
            }
        }
        table.try_into().map_err(|error: toml::de::Error| match toml::from_str::<Self>(text) {
            // The file by itself is wrong: its error has the line.
            Err(in_the_file) if in_the_file.message() == error.message() => of_the_file(in_the_file),
            _ => anyhow!(error).context("the file with the environment variables applied"),
        })
    }
}

/// Returns an error in the file, which names the new key where an old one is used.
fn of_the_file(error: toml::de::Error) -> anyhow::Error {
    match hint(error.message()) {
        Some(hint) => anyhow!(error).context(hint),
        None => error.into(),
    }
}

/// Returns what is wrong with a variable: of an old name, the new one.
fn of_a_variable(name: &str, message: &str) -> String {
    let Some((old, new)) = renamed(message) else { return message.to_owned() };
    let last = |key: &'static str| key.rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
    let (old, new) = (last(old), last(new));
    let keys = name.trim_start_matches(PREFIX).split("__").map(|key| if key == old { &new } else { key });
    format!("use {PREFIX}{}", keys.collect::<Vec<_>>().join("__"))
}

/// Replaces the value of the key that a variable names.
fn override_key(table: &mut toml::Table, name: &str, value: &str) -> anyhow::Result<()> {
    let keys = name.trim_start_matches(PREFIX).to_ascii_lowercase();
    set(table, &keys.split("__").collect::<Vec<_>>(), scalar(value))
        .with_context(|| format!("environment variable {name}"))
}

/// Returns whether Kubernetes set a variable. For a service whose name begins with `twofactor`, each container of the namespace gets variables
/// such as `TWOFACTOR_SERVICE_HOST`, `TWOFACTOR_PORT` = `tcp://10.0.0.1:443` and `TWOFACTOR_PORT_443_TCP_ADDR`.
pub(super) fn is_of_kubernetes(name: &str, value: &str) -> bool {
    if name.contains("__") {
        return false;
    }
    let after_port = || name.rsplit_once("_PORT_").map(|(_, rest)| rest.split('_').collect::<Vec<_>>());
    let protocol = |text: &str| matches!(text, "TCP" | "UDP" | "SCTP");
    let port = |text: &str| text.parse::<u16>().is_ok();
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT") && value.contains("://")
        || matches!(after_port().as_deref(), Some([number, kind]) if port(number) && protocol(kind))
        || matches!(after_port().as_deref(), Some([number, kind, "PROTO" | "ADDR"]) if port(number) && protocol(kind))
        // `…_PORT_443_TCP_PORT`: the last part is a port as well.
        || name.strip_suffix("_PORT").is_some_and(|rest| protocol(rest.rsplit('_').next().unwrap_or_default()))
}

/// Reads the value of a variable as TOML, or else as a string: `8080`, `true`, `["a"]`, `10.0.0.1:80`.
fn scalar(text: &str) -> toml::Value {
    let read = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    // A text with a line break could bring more keys.
    let one = read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    one.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn set(table: &mut toml::Table, keys: &[&str], value: toml::Value) -> anyhow::Result<()> {
    match keys {
        [] | [""] => bail!("its name contains no key"),
        [key] => {
            table.insert((*key).to_owned(), value);
            Ok(())
        }
        [key, rest @ ..] => match table.entry(*key).or_insert_with(|| toml::Table::new().into()) {
            toml::Value::Table(inner) => set(inner, rest, value),
            _ => bail!("`{key}` is not a table"),
        },
    }
}
