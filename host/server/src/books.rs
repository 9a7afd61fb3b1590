//! Commands that work on the store and its keys, also while a server runs on them.

use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::json;
use twofactor::{Actor, Keyring, NewAccount, Role};

use crate::config::{Config, build};
use crate::serve::announce;

/// Issues a token and prints it, this once, as a line of JSON.
///
/// # Errors
/// If the store does not open, or the role names a subscription that does not exist.
pub async fn issue_token(config: &Path, name: &str, role: Role, expires_at: Option<Timestamp>) -> anyhow::Result<()> {
    let engine = build(Config::read(config)?.store_builder()?).await?;
    let (info, token) = engine.administration(Actor::new("command line")).issue_token(name, role, expires_at).await?;
    announce(&json!({"id": info.id, "name": info.name, "token": token}))
}

/// Makes a link with which a person sets a password, and prints it, this once, as a line of JSON. With a name and a role the
/// account is made; without them it is there already, and the link may let in without a second factor though one is demanded.
///
/// # Errors
/// If the store does not open, there is such an account or none, or the role names a subscription that does not exist.
pub async fn invite_account(
    config: &Path,
    email: &str,
    new: Option<(String, Role)>,
    without_second_factor: bool,
) -> anyhow::Result<()> {
    let config = Config::read(config)?;
    let base = config.base_url(config.listen)?;
    let accounts = build(config.store_builder()?).await?.accounts();
    let actor = Actor::new("command line");
    let (account, invitation) = match new {
        Some((name, role)) => {
            let new = NewAccount { name, email: email.to_owned(), phone: None, role };
            accounts.create(&actor, new).await?
        }
        None => {
            let account = accounts.find(email).await?;
            let invitation = match without_second_factor {
                true => accounts.invite_without_second_factor(&actor, &account.id).await?,
                false => accounts.invite(&actor, &account.id).await?,
            };
            (account, invitation)
        }
    };
    let link = format!("{base}{}", invitation.path());
    announce(&json!({"id": account.id, "invitation": link, "expires_at": invitation.expires_at}))
}

/// Prints, as a line of JSON, whether log-ins to accounts demand a second factor and whose instances deliver it. With `turn_off` they
/// demand none any longer, until somebody next logs in with one: the way back where it is broken.
///
/// # Errors
/// If the store does not open, or somebody else changes it at this moment.
pub async fn second_factor(config: &Path, turn_off: bool) -> anyhow::Result<()> {
    let accounts = build(Config::read(config)?.store_builder()?).await?.accounts();
    let mut set = accounts.second_factor_settings().await?;
    if turn_off && set.demanded_since.is_some() {
        let (chosen, revision) = (set.subscription, Some(set.revision));
        set = accounts.set_second_factor(&Actor::new("command line"), chosen, false, revision).await?;
    }
    let (subscription, since) = (set.subscription, set.demanded_since);
    announce(&json!({"subscription": subscription, "demanded": since.is_some(), "demanded_since": since}))
}

/// Adds a key: what is sealed and signed from now on uses it, what was before stays good. Servers take it at their next start.
///
/// # Errors
/// If the key file cannot be read or written.
pub fn rotate_keys(config: &Path) -> anyhow::Result<()> {
    let file = Config::read(config)?.key_file();
    Keyring::rotate(&file).with_context(|| format!("`keys.file` = {}", file.display()))?;
    announce(&json!({"keys": file}))
}

/// Looks at every line of the audit log.
///
/// # Errors
/// If a line is missing or changed, or the store does not open.
pub async fn verify_audit_log(config: &Path) -> anyhow::Result<()> {
    let engine = build(Config::read(config)?.store_builder()?).await?;
    let check = engine.administration(Actor::new("command line")).verify_audit_log().await?;
    if let Some(problem) = check.problem {
        bail!("the audit log is not whole after line {}: {problem}", check.lines);
    }
    announce(&json!({"lines": check.lines, "whole": true}))
}
