//! Secrets go only where they were entered for. Destinations are compared before a change of
//! options or of a component, and whenever an instance's own options are combined with secrets of
//! the base service settings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Instances, Layers, Prepared};
use crate::error::Error;
use crate::store::{InstanceRecord, Part};
use twofactor_sandbox::Destination;
use twofactor_sandbox::{FieldError, OptionsSchema, Provider};

const ELSEWHERE: &str =
    "this change would send a stored secret to another destination; enter the secret again instead of its mask";

const OWN_ELSEWHERE: &str = "this change would send a stored secret of an instance to another destination; first enter the secret again in \
                             that instance, with its own destination";

const LEFT_OPEN: &str = "these settings no longer determine where the stored secret goes: an instance could send it elsewhere; keep the \
                         options that were set, or enter the secret again instead of its mask";

const UNKNOWN: &str = "it is not known where the stored secret would go after this change, since no instance is valid with it; enter the \
                       secret again instead of its mask";

const TOO_MANY: &str =
    "too many options to check together with a secret of the base service settings; give this instance its own secret";

const UNANSWERED: &str = "the destinations of secrets could not be determined; try again";

/// The maximum number of combinations of options that are evaluated to find the fewest necessary:
/// each may be a call of the component.
const COMBINATIONS: usize = 64;

/// An instance that changes together with the base service settings.
pub(crate) struct Changed {
    pub(crate) type_id: String,
    /// Its own options before, if it existed.
    pub(crate) before: Option<Value>,
    pub(crate) after: Value,
    /// Whether one of their secrets is a stored one.
    pub(crate) kept: bool,
}

impl Instances {
    /// Evaluates an instance's options over the base service settings. If a secret is inherited,
    /// the instance's own options may complete the settings but not send the secret elsewhere: a
    /// subscription's administrator does not know that secret.
    pub(crate) async fn evaluate_over(
        &self,
        provider: Option<Arc<Provider>>,
        Layers { base, own, site }: Layers<'_>,
    ) -> Result<Prepared, Error> {
        let layers = Layers { base, own, site };
        let evaluated = Prepared::evaluate_layers(provider.clone(), layers).await.map_err(Error::unavailable)?;
        let Some(asked) = provider.filter(|_| evaluated.is_valid()) else { return Ok(evaluated) };
        let states_nothing = own.as_object().is_none_or(|own| own.is_empty());
        if states_nothing || !inherits_a_secret(&asked, Layers { base, own, site: None }) {
            return Ok(evaluated);
        }
        let reached = match self.reached_by_the_least(asked.clone(), Layers { base, own, site: None }).await? {
            Ok(reached) => reached,
            Err(unknown) => return Ok(*unknown),
        };
        let elsewhere = beyond(&reached, evaluated.destinations());
        if elsewhere.is_empty() {
            return Ok(evaluated);
        }
        let problem = format!(
            "a secret of the base service settings would be sent to {}, which those settings do not allow; give this instance its own secret",
            listed(&elsewhere)
        );
        Ok(Prepared::invalid(Some(asked), vec![FieldError::new("", problem)]))
    }

    /// Returns what is reached with as few of the instance's own options as necessary, or the state
    /// of the instance if that cannot be determined. What the base settings state, even if it is not
    /// valid, they do not leave to instances.
    async fn reached_by_the_least(
        &self,
        asked: Arc<Provider>,
        Layers { base, own, .. }: Layers<'_>,
    ) -> Result<Result<Vec<Destination>, Box<Prepared>>, Error> {
        let own = own.as_object().cloned().unwrap_or_default();
        let required = asked.manifest().options_schema["required"].as_array();
        let is_required = |name: &String| required.is_some_and(|all| all.iter().any(|one| one == name));
        let left_open = own.keys().filter(|name| base.get(name.as_str()).is_none());
        let (needed, others): (Vec<&String>, Vec<&String>) = left_open.partition(|name| is_required(name));
        let mut evaluated_so_far = 0;
        for size in 0..=others.len() {
            let mut reached = Vec::new();
            for chosen in Combinations::new(others.len(), size) {
                evaluated_so_far += 1;
                if evaluated_so_far > COMBINATIONS {
                    return Ok(Err(Box::new(Prepared::invalid(Some(asked), vec![FieldError::new("", TOO_MANY)]))));
                }
                let chosen: Vec<&String> = chosen.iter().filter_map(|n| others.get(*n).copied()).collect();
                let mut few = own.clone();
                few.retain(|name, _| needed.contains(&name) || chosen.contains(&name));
                let few = Value::Object(few);
                let layers = Layers { base, own: &few, site: None };
                let evaluated =
                    Prepared::evaluate_layers(Some(asked.clone()), layers).await.map_err(Error::unavailable)?;
                if evaluated.is_unanswered() {
                    return Ok(Err(Box::new(evaluated)));
                }
                reached.extend(evaluated.is_valid().then(|| evaluated.destinations()));
            }
            if !reached.is_empty() {
                return Ok(Ok(reached.concat()));
            }
        }
        Ok(Ok(Vec::new()))
    }

