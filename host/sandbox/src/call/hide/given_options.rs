//! The options that a component receives while it can reach somebody: without secrets, and with placeholders for those that the
//! host puts into requests.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::placed_secrets::PlacedSecrets;
use super::placeholder::NoPlaceholder;
use crate::egress::Secret;

/// Options as a component receives them while it can reach somebody.
pub(crate) struct GivenOptions {
    /// In JSON, without secrets and without placeholders.
    without_secrets: String,
    /// With an empty text in place of each secret that has a placeholder.
    seen: Value,
    /// The secrets that have placeholders, by their JSON Pointers.
    placed: Vec<(String, Secret)>,
    /// The values of all secrets, also of those that the component does not receive.
    secrets: Vec<Secret>,
}

impl GivenOptions {
    /// `seen` has an empty text in place of each of the `placed` secrets; `secrets` are the values of all.
    pub(crate) fn new(
        without_secrets: Value,
        seen: Value,
        placed: Vec<(String, Secret)>,
        secrets: Vec<Secret>,
    ) -> Self {
        Self { without_secrets: without_secrets.to_string(), seen, placed, secrets }
    }

    /// Returns the options in JSON without anything in place of a secret.
    pub(crate) fn without_secrets(&self) -> &str {
        &self.without_secrets
    }

    /// Returns the options in JSON for one call, with new placeholders, and what these stand for.
    ///
    /// # Errors
    /// If there are no random numbers.
    pub(crate) fn for_call(&self) -> Result<(Cow<'_, str>, Option<Arc<PlacedSecrets>>), NoPlaceholder> {
        if self.placed.is_empty() {
            return Ok((Cow::Borrowed(&self.without_secrets), None));
        }
        let secrets = PlacedSecrets::new(&self.placed)?;
        let mut options = self.seen.clone();
        for (pointer, letters) in secrets.letters() {
            if let Some(place) = options.pointer_mut(pointer) {
                *place = Value::from(letters);
            }
        }
        Ok((Cow::Owned(options.to_string()), Some(Arc::new(secrets))))
    }

    /// Returns the values of all secrets: a component that receives one, or learns one from its upstream, does not repeat it.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        self.secrets.iter().map(|secret| secret.expose().to_owned())
    }
}
