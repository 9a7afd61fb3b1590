//! What a secret in an exported document was sealed for. An import gives it to nothing else, whatever is stored when it comes.
//!
//! A secret is sealed for where it goes. If that is not known, since the options are not valid, it is sealed for these options.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::destinations::{inherits_a_secret, texts};
use super::{Changed, Instances, Layers};
use crate::error::Error;

const OTHER_TYPE: &str = "a secret was sealed for an instance of another type; write the secret, or a reference to it";

const ELSEWHERE: &str =
    "a sealed secret would go to another destination than it was sealed for; write the secret, or a reference to it";

const LEFT_OPEN: &str = "these settings determine less about where a sealed secret goes than those it was sealed with: an instance could send it \
                         elsewhere; set the same options, or write the secret, or a reference to it";

const NOT_VALID: &str = "it is not known where a sealed secret would go, since these options are not valid and not those it was sealed with; \
                         correct them, or write the secret, or a reference to it";

const UNKNOWN: &str = "it is not known where a sealed secret would go, since no instance of the document or the installation is valid with \
                       these settings; write the secret, or a reference to it";

/// What a secret was sealed for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SealedFor {
    /// The type of the instance or of the base service settings.
    #[serde(rename = "type")]
    type_id: String,
    #[serde(flatten)]
    goes: Goes,
}

/// Where a secret goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Goes {
    /// To these destinations, which the options determine.
    To(Vec<String>),
    /// To these destinations, through the instances that complete base service settings with these options.
    Through(Vec<String>, BTreeSet<String>),
    /// Where these options send it: a digest of them without their secrets.
    With(String),
}

impl Instances {
    /// Returns what the secrets among an instance's own options are sealed for.
    ///
    /// # Errors
    /// If the component does not say where they go.
    pub(crate) async fn sealed_for(&self, type_id: &str, layers: Layers<'_>) -> Result<SealedFor, Error> {
        let goes = match self.valid_destinations(type_id, layers).await? {
            Ok(destinations) => Goes::To(destinations),
            Err(_) => Goes::With(self.digest(type_id, layers)),
        };
        Ok(SealedFor { type_id: type_id.to_owned(), goes })
    }

    /// Returns the same for the secrets of base service settings.
    ///
    /// # Errors
    /// If the component does not say where they go.
    pub(crate) async fn base_sealed_for(&self, type_id: &str, base: &Value) -> Result<SealedFor, Error> {
        let (determined, reached) = self.base_destinations(type_id, base, &BTreeMap::new()).await?;
        let goes = match reached.map(|reached| reached.into_iter().collect()) {
            Some(reached) if determined => Goes::To(reached),
            Some(reached) => {
                let names = base.as_object().into_iter().flat_map(|base| base.keys().cloned());
                Goes::Through(reached, names.collect())
            }
            None => Goes::With(self.base_digest(type_id, base)),
        };
        Ok(SealedFor { type_id: type_id.to_owned(), goes })
    }

    /// Refuses an instance's own options that would give sealed secrets to something they were not sealed for. Those that are stored already
    /// (`are_stored`) may become invalid by the base service settings: then the secrets go nowhere.
    pub(crate) async fn check_sealed(
        &self,
        type_id: &str,
        layers: Layers<'_>,
        sealed: &BTreeSet<SealedFor>,
        are_stored: bool,
    ) -> Result<(), Error> {
        if sealed.iter().any(|one| one.type_id != type_id) {
            return Err(Error::invalid(OTHER_TYPE));
        }
        let reached = self.valid_destinations(type_id, layers).await?;
        let digest = self.digest(type_id, layers);
        for one in sealed {
            match (&one.goes, &reached) {
                (Goes::With(options), _) if *options == digest => {}
                (Goes::To(sealed_for), Ok(reached)) if sealed_for == reached => {}
                (_, Ok(_)) => return Err(Error::invalid(ELSEWHERE)),
                (_, Err(_)) if are_stored => {}
                (_, Err(problem)) => return Err(Error::invalid(format!("{NOT_VALID}: {problem}"))),
            }
        }
        Ok(())
    }