    /// Refuses new options that would send a stored secret to another destination than it was
    /// entered for. Returns whether its destination is known.
    pub(crate) async fn same_destinations(
        &self,
        type_id: &str,
        before: Layers<'_>,
        after: Layers<'_>,
    ) -> Result<bool, Error> {
        Ok(self.kept_destinations(type_id, before, after, None).await?.1)
    }

    /// Returns the same for options whose secrets may have been sent before. Returns where they go with the
    /// new options, and whether those are valid.
    pub(crate) async fn kept_destinations(
        &self,
        type_id: &str,
        before: Layers<'_>,
        after: Layers<'_>,
        sent_to: Option<Vec<String>>,
    ) -> Result<(Option<Vec<String>>, bool), Error> {
        let provider = self.provider(type_id);
        let evaluated = self.answered(provider.clone(), before).await?;
        let new = self.answered(provider.clone(), after).await?;
        let known = if evaluated.is_valid() { Some(texts(&evaluated.destinations())) } else { sent_to };
        if !new.is_valid() {
            // Invalid options reach nothing. The step from there to a destination is checked when
            // it is made.
            return Ok((known, false));
        }
        let meant = match known {
            // The secret was sent nowhere yet: what counts is where the options would have sent it,
            // if that can be determined.
            Some(known) if known.is_empty() && !evaluated.is_valid() => {
                let own = fixed_by(&evaluated.problems, before.own, after.own);
                let fixed = self.answered(provider, Layers { base: before.base, own: &own, site: None }).await?;
                fixed.is_valid().then(|| texts(&fixed.destinations()))
            }
            Some(known) => Some(known),
            None => Some(Vec::new()),
        };
        if meant.is_some_and(|meant| meant != texts(&new.destinations())) {
            return Err(Error::invalid(ELSEWHERE));
        }
        Ok((Some(texts(&new.destinations())), true))
    }

    /// Returns where options send their secrets, nothing if they are not valid; `None` if that
    /// cannot be determined now.
    pub(crate) async fn destinations_of(&self, type_id: &str, layers: Layers<'_>) -> Option<Vec<String>> {
        let evaluated = self.answered(self.provider(type_id), layers).await.ok()?;
        Some(texts(&evaluated.destinations()))
    }

    /// Evaluates options. An error if the component returned no result.
    pub(super) async fn answered(
        &self,
        provider: Option<Arc<Provider>>,
        layers: Layers<'_>,
    ) -> Result<Prepared, Error> {
        let evaluated = self.evaluate_over(provider, layers).await?;
        if evaluated.is_unanswered() {
            return Err(Error::unavailable(UNANSWERED));
        }
        Ok(evaluated)
    }

