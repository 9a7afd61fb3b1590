//! Commands for tokens, accounts, keys and the audit log. They work on the store and its keys, even while a server uses them.

use std::path::Path;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::json;
use twofactor::Actor;
use twofactor::accounts::NewAccount;
use twofactor::keyring::Keyring;
use twofactor::token::Role;

use crate::config::{Config, build};
use crate::serve::announce;

/// Issues a token and prints it as a line of JSON. It is shown only once.
///
/// # Errors
/// If the store cannot be opened, or a subscription does not exist.
pub(super) async fn issue_token(
    config: &Path,
    name: &str,
    role: Role,
    expires_at: Option<Timestamp>,
) -> anyhow::Result<()> {
    let engine = build(Config::read(config)?.store_builder().await?).await?;
    let (info, token) = engine.administration(Actor::new("command line")).issue_token(name, role, expires_at).await?;
    announce(&json!({"id": info.id, "name": info.name, "token": token}))
}

/// Creates a link with which a person sets a password, and prints it as a line of JSON. It is shown only once. With a name and a role,
/// the account is created; otherwise it exists already, and the link can skip the second factor.
///
/// # Errors
/// If the store cannot be opened, the account exists already or does not exist, or a subscription does not exist.
pub(super) async fn invite_account(
    config: &Path,
    email: &str,
    new: Option<(String, Role)>,
    without_second_factor: bool,
) -> anyhow::Result<()> {
    let config = Config::read(config)?;
    let base = config.base_url(config.listen)?;
    let accounts = build(config.store_builder().await?).await?.accounts();
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

/// Prints, as a line of JSON, whether logins require a second factor and which subscription delivers it. With `turn_off`, turns the
/// requirement off; the next login with a delivered code turns it on again. Use it if delivery is broken.
///
/// # Errors
/// If the store cannot be opened, or someone else changes the setting at the same time.
pub(super) async fn second_factor(config: &Path, turn_off: bool) -> anyhow::Result<()> {
    let accounts = build(Config::read(config)?.store_builder().await?).await?.accounts();
    let mut set = accounts.second_factor_settings().await?;
    if turn_off && set.demanded_since.is_some() {
        let (chosen, revision) = (set.subscription, Some(set.revision));
        set = accounts.set_second_factor(&Actor::new("command line"), chosen, false, revision).await?;
    }
    let (subscription, since) = (set.subscription, set.demanded_since);
    announce(&json!({"subscription": subscription, "required": since.is_some(), "required_since": since}))
}

/// Adds a key. Servers use it for new data after their next start; existing data stays readable.
///
/// # Errors
/// If the key file cannot be read or written.
pub(super) fn rotate_keys(config: &Path) -> anyhow::Result<()> {
    let file = Config::read(config)?.key_file()?;
    Keyring::rotate(&file).with_context(|| format!("`keys.file` = {}", file.display()))?;
    announce(&json!({"keys": file}))
}

/// Verifies every entry of the audit log.
///
/// # Errors
/// If an entry is missing or was changed, or the store cannot be opened.
pub(super) async fn verify_audit_log(config: &Path) -> anyhow::Result<()> {
    let engine = build(Config::read(config)?.store_builder().await?).await?;
    let check = engine.administration(Actor::new("command line")).verify_audit_log().await?;
    if let Some(problem) = check.problem {
        bail!("the integrity of the audit log is violated after entry {}: {problem}", check.lines);
    }
    announce(&json!({"lines": check.lines, "whole": true}))
}
