//! Rules about arrays.

use std::collections::HashSet;

use serde_json::Value;

use super::{Check, Faults, Part, Seen, Valid};
use crate::schema::compile::Rule;
use crate::schema::fault::Violation;
use crate::schema::number::{canonical, count};

impl<'s, 'v> Check<'s, 'v> {
    pub(super) fn items(
        &mut self,
        rule: &'s Rule,
        value: &'v Value,
        items: &'v [Value],
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let length = items.len() as u64;
        let violation = match rule {
            Rule::MinItems(limit) if length < *limit => Violation::MinItems(*limit),
            Rule::MaxItems(limit) if length > *limit => Violation::MaxItems(*limit),
            Rule::UniqueItems => {
                let (mut known, mut text) = (HashSet::new(), String::new());
                for item in items {
                    self.spend(count(item))?;
                    text.clear();
                    canonical(item, &mut text);
                    if !known.insert(text.clone()) {
                        return self.fault(None, Violation::Unique, faults);
                    }
                }
                return Ok(true);
            }
            Rule::Items { prefix, rest } => {
                let mut is_valid = true;
                for (index, item) in items.iter().enumerate() {
                    let Some(id) = prefix.get(index).or(rest.as_ref()) else { break };
                    is_valid &= self.within(Part::Index(index), *id, item, faults)?;
                    seen.note(index);
                }
                return Ok(is_valid);
            }
            Rule::UnevaluatedItems(id) => {
                let mut is_valid = true;
                for (index, item) in items.iter().enumerate().filter(|(index, _)| !seen.has(*index)) {
                    is_valid &= self.within(Part::Index(index), *id, item, faults)?;
                }
                seen.all = true;
                return Ok(is_valid);
            }
            Rule::Contains { schema, least, most } => {
                let mut found = 0;
                for (index, item) in items.iter().enumerate() {
                    if self.is_valid(*schema, item, &mut Seen::default())? {
                        found += 1;
                        seen.note(index);
                    }
                }
                if found >= *least && most.is_none_or(|most| found <= most) {
                    return Ok(true);
                }
                Violation::Keyword("contains")
            }
            rule => return self.plain(rule, value, faults),
        };
        self.fault(None, violation, faults)
    }
}