    /// Refuses new base service settings that would send a stored secret elsewhere: one of theirs
    /// that is `kept`, through any instance of the type, or an instance's own. `together` are
    /// instances that change in the same step or are deleted.
    ///
    /// What these settings leave open, instances complete: also those that are created later. So a
    /// stored secret stays only if the settings leave no more open than before.
    pub(crate) async fn base_same_destinations(
        &self,
        type_id: &str,
        (before, after, kept): (&Value, &Value, bool),
        together: &BTreeMap<String, Option<Changed>>,
    ) -> Result<(), Error> {
        let Some(provider) = self.provider(type_id).filter(|_| before != after) else { return Ok(()) };
        let mut is_known = !kept;
        if kept {
            let nothing = Value::Object(Default::default());
            let alone = |own| Layers { base: &nothing, own, site: None };
            let same = self.same_destinations(type_id, alone(before), alone(after)).await?;
            let determined = self.answered(Some(provider.clone()), alone(before)).await?.is_valid();
            if !same && (determined || !sets_all_of(after, before)) {
                return Err(Error::invalid(LEFT_OPEN));
            }
            is_known |= same;
        }
        let mut all = BTreeMap::new();
        for record in self.of_type(type_id).await? {
            let own = self.open_options(&record)?;
            let (has_secrets, sent_to) = (!self.secrets(type_id, &own).is_empty(), self.sent_to(&record)?);
            all.insert(record.id, (own.clone(), own, has_secrets, sent_to));
        }
        for (id, changed) in together {
            match changed {
                Some(changed) if changed.type_id == type_id => {
                    let own = changed.before.as_ref().unwrap_or(&changed.after);
                    let sent_to = all.remove(id).filter(|_| *own == changed.after).and_then(|stored| stored.3);
                    all.insert(id.clone(), (own.clone(), changed.after.clone(), changed.kept, sent_to));
                }
                Some(_) => {}
                None => _ = all.remove(id),
            }
        }
        for (old, new, own_kept, sent_to) in all.into_values() {
            let is_moved = !kept && own_kept && old == new;
            let (old, new) =
                (Layers { base: before, own: &old, site: None }, Layers { base: after, own: &new, site: None });
            let was_valid = is_moved && self.answered(Some(provider.clone()), old).await?.is_valid();
            // An instance that the settings made invalid may become valid by the change, if its secret was sent nowhere yet.
            let may_be_fixed = is_moved && !was_valid && sent_to.as_ref().is_some_and(Vec::is_empty);
            if !kept && (!own_kept || may_be_fixed) {
                continue;
            }
            let sent_to = sent_to.filter(|_| is_moved);
            let same = self.kept_destinations(type_id, old, new, sent_to).await.map_err(|error| match error {
                error if error.is_invalid_input() && !kept => Error::invalid(OWN_ELSEWHERE),
                error => error,
            })?;
            is_known |= same.1 && inherits_a_secret(&provider, new);
        }
        if is_known { Ok(()) } else { Err(Error::invalid(UNKNOWN)) }
    }

    /// Returns where instances' secrets would go that they do not go now, if this component were
    /// used for its type.
    pub(crate) async fn new_destinations(&self, provider: &Arc<Provider>) -> Result<Vec<Destination>, Error> {
        let mut all = BTreeSet::new();
        for record in self.of_type(&provider.manifest().type_id).await? {
            // What cannot be evaluated now has no known destination.
            let before = self.prepared(&record).await.map(|before| before.destinations()).unwrap_or_default();
            let after = self.evaluate_with(&record, provider).await?;
            if after.is_unanswered() {
                // Its destinations would be known only once it is in use.
                let why = after.problems.first().map(|problem| problem.detail.clone()).unwrap_or_default();
                return Err(Error::invalid(format!("instance `{}`: {why}", record.id)));
            }
            all.extend(beyond(&before, after.destinations()));
        }
        Ok(all.into_iter().collect())
    }

    /// Returns the same for a component that was used before. What gives no result, or is not valid, now
    /// does not count against it: that may be the reason for the rollback.
    pub(crate) async fn destinations_back(&self, provider: &Arc<Provider>) -> Result<Vec<Destination>, Error> {
        let mut all = BTreeSet::new();
        for record in self.of_type(&provider.manifest().type_id).await? {
            let Some(before) = self.prepared(&record).await.ok().filter(|before| before.is_valid()) else { continue };
            let after = self.evaluate_with(&record, provider).await?;
            if after.is_unanswered() {
                return Err(Error::unavailable(UNANSWERED));
            }
            all.extend(beyond(&before.destinations(), after.destinations()));
        }
        Ok(all.into_iter().collect())
    }