    /// Refuses base service settings that would give sealed secrets to something they were not sealed for. `together` are instances that
    /// change in the same step or are deleted.
    pub(crate) async fn check_base_sealed(
        &self,
        type_id: &str,
        base: &Value,
        sealed: &BTreeSet<SealedFor>,
        together: &BTreeMap<String, Option<Changed>>,
    ) -> Result<(), Error> {
        let (determined, reached) = self.base_destinations(type_id, base, together).await?;
        let digest = self.base_digest(type_id, base);
        for one in sealed {
            let (sealed_for, leaves_no_more_open) = match &one.goes {
                Goes::With(options) if *options == digest => continue,
                Goes::With(_) => (&Vec::new(), false),
                Goes::To(sealed_for) => (sealed_for, determined),
                Goes::Through(sealed_for, names) => {
                    (sealed_for, determined || names.iter().all(|name| base.get(name).is_some()))
                }
            };
            match &reached {
                // Instances that went to others of them may be gone.
                Some(reached) if leaves_no_more_open && reached.iter().all(|one| sealed_for.contains(one)) => {}
                // Instances complete these settings: also those that are created later.
                Some(reached) if reached.iter().all(|one| sealed_for.contains(one)) => {
                    return Err(Error::invalid(LEFT_OPEN));
                }
                Some(_) => return Err(Error::invalid(ELSEWHERE)),
                None => return Err(Error::invalid(UNKNOWN)),
            }
        }
        Ok(())
    }

    /// Returns where options send their secrets, or the first problem if they are not valid.
    ///
    /// # Errors
    /// If that cannot be determined now.
    async fn valid_destinations(
        &self,
        type_id: &str,
        layers: Layers<'_>,
    ) -> Result<Result<Vec<String>, String>, Error> {
        let evaluated = self.answered(self.provider(type_id), layers).await?;
        if evaluated.is_valid() {
            return Ok(Ok(texts(&evaluated.destinations())));
        }
        let problem = evaluated.problems.first().map(|problem| format!("{} {}", problem.pointer, problem.detail));
        Ok(Err(problem.unwrap_or_default().trim_start().to_owned()))
    }

    /// Returns whether base service settings determine by themselves where their secrets go, and where they go by these settings alone and
    /// through each instance that inherits one; none if nothing is valid with them. `together` are instances that change in the same step or are deleted.
    ///
    /// # Errors
    /// If that cannot be determined now.
    async fn base_destinations(
        &self,
        type_id: &str,
        base: &Value,
        together: &BTreeMap<String, Option<Changed>>,
    ) -> Result<(bool, Option<BTreeSet<String>>), Error> {
        let Some(provider) = self.provider(type_id) else { return Ok((false, None)) };
        let mut all = BTreeMap::new();
        for record in self.of_type(type_id).await? {
            let own = self.open_options(&record)?;
            all.insert(record.id, own);
        }
        for (id, changed) in together {
            match changed {
                Some(changed) if changed.type_id == type_id => _ = all.insert(id.clone(), changed.after.clone()),
                Some(_) => {}
                None => _ = all.remove(id),
            }
        }
        let nothing = Value::Object(Default::default());
        let alone = Layers { base: &nothing, own: base, site: None };
        let through = all.values().map(|own| Layers { base, own, site: None });
        let through = through.filter(|layers| inherits_a_secret(&provider, *layers));
        let alone = self.valid_destinations(type_id, alone).await?.ok();
        let determined = alone.is_some();
        let mut found: Option<BTreeSet<String>> = alone.map(|reached| reached.into_iter().collect());
        for layers in through {
            if let Ok(reached) = self.valid_destinations(type_id, layers).await? {
                found.get_or_insert_default().extend(reached);
            }
        }
        Ok((determined, found))
    }

    /// Returns a digest of options without their secrets, whatever the order of their names is.
    fn digest(&self, type_id: &str, Layers { base, own, .. }: Layers<'_>) -> String {
        let mut options = json!([self.masked(type_id, base), self.masked(type_id, own)]);
        options.sort_all_objects();
        hex::encode(Sha256::digest(options.to_string()))
    }

    fn base_digest(&self, type_id: &str, base: &Value) -> String {
        self.digest(type_id, Layers { base, own: &json!({}), site: None })
    }
}
