//! Rules about objects.

use serde_json::{Map, Value};

use super::{Check, Faults, Part, Seen, Valid};
use crate::schema::compile::{Id, Node, Rule};
use crate::schema::fault::Violation;
use crate::schema::number::length;

impl<'s, 'v> Check<'s, 'v> {
    pub(super) fn members(
        &mut self,
        rule: &'s Rule,
        value: &'v Value,
        members: &'v Map<String, Value>,
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let number = members.len() as u64;
        let violation = match rule {
            Rule::MinProperties(limit) if number < *limit => Violation::Keyword("minProperties"),
            Rule::MaxProperties(limit) if number > *limit => Violation::Keyword("maxProperties"),
            Rule::Required(names) => return self.required(names, members, faults),
            Rule::DependentRequired(all) => {
                let mut is_valid = true;
                for (name, names) in all {
                    self.spend(1 + length(name))?;
                    if members.contains_key(name) {
                        is_valid &= self.required(names, members, faults)?;
                    }
                }
                return Ok(is_valid);
            }
            Rule::Properties { .. } => return self.properties(rule, members, faults, seen),
            Rule::PropertyNames(id) => {
                for name in members.keys() {
                    self.spend(length(name))?;
                    let name = Value::from(name.as_str());
                    // In a validation of its own, since the name is not part of the options.
                    let (compiled, path) = (std::mem::take(&mut self.compiled), Vec::new());
                    let mut inner =
                        Check { steps: self.steps, nesting: self.nesting, schema: self.schema, path, compiled };
                    let is_valid = inner.is_valid(*id, &name, &mut Seen::default());
                    (self.steps, self.compiled) = (inner.steps, inner.compiled);
                    if !is_valid? {
                        return self.fault(name.as_str(), Violation::Keyword("propertyNames"), faults);
                    }
                }
                return Ok(true);
            }
            Rule::UnevaluatedProperties(id) => {
                let mut is_valid = true;
                for (index, (name, member)) in members.iter().enumerate() {
                    self.spend(1)?;
                    if !seen.has(index) {
                        is_valid &= self.other(*id, name, member, faults)?;
                    }
                }
                seen.all = true;
                return Ok(is_valid);
            }
            rule => return self.plain(rule, value, faults),
        };
        self.fault(None, violation, faults)
    }

    fn required(&mut self, names: &'s [String], members: &Map<String, Value>, faults: &mut Faults<'s>) -> Valid {
        let mut is_valid = true;
        for name in names {
            self.spend(1 + length(name))?;
            if !members.contains_key(name) {
                is_valid = self.fault(Some(name), Violation::Required, faults)?;
            }
        }
        Ok(is_valid)
    }

    fn properties(
        &mut self,
        rule: &'s Rule,
        members: &'v Map<String, Value>,
        faults: &mut Faults<'s>,
        seen: &mut Seen,
    ) -> Valid {
        let Rule::Properties { named, patterns, others } = rule else { return Ok(true) };
        let mut is_valid = true;
        let mut known = vec![false; members.len()];
        for (index, (name, member)) in members.iter().enumerate() {
            self.spend(1 + length(name))?;
            if let Some(id) = named.get(name) {
                is_valid &= self.within(Part::Name(name), *id, member, faults)?;
                known[index] = true;
            }
        }
        for (pattern, id) in patterns {
            for (index, (name, member)) in members.iter().enumerate() {
                if self.is_in(pattern, name)? {
                    is_valid &= self.within(Part::Name(name), *id, member, faults)?;
                    known[index] = true;
                }
            }
        }
        for (index, (name, member)) in members.iter().enumerate() {
            if let Some(id) = others.filter(|_| !known[index]) {
                is_valid &= self.other(id, name, member, faults)?;
                known[index] = true;
            }
        }
        if self.schema.has_unevaluated {
            self.spend(known.len() as u64 / 64)?;
            seen.add(&Seen { all: false, some: known });
        }
        Ok(is_valid)
    }

    /// Validates a member that no other rule names.
    fn other(&mut self, id: Id, name: &'v str, value: &'v Value, faults: &mut Faults<'s>) -> Valid {
        if matches!(self.schema.nodes[id], Node::Never) {
            self.spend(1)?;
            return self.fault(Some(name), Violation::Unknown, faults);
        }
        self.within(Part::Name(name), id, value, faults)
    }
}