    /// Evaluates a stored instance with a component.
    pub(super) async fn evaluate_with(
        &self,
        record: &InstanceRecord,
        provider: &Arc<Provider>,
    ) -> Result<Prepared, Error> {
        let (base, own) = (self.base_options(&record.type_id).await?, self.open_options(record)?);
        let site = self.site_for(Some(provider), &record.subscription).await?;
        let layers = Layers { base: &base, own: &own, site: site.as_ref() };
        Ok(self.evaluate_over(Some(provider.clone()), layers).await?.under(&self.policy(record)))
    }

    pub(super) async fn of_type(&self, type_id: &str) -> Result<Vec<InstanceRecord>, Error> {
        let mut all = Vec::new();
        for subscription in self.store.subscriptions(None, Part::whole()).await? {
            let records = self.store.instances(&subscription.id, Part::whole()).await?;
            all.extend(records.into_iter().filter(|record| record.type_id == type_id));
        }
        Ok(all)
    }
}

/// Returns whether options set whatever others set, perhaps to other values.
pub(super) fn sets_all_of(options: &Value, others: &Value) -> bool {
    others.as_object().is_none_or(|others| others.keys().all(|name| options.get(name).is_some()))
}

/// Returns options in which those with a problem are taken from others.
fn fixed_by(problems: &[FieldError], options: &Value, others: &Value) -> Value {
    let mut fixed = options.clone();
    for problem in problems {
        let Some((parent, name)) = problem.pointer.rsplit_once('/') else { continue };
        // JSON Pointer escapes these two (RFC 6901 section 3).
        let name = name.replace("~1", "/").replace("~0", "~");
        let Some(members) = fixed.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        match others.pointer(&problem.pointer) {
            Some(value) => _ = members.insert(name, value.clone()),
            None => _ = members.shift_remove(&name),
        }
    }
    fixed
}

/// The ways to choose some of a number of items, by their positions; an iterator, since there may
/// be very many.
struct Combinations {
    of: usize,
    next: Option<Vec<usize>>,
}

impl Combinations {
    fn new(of: usize, size: usize) -> Self {
        Self { of, next: (size <= of).then(|| (0..size).collect()) }
    }
}

impl Iterator for Combinations {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let current = self.next.take()?;
        // Advances the last position that can move, and places the later ones right after it.
        let last = current.len();
        if let Some(moved) = (0..last).rev().find(|n| current[*n] < self.of - (last - n)) {
            let mut next = current.clone();
            for (n, place) in next.iter_mut().enumerate().skip(moved) {
                *place = current[moved] + 1 + (n - moved);
            }
            self.next = Some(next);
        }
        Some(current)
    }
}

/// Returns whether a secret is in effect that the instance does not set itself.
pub(super) fn inherits_a_secret(provider: &Provider, Layers { base, own, .. }: Layers<'_>) -> bool {
    let mut inherited = base.as_object().cloned().unwrap_or_default();
    inherited.retain(|name, _| own.get(name).is_none());
    !OptionsSchema::new(&provider.manifest().options_schema).secrets(&Value::Object(inherited)).is_empty()
}

/// Returns what is in `after` and not in `before`.
fn beyond(before: &[Destination], mut after: Vec<Destination>) -> Vec<Destination> {
    after.retain(|destination| !before.contains(destination));
    after
}

/// Returns destinations as they are stored: as URLs.
pub(super) fn texts(destinations: &[Destination]) -> Vec<String> {
    destinations.iter().map(Destination::to_string).collect()
}

/// Returns destinations separated by commas.
pub(crate) fn listed(destinations: &[Destination]) -> String {
    texts(destinations).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_combinations_come_once_each_in_order() {
        let all = |of, size| Combinations::new(of, size).collect::<Vec<_>>();
        assert_eq!(all(3, 0), [Vec::<usize>::new()]);
        assert_eq!(all(3, 2), [vec![0, 1], vec![0, 2], vec![1, 2]]);
        assert_eq!(all(3, 3), [vec![0, 1, 2]]);
        assert!(all(2, 3).is_empty());
        assert_eq!(Combinations::new(12, 6).count(), 924);
        assert_eq!(Combinations::new(500, 250).take(3).count(), 3);
    }
}
